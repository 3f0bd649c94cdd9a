// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "base/context.h"
#include "base/status.h"
#include "csi/capabilities.h"
#include "csi/node_host.h"

namespace rbdcrypt::csi {

// A NodePublishVolume request, read and checked.
struct PublishOrder {
  std::string volume_id;
  std::string staging_path;
  std::string target_path;
  VolumeAccess access;
  bool is_read_only = false;
};

// Shows staged volumes to workloads by bind mounts (ceph-csi-compat 8.1). Keeps no record: the
// kernel's mount table is one. Never changes who owns what (fsGroupPolicy File: the kubelet does).
//
//   a crash after          left behind                            the next call
//   node.target            an empty directory or file             publish uses it
//   node.published         published                              publish confirms it
//   node.unpublished       an empty directory or file             unpublish removes it
//   node.target-removed    nothing                                nothing to do
//
// Calls for one volume must not overlap.
class NodePublish {
 public:
  // `host` must outlive it.
  explicit NodePublish(NodeHost& host) : host_(host) {}

  // Ok if it is published there in the same way. kAlreadyExists: there is something else, or the
  // same with another read-only. kFailedPrecondition: not staged; staged as the other access type;
  // SINGLE_NODE_SINGLE_WRITER and published elsewhere on this node already. (SINGLE_NODE_WRITER is
  // not held to one target: kubelets that know no other mode send it for ReadWriteOnce, which pods
  // of one node may share.)
  Status Publish(const Context& context, const PublishOrder& requested);

  // Unmounts and removes the target; ok if it is not there. kFailedPrecondition: in use, or not
  // mounted and not empty: content is not thrown away.
  Status Unpublish(const Context& context, const std::string& requested_path);

 private:
  Status CheckTargets(const PublishOrder& order, const std::string& staged_path);
  Status BindNew(const Context& context, const PublishOrder& order, const std::string& staged_path);

  NodeHost& host_;
};

}  // namespace rbdcrypt::csi
