// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/rbd/volume_world.h"

#include <chrono>
#include <map>
#include <utility>

#include "base/strings.h"
#include "kms/default_secret.h"
#include "rbd/orphans.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::testing {
namespace {

constexpr char kClusterConfig[] = R"([
  {"clusterID": "rook-ceph", "monitors": ["127.0.0.1:6789"]},
  {"clusterID": "6b0fce22-94d5-4bd6-9a1f-1f4f2f3f5a10", "monitors": ["127.0.0.1:6789"]}])";
constexpr char kKmsConfig[] =
    R"({"store": {"encryptionKMSType": "store"}, "wrap": {"KMS_PROVIDER": "wrap"}})";

template <typename T>
kms::ProviderFactory Always(std::shared_ptr<T> kms) {
  return [kms](const Context&, const kms::ConfigEntry&,
               const kms::KmsRequest&) -> Result<std::shared_ptr<kms::Kms>> { return kms; };
}

}  // namespace

Driver::Driver(FakeCeph& ceph,
               FakeClock& clock,
               const rbd::ClusterConfig& clusters,
               kms::Registry& registry,
               const std::string& identity)
    : clock_(clock),
      registry_(registry),
      process_(ceph.StartProcess()),
      locator_(clusters, *process_, "default"),
      credentials_{.user = "csi", .key = Secret("a2V5")},
      identity_(identity) {}

Context Driver::context() const {
  return Context({.clock = &clock_});
}

rbd::VolumeFlowParts Driver::Parts() const {
  rbd::VolumeLock::Options lock;
  lock.identity = identity_;
  lock.process = Cat(identity_, "/", life_);
  return {
      .locator = locator_,
      .kms = registry_,
      .lock = lock,
      .on_unreleased_dek = [this](const rbd::UnreleasedDek& dek) { unreleased_.push_back(dek); }};
}

Result<rbd::CreatedVolume> Driver::Create(const rbd::CreateVolumeSpec& spec) {
  return rbd::VolumeFlow(Parts()).Create(context(), caller(), spec);
}

Status Driver::Delete(const std::string& volume_id) {
  return rbd::VolumeFlow(Parts()).Delete(context(), caller(), volume_id);
}

Result<rbd::ExpandedVolume> Driver::Expand(const std::string& volume_id, std::uint64_t size_bytes) {
  return rbd::VolumeFlow(Parts()).Expand(context(), caller(), volume_id, size_bytes);
}

Result<rbd::StageableVolume> Driver::Prepare(const std::string& volume_id,
                                             const rbd::StageHints& hints) {
  return rbd::StageFlow(Parts()).Prepare(context(), caller(), volume_id, hints);
}

Result<std::unique_ptr<rbd::FilesystemMaking>> Driver::MakeFilesystem(
    const std::string& volume_id, const rbd::StageHints& hints) {
  return rbd::StageFlow(Parts()).MakeFilesystem(context(), caller(), volume_id, hints);
}

void Driver::SetSecret(const std::string& key, std::string_view value) {
  secrets_.insert_or_assign(key, Secret(value));
}

void Driver::Restart(DeadWatchers watchers) {
  process_->Revive(watchers);
  ++life_;
}

VolumeWorld::VolumeWorld(const FakeKms::Options& of_store)
    : store(std::make_shared<FakeKms>(of_store)),
      clusters(dir.Write("config.json", kClusterConfig), dir.File("cluster-mapping.json")),
      kms_config(dir.Write("kms.json", kKmsConfig)),
      registry(kms_config,
               {{"default", {.open = kms::DefaultSecretProvider()}},
                {"store", {.open = Always(store)}},
                {"wrap", {.open = Always(wrap), .keeps_deks = false}}}) {
  ceph.AddPool("other", 2);
}

std::unique_ptr<Driver> VolumeWorld::StartDriver(const std::string& identity) {
  return std::make_unique<Driver>(ceph, clock, clusters, registry, identity);
}

rbd::CreateVolumeSpec VolumeWorld::Spec(const std::string& kms_id) {
  rbd::CreateVolumeSpec spec;
  spec.request_name = "pvc-1";
  spec.cluster_id = "rook-ceph";
  spec.pool = "rbd";
  spec.name_prefix = "csi-vol-";
  spec.owner = "team-a";
  spec.layout.size_bytes = 1ULL << 30;
  if (!kms_id.empty()) {
    spec.encryption = rbd::EncryptionSpec{.kms_id = kms_id, .cipher = {}};
  }
  return spec;
}

std::string VolumeWorld::Leftovers() {
  std::string text;
  for (const auto& [object, values] : ceph.Objects()) {
    if (object != "csi.volumes.default" || !values.empty()) {
      text += Cat("object ", object, "; ");
    }
  }
  const auto images = ceph.Admin().images().List();
  for (const std::string& image : images.value()) {
    text += Cat("image ", image, "; ");
  }
  const auto trash = ceph.Admin().images().ListTrash();
  for (const rbd::TrashEntry& entry : trash.value()) {
    text += Cat("trash ", entry.name, "; ");
  }
  return text;
}

Status VolumeWorld::CheckOpens(Driver& driver, const std::string& volume_id) {
  ASSIGN_OR_RETURN(const rbd::StageableVolume volume, driver.Prepare(volume_id));
  return volume.header.has_value() ? OkStatus() : Internal("the volume is plain");
}

std::string VolumeWorld::Holders(const std::string& volume_id) const {
  const auto objects = ceph.Objects();
  const auto object = objects.find(volume_id);
  std::string holders;
  if (object != objects.end()) {
    for (const auto& [key, value] : object->second) {
      holders += key + " ";
    }
  }
  return holders;
}

void VolumeWorld::PassTime() {
  clock.Advance(std::chrono::seconds(181));
}

std::string VolumeWorld::ImageName(const std::string& volume_id) const {
  return Cat("csi-vol-", rbd::DecodeVolumeId(volume_id).value().uuid);
}

}  // namespace rbdcrypt::testing
