// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "kms/config.h"
#include "kms/registry.h"
#include "rbd/cluster_config.h"
#include "rbd/stage_flow.h"
#include "rbd/volume_flow.h"
#include "rbd/volume_location.h"
#include "tests/fakes/fake_cluster.h"
#include "tests/fakes/fake_kms.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::testing {

// So long that names of locks do not fit RADOS (ceph-csi-compat 5.11, Limit).
inline constexpr char kLongClusterId[] = "6b0fce22-94d5-4bd6-9a1f-1f4f2f3f5a10";

// One program that serves volumes: a controller or a node, over a fake cluster.
class Driver {
 public:
  Driver(FakeCeph& ceph,
         FakeClock& clock,
         const rbd::ClusterConfig& clusters,
         kms::Registry& registry,
         const std::string& identity);

  Result<rbd::CreatedVolume> Create(const rbd::CreateVolumeSpec& spec);
  Status Delete(const std::string& volume_id);
  Result<rbd::ExpandedVolume> Expand(const std::string& volume_id, std::uint64_t size_bytes);
  Result<rbd::StageableVolume> Prepare(const std::string& volume_id,
                                       const rbd::StageHints& hints = {});
  Result<std::unique_ptr<rbd::FilesystemMaking>> MakeFilesystem(const std::string& volume_id,
                                                                const rbd::StageHints& hints = {});

  // Puts `value` into the request's secrets.
  void SetSecret(const std::string& key, std::string_view value);

  FakeProcess& process() { return *process_; }

  // What deletes told of DEKs that they had to leave.
  const std::vector<rbd::UnreleasedDek>& unreleased() const { return unreleased_; }

  // A new process of the same identity, its predecessor dead.
  void Restart(DeadWatchers watchers = DeadWatchers::kLinger);

  Context context() const;

  // What flows of other folders stand on.
  rbd::VolumeFlowParts Parts() const;

  rbd::Caller caller() const { return {.credentials = credentials_, .secrets = secrets_}; }

 private:
  FakeClock& clock_;
  kms::Registry& registry_;
  std::unique_ptr<FakeProcess> process_;
  rbd::VolumeLocator locator_;
  rbd::Credentials credentials_;
  kms::RequestSecrets secrets_;
  std::string identity_;
  int life_ = 1;
  mutable std::vector<rbd::UnreleasedDek> unreleased_;
};

// A cluster "rook-ceph", also known by the long name kLongClusterId, with pool "rbd" (1) and
// "other" (2), key managers "store" (keeps DEKs), "wrap" (wraps them) and "default", and what
// programs on it need.
class VolumeWorld {
 public:
  explicit VolumeWorld(const FakeKms::Options& of_store = {.id = "store"});

  std::unique_ptr<Driver> StartDriver(const std::string& identity);

  // 1 GiB, "pvc-1", plain or with the KMS named.
  static rbd::CreateVolumeSpec Spec(const std::string& kms_id = "");

  // What is left in the cluster but the (empty) directories; "" if nothing.
  std::string Leftovers();

  // Whether the image of `volume_id` begins with a LUKS header that its stored DEK opens.
  Status CheckOpens(Driver& driver, const std::string& volume_id);

  // Keys of the holder records beside the volume's lock, joined; "" if there is none.
  std::string Holders(const std::string& volume_id) const;

  // Lets locks run out and dead watchers vanish.
  void PassTime();

  std::string ImageName(const std::string& volume_id) const;

  FakeClock clock;
  FakeCeph ceph{clock};
  std::shared_ptr<FakeKms> store;
  std::shared_ptr<FakeWrappingKms> wrap = std::make_shared<FakeWrappingKms>("wrap");
  TempDir dir;
  rbd::ClusterConfig clusters;
  kms::FileConfigSource kms_config;
  kms::Registry registry;
};

}  // namespace rbdcrypt::testing
