// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::csi {

// Largest record that is read; ceph-csi's have some 250 bytes.
inline constexpr std::size_t kMaxRecordBytes = 64 * 1024;

// ceph-csi's record of a staged volume, image-meta.json (ceph-csi-compat 8.1): where the image is.
// Either driver unstages what the other staged from this alone.
//
//   JSON field        here                 written by us
//   Version           (not read)           3
//   pool              pool
//   radosNamespace    rados_namespace
//   image             image
//   unmapOptions      unmap_options
//   accessType        is_rbd_nbd           false
//   encrypted         encrypted
//   device            device               ""
//   logDir            (not read)           ""
//   logFileStrategy   (not read)           ""
struct ImageMeta {
  std::string pool;
  std::string rados_namespace;
  std::string image;
  std::string unmap_options;
  bool is_rbd_nbd = false;
  bool encrypted = false;
  std::string device;

  friend bool operator==(const ImageMeta&, const ImageMeta&) = default;
};

// What ceph-csi's file has no room for, rbdcrypt-stage.json, which ceph-csi does not look at:
// what was asked for, who maps, and from which cluster. Written before anything else happens
// (safety D2).
struct StageIntent {
  std::string volume_id;
  // attach::Attacher::name().
  std::string attacher;
  bool is_block = false;
  bool is_read_only = false;
  // "" for a block volume.
  std::string fs_type = {};
  // The UUID of the Ceph cluster; "" before the cluster was asked, and in records of releases that
  // did not ask.
  std::string cluster_fsid = {};

  friend bool operator==(const StageIntent&, const StageIntent&) = default;
};

// Byte for byte what ceph-csi writes: this order, no blanks, no newline at the end, and Go's
// escapes for <, > and &.
std::string FormatImageMeta(const ImageMeta& meta);
std::string FormatStageIntent(const StageIntent& intent);

// kDataLoss: not such a text; or a pool, namespace or image that no cluster has (a slash, a control
// character) and that would make another path of it. Unknown fields are ignored, absent ones empty.
Result<ImageMeta> ParseImageMeta(std::string_view text);
Result<StageIntent> ParseStageIntent(std::string_view text);

// Both files of one staging path.
//
// Each is replaced as a whole: temporary file, fsync, rename, fsync of the folder; a crash leaves
// the old one or the new one, and at most a temporary file that the next write takes over. Mode
// 0600. One thread per staging path.
class StagingRecord {
 public:
  explicit StagingRecord(std::string staging_path);

  // Nothing where there is no such file. kDataLoss: damaged; the text names the file.
  Result<std::optional<ImageMeta>> ReadImageMeta() const;
  Result<std::optional<StageIntent>> ReadIntent() const;

  // kNotFound: the staging path is not there.
  Status WriteImageMeta(const ImageMeta& meta) const;
  Status WriteIntent(const StageIntent& intent) const;

  // Both files, temporary ones and ceph-csi's last; ok if none is there.
  Status Remove() const;

 private:
  std::string Path(std::string_view file) const;

  const std::string staging_path_;
};

}  // namespace rbdcrypt::csi
