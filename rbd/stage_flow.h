// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/metrics.h"
#include "base/status.h"
#include "kms/registry.h"
#include "rbd/encrypted_volume.h"
#include "rbd/volume_flow.h"
#include "rbd/volume_location.h"
#include "rbd/volume_lock.h"

namespace rbdcrypt::rbd {

// What the node knows of a volume before it asks the cluster: the volume context and the request.
struct StageHints {
  // The volume context's own word; a plain volume has none.
  std::optional<EncryptionSpec> encryption;
  std::optional<StaticVolume> static_volume;
  bool is_block = false;
  bool is_read_only = false;
  // Several nodes may have it (block MULTI_NODE_MULTI_WRITER, MULTI_NODE_READER_ONLY), or it is
  // attached here already: other watchers are no reason to refuse.
  bool may_be_open_elsewhere = false;
};

// Whether mkfs may run on a volume (safety A3), from its metadata and its extents.
enum class FilesystemState {
  // Marked made, or something is written: never mkfs.
  kMade,
  // No mark and nothing written behind the header, or a mkfs was begun: MakeFilesystem may.
  kBlank,
};

// An image that is open, with what it was opened over.
struct OpenImage {
  LocatedVolume volume;
  std::unique_ptr<Image> image;
};

// The volume lock, held, with what it is held over.
struct LockedVolume {
  LocatedVolume volume;
  std::unique_ptr<VolumeLock> lock;
};

// A volume ready to be mapped.
struct StageableVolume {
  ClusterEntry cluster;
  // The cluster's UUID, by which a node tells images of one name in two clusters apart; "" where it
  // is not known.
  std::string cluster_fsid = {};
  std::string pool;
  std::string rados_namespace;
  std::string image_name;
  std::uint64_t image_size_bytes = 0;
  std::uint64_t features = 0;
  FilesystemState filesystem = FilesystemState::kMade;
  // Set if the volume is encrypted: its DEK opened the header a moment ago.
  std::optional<OpenedHeader> header;
  // Our watch on the image, by which other nodes see that it is taken: to be kept until the mapped
  // device watches it. Null where several nodes may have the volume, or only read it.
  std::unique_ptr<OpenImage> watch;
};

// The right to run mkfs on one volume, once: holds the volume lock from "making" to "made".
class FilesystemMaking {
 public:
  virtual ~FilesystemMaking() = default;

  // The mark is durable before it returns; mount only then.
  virtual Status Commit() = 0;
};

// What NodeStage asks of the cluster before and after it maps an image. Thread safe for different
// volumes; references must outlive it.
class StageFlow {
 public:
  explicit StageFlow(const VolumeFlowParts& parts);

  // Finds the volume, formats what ceph-csi left prepared (under the lock, safety A1), fetches the
  // DEK and proves that it opens the header.
  //
  // Safety A5: whatever calls the volume encrypted (journal, image state, hints) makes it so here;
  // one that nobody calls encrypted but that begins with a LUKS header is kFailedPrecondition
  // unless it is a block volume. kNotFound: no such volume, or no DEK. kFailedPrecondition: open on
  // another node; a `file` type. Others as EncryptedVolume gives them.
  //
  // Of two nodes that stage one volume at once at most one gets it: each watches the image before
  // it looks for other watchers, and lets go while it waits.
  Result<StageableVolume> Prepare(const Context& context,
                                  const Caller& caller,
                                  std::string_view volume_id,
                                  const StageHints& hints);

  // Marks the volume "making" after looking again, under the lock, that it is still blank. The one
  // client that has the image open, which is the device's that mkfs writes to, is fenced by whoever
  // takes the lock over.
  // kFailedPrecondition: it no longer is blank. kAborted: someone else holds the lock, or several
  // have the image open.
  Result<std::unique_ptr<FilesystemMaking>> MakeFilesystem(const Context& context,
                                                           const Caller& caller,
                                                           std::string_view volume_id,
                                                           const StageHints& hints);

  // Takes the volume lock for a mapper that resizes the image itself (safety D4, G1).
  // kAborted: someone else holds it. Errors of VolumeLocator::Locate as they come.
  Result<std::unique_ptr<LockedVolume>> Lock(const Context& context,
                                             const Caller& caller,
                                             std::string_view volume_id);

 private:
  VolumeFlowParts parts_;
};

}  // namespace rbdcrypt::rbd
