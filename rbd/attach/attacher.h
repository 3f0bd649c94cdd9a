// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// Whom to ask for the image, and as whom. `key` is the Ceph user's key in its base64 text form,
// `monitors` are in any form that config.json allows (attach/monitors).
struct ClusterAccess {
  std::vector<std::string> monitors;
  std::string user;
  Secret key;
};

// Which image, how to map it, and how it shall be called.
struct AttachRequest {
  const ClusterAccess& cluster;
  std::string pool;
  std::string rados_namespace;
  std::string image;
  // The CSI volume ID: names the dm mapping "luks-rbd-<volume ID>" (ceph-csi-compat 5.4).
  std::string volume_id;
  // Opens the LUKS header; nothing for a plain volume. Already proven in user space by the caller,
  // which is also where an expensive KDF passes the memory gate (safety E5): this layer only maps.
  const Secret* dek = nullptr;
  // The slot that it opens; the mapper tries no other if it can be told (TriesEveryKeyslot).
  std::optional<int> keyslot = std::nullopt;
  // A plain raw block volume may hold its user's own LUKS header; any other is refused (safety A5).
  bool may_hold_luks = false;
  bool read_only = false;
  // Comma-separated, for this attacher only (ceph-csi-compat 4.1, mapOptions).
  std::string map_options;
  // The segment's sector size (512, 1024, 2048 or 4096), which becomes the device's logical block
  // size.
  std::uint32_t sector_bytes = 512;
  // RBD's feature bits of the image: lets krbd say which one it lacks.
  std::uint64_t image_features = 0;
  // Where the data begins behind the header; 0 for a plain volume. Tells a later Grow what raw size
  // is in use (safety D4).
  std::uint64_t data_offset_bytes = 0;
  // The cluster's UUID, as AttachmentKey has it.
  std::string cluster_fsid = {};
};

// What is remembered of an attachment, in the staging record, to undo it after a restart without
// secrets.
struct AttachmentKey {
  std::string pool;
  std::string rados_namespace;
  std::string image;
  std::string volume_id;
  bool encrypted = false;
  std::string unmap_options;
  // The UUID of the Ceph cluster, without which images of one name in two clusters are taken for
  // one. "": unknown, then not compared: ceph-csi's records do not have it.
  std::string cluster_fsid = {};
};

// A device the volume can be used through.
struct Attachment {
  // What mkfs and mount see: "/dev/mapper/luks-rbd-…", "/dev/rbd0", "/dev/loop3".
  std::string device_path;
  std::uint64_t size_bytes = 0;
};

// Maps images to block devices, opened if encrypted.
//
// Idempotent: Attach of what is attached gives the same device after checking that it really is
// this image's and alive (safety D1); a dead mapping of this image is taken down first, a foreign
// one under our name is kFailedPrecondition and untouched. Thread safe for different volumes.
class Attacher {
 public:
  virtual ~Attacher() = default;

  // "krbd" or "qemu", as in the staging record.
  virtual std::string_view name() const = 0;

  // Whether this mapper can open such a segment; kInvalidArgument says why not.
  virtual Status SupportsCipher(std::string_view cipher, std::uint32_t sector_bytes) const = 0;

  // Whether it runs the KDF of every keyslot until one opens, whatever slot it is told: the memory
  // gate is then passed with the most expensive one (safety E5).
  virtual bool TriesEveryKeyslot() const = 0;

  // kUnauthenticated: the DEK opens no slot. kDataLoss: no usable header. kFailedPrecondition: the
  // device or the mapping's name belongs to something else, the mapper lacks a feature of the
  // image, or a plain volume has a LUKS header. kInvalidArgument: mapOptions it does not take.
  // kPermissionDenied: Ceph refuses the user. kUnavailable: the cluster does not answer.
  virtual Result<Attachment> Attach(const Context& context, const AttachRequest& request) = 0;

  // Takes it all down again; ok if nothing is attached. kFailedPrecondition: still in use.
  virtual Status Detach(const Context& context, const AttachmentKey& key) = 0;

  // What is attached now, checked as Attach does, or nothing.
  virtual Result<std::optional<Attachment>> Find(const Context& context,
                                                 const AttachmentKey& key) = 0;

  // Whether Grow sets the image's size itself, from one that it read a moment before: two steps
  // that nobody else may come between, or a larger image shrinks again (safety D4).
  virtual bool GrowResizesImage() const = 0;

  // Lets the device see the image's present size; returns the usable size in bytes.
  // `required_bytes` is the raw size, header included, that the caller was promised; 0: unknown.
  // The image is never left smaller. kNotFound: it is not attached here. kUnavailable: the cluster
  // does not answer, or the image is still smaller than required. kDataLoss: the image has become
  // smaller than what is in use here.
  virtual Result<Attachment> Grow(const Context& context,
                                  const AttachmentKey& key,
                                  std::uint64_t required_bytes) = 0;
};

}  // namespace rbdcrypt::rbd::attach
