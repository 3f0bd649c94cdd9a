// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// One line of /proc/self/mountinfo (proc(5)), unescaped.
struct MountEntry {
  // "8:1".
  std::string device_number;
  // The part of the file system that is mounted; other than "/" for a bind mount of a folder.
  std::string root;
  std::string mount_point;
  std::vector<std::string> options;
  std::string type;
  std::string source;
  // Of the file system rather than of this mount.
  std::vector<std::string> super_options;

  // Whether writing is off, for this mount or the whole file system.
  bool IsReadOnly() const;
};

// The mounts of this process's namespace at one moment.
class MountTable {
 public:
  // Lines that are no mounts are left out: kernels may add fields, not drop them.
  static MountTable Parse(std::string_view mountinfo);

  // kUnavailable: /proc is not readable.
  static Result<MountTable> Load();

  // The topmost mount at exactly `path`, an absolute path without symbolic links.
  std::optional<MountEntry> At(std::string_view path) const;

  // Every mount whose source is `device` ("/dev/loop3").
  std::vector<MountEntry> Of(std::string_view device) const;

 private:
  std::vector<MountEntry> entries_;
};

}  // namespace rbdcrypt::rbd::attach
