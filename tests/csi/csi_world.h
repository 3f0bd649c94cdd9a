// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"
#include "csi/attachers.h"
#include "csi/controller.h"
#include "csi/node.h"
#include "csi/node_stage.h"
#include "csi/rpc.h"
#include "rbd/luks/memory_gate.h"
#include "tests/fakes/fake_attacher.h"
#include "tests/fakes/fake_host.h"
#include "tests/rbd/volume_world.h"

namespace rbdcrypt::testing {

// A controller and a node over one fake cluster: what a request meets from the door down. Requests
// are made as the sidecars and the kubelet make them.
class CsiWorld {
 public:
  CsiWorld();

  // "pvc-1" of 1 GiB, ext4, encrypted by KMS `kms_id` ("" for plain).
  static ::csi::v1::CreateVolumeRequest CreateRequest(const std::string& kms_id = "store");

  // Creates that volume and returns it.
  ::csi::v1::Volume Create(const std::string& kms_id = "store");

  ::csi::v1::NodeStageVolumeRequest StageRequest(const ::csi::v1::Volume& volume) const;
  ::csi::v1::NodeUnstageVolumeRequest UnstageRequest(const ::csi::v1::Volume& volume) const;
  ::csi::v1::NodePublishVolumeRequest PublishRequest(const ::csi::v1::Volume& volume,
                                                     const std::string& target) const;

  grpc::Status Stage(const ::csi::v1::NodeStageVolumeRequest& request);
  grpc::Status Unstage(const ::csi::v1::NodeUnstageVolumeRequest& request);
  grpc::Status Publish(const ::csi::v1::NodePublishVolumeRequest& request);
  grpc::Status Unpublish(const std::string& volume_id, const std::string& target);

  // The image's name, and the device it is attached as.
  static std::string ImageOf(const ::csi::v1::Volume& volume);
  std::string DeviceOf(const ::csi::v1::Volume& volume) const;

  // "<staging path>/<volume ID>".
  std::string StagedPath(const ::csi::v1::Volume& volume) const;

  // Metadata of the volume's image; "" where there is none.
  std::string Metadata(const ::csi::v1::Volume& volume, const char* key);

  // What is left on the node: files of the staging path, mounts, devices; "" if nothing.
  std::string NodeLeftovers(const ::csi::v1::Volume& volume) const;

  // A new life of the node's process; the kernel's state stays.
  void RestartNode();

  VolumeWorld volumes;
  Metrics metrics;
  FakeHost host;
  FakeAttacher krbd{"krbd"};
  FakeAttacher qemu{"qemu"};
  csi::Attachers attachers{{&krbd, &qemu}};
  rbd::luks::MemoryGate gate;
  TempDir node_folder;
  const std::string staging_path;

  // Of the controller's process, and of the node's.
  std::unique_ptr<FakeProcess> controller_process;
  std::unique_ptr<FakeProcess> node_process;
  rbd::VolumeLocator controller_locator;
  rbd::VolumeLocator node_locator;
  rbd::VolumeFlow flow;
  std::unique_ptr<rbd::StageFlow> stage_flow;
  csi::Door door;
  csi::ControllerService controller;
  std::unique_ptr<csi::NodeService> node;

 private:
  rbd::VolumeFlowParts Parts(const rbd::VolumeLocator& locator, const std::string& identity);
  void StartNode();

  int node_life_ = 0;
};

}  // namespace rbdcrypt::testing
