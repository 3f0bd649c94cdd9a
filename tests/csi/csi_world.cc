// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/csi/csi_world.h"

#include <filesystem>

#include "base/strings.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::testing {
namespace {

namespace pb = ::csi::v1;

template <typename Map>
void AddSecrets(Map& secrets) {
  secrets["userID"] = "csi";
  secrets["userKey"] = "a2V5";
}

void SetMount(pb::VolumeCapability& capability) {
  capability.mutable_mount()->set_fs_type("ext4");
  capability.mutable_access_mode()->set_mode(
      pb::VolumeCapability::AccessMode::SINGLE_NODE_MULTI_WRITER);
}

}  // namespace

CsiWorld::CsiWorld()
    : staging_path(node_folder.File("globalmount")),
      controller_process(volumes.ceph.StartProcess()),
      node_process(volumes.ceph.StartProcess()),
      controller_locator(volumes.clusters, *controller_process, "default"),
      node_locator(volumes.clusters, *node_process, "default"),
      flow(Parts(controller_locator, "controller/1")),
      door(metrics, volumes.clock, {}),
      controller(door, flow, {.set_metadata = true, .cluster_name = "k8s-1"}) {
  std::filesystem::create_directory(staging_path);
  krbd.AskInUse([this](const std::string& device) { return host.IsInUse(device); });
  qemu.AskInUse([this](const std::string& device) { return host.IsInUse(device); });
  StartNode();
}

rbd::VolumeFlowParts CsiWorld::Parts(const rbd::VolumeLocator& locator,
                                     const std::string& identity) {
  rbd::VolumeLock::Options lock;
  lock.identity = identity.substr(0, identity.find('/'));
  lock.process = identity;
  return {.locator = locator, .kms = volumes.registry, .lock = lock, .metrics = &metrics};
}

void CsiWorld::StartNode() {
  stage_flow = std::make_unique<rbd::StageFlow>(Parts(node_locator, Cat("node/", ++node_life_)));
  node = std::make_unique<csi::NodeService>(
      door, csi::NodeParts{.flow = *stage_flow, .attachers = attachers, .host = host, .gate = gate},
      csi::NodeIdentity{.node_id = "node-1", .topology = {}});
}

void CsiWorld::RestartNode() {
  node_process->Revive(DeadWatchers::kGone);
  volumes.PassTime();
  StartNode();
}

pb::CreateVolumeRequest CsiWorld::CreateRequest(const std::string& kms_id) {
  pb::CreateVolumeRequest request;
  request.set_name("pvc-1");
  request.mutable_capacity_range()->set_required_bytes(1 << 30);
  SetMount(*request.add_volume_capabilities());
  auto& parameters = *request.mutable_parameters();
  parameters["clusterID"] = "rook-ceph";
  parameters["pool"] = "rbd";
  parameters["csi.storage.k8s.io/pvc/namespace"] = "team-a";
  if (!kms_id.empty()) {
    parameters["encrypted"] = "true";
    parameters["encryptionKMSID"] = kms_id;
  }
  AddSecrets(*request.mutable_secrets());
  return request;
}

pb::Volume CsiWorld::Create(const std::string& kms_id) {
  grpc::ServerContext context;
  const pb::CreateVolumeRequest request = CreateRequest(kms_id);
  pb::CreateVolumeResponse response;
  const grpc::Status status = controller.CreateVolume(&context, &request, &response);
  RBDCRYPT_CHECK(status.ok());
  return response.volume();
}

pb::NodeStageVolumeRequest CsiWorld::StageRequest(const pb::Volume& volume) const {
  pb::NodeStageVolumeRequest request;
  request.set_volume_id(volume.volume_id());
  request.set_staging_target_path(staging_path);
  SetMount(*request.mutable_volume_capability());
  *request.mutable_volume_context() = volume.volume_context();
  AddSecrets(*request.mutable_secrets());
  return request;
}

pb::NodeUnstageVolumeRequest CsiWorld::UnstageRequest(const pb::Volume& volume) const {
  pb::NodeUnstageVolumeRequest request;
  request.set_volume_id(volume.volume_id());
  request.set_staging_target_path(staging_path);
  return request;
}

pb::NodePublishVolumeRequest CsiWorld::PublishRequest(const pb::Volume& volume,
                                                      const std::string& target) const {
  pb::NodePublishVolumeRequest request;
  request.set_volume_id(volume.volume_id());
  request.set_staging_target_path(staging_path);
  request.set_target_path(target);
  SetMount(*request.mutable_volume_capability());
  *request.mutable_volume_context() = volume.volume_context();
  return request;
}

grpc::Status CsiWorld::Stage(const pb::NodeStageVolumeRequest& request) {
  grpc::ServerContext context;
  pb::NodeStageVolumeResponse response;
  return node->NodeStageVolume(&context, &request, &response);
}

grpc::Status CsiWorld::Unstage(const pb::NodeUnstageVolumeRequest& request) {
  grpc::ServerContext context;
  pb::NodeUnstageVolumeResponse response;
  return node->NodeUnstageVolume(&context, &request, &response);
}

grpc::Status CsiWorld::Publish(const pb::NodePublishVolumeRequest& request) {
  grpc::ServerContext context;
  pb::NodePublishVolumeResponse response;
  return node->NodePublishVolume(&context, &request, &response);
}

grpc::Status CsiWorld::Unpublish(const std::string& volume_id, const std::string& target) {
  grpc::ServerContext context;
  pb::NodeUnpublishVolumeRequest request;
  request.set_volume_id(volume_id);
  request.set_target_path(target);
  pb::NodeUnpublishVolumeResponse response;
  return node->NodeUnpublishVolume(&context, &request, &response);
}

std::string CsiWorld::ImageOf(const pb::Volume& volume) {
  return volume.volume_context().at("imageName");
}

std::string CsiWorld::DeviceOf(const pb::Volume& volume) const {
  return krbd.DeviceOf(ImageOf(volume));
}

std::string CsiWorld::StagedPath(const pb::Volume& volume) const {
  return Cat(staging_path, "/", volume.volume_id());
}

std::string CsiWorld::Metadata(const pb::Volume& volume, const char* key) {
  const auto image = volumes.ceph.Admin().images().Open(ImageOf(volume), rbd::OpenMode::kReadOnly);
  return (*image)->GetMetadata(key).value_or("");
}

std::string CsiWorld::NodeLeftovers(const pb::Volume& volume) const {
  std::string text;
  for (const auto& entry : std::filesystem::directory_iterator(staging_path)) {
    text += Cat("file ", entry.path().filename().native(), "; ");
  }
  for (const std::string& path : host.MountPoints()) {
    text += Cat("mount ", path, "; ");
  }
  if (krbd.IsAttached(ImageOf(volume)) || qemu.IsAttached(ImageOf(volume))) {
    text += "device; ";
  }
  return text;
}

}  // namespace rbdcrypt::testing
