// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/mount.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <sys/mount.h>
#include <sys/statvfs.h>

#include "base/strings.h"
#include "rbd/attach/mount_table.h"

namespace rbdcrypt::rbd::attach {
namespace {

struct FlagName {
  std::string_view name;
  unsigned long flag;
  bool sets;
};

// mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS".
constexpr std::array<FlagName, 26> kFlags = {{
    {"ro", MS_RDONLY, true},
    {"rw", MS_RDONLY, false},
    {"noatime", MS_NOATIME, true},
    {"atime", MS_NOATIME, false},
    {"nodiratime", MS_NODIRATIME, true},
    {"diratime", MS_NODIRATIME, false},
    {"relatime", MS_RELATIME, true},
    {"norelatime", MS_RELATIME, false},
    {"strictatime", MS_STRICTATIME, true},
    {"nostrictatime", MS_STRICTATIME, false},
    {"lazytime", MS_LAZYTIME, true},
    {"nolazytime", MS_LAZYTIME, false},
    {"nosuid", MS_NOSUID, true},
    {"suid", MS_NOSUID, false},
    {"nodev", MS_NODEV, true},
    {"dev", MS_NODEV, false},
    {"noexec", MS_NOEXEC, true},
    {"exec", MS_NOEXEC, false},
    {"sync", MS_SYNCHRONOUS, true},
    {"async", MS_SYNCHRONOUS, false},
    {"dirsync", MS_DIRSYNC, true},
    {"mand", MS_MANDLOCK, true},
    {"nomand", MS_MANDLOCK, false},
    {"silent", MS_SILENT, true},
    {"loud", MS_SILENT, false},
    {"iversion", MS_I_VERSION, true},
}};

// Read by mount(8), fstab and systemd; the kernel knows none of them. "bind" is what BindMount
// does.
constexpr std::array<std::string_view, 11> kDropped = {
    "defaults", "_netdev", "nofail", "auto",  "noauto", "user",
    "nouser",   "users",   "owner",  "group", "bind",
};

// The flags that a bind mount can have of its own.
constexpr unsigned long kBindFlags =
    MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME;

void Apply(const std::string& option, MountOptions& out) {
  if (option.empty() || option.starts_with("x-") || option.starts_with("comment=") ||
      std::ranges::count(kDropped, option) > 0) {
    return;
  }
  const auto* const known = std::ranges::find(kFlags, option, &FlagName::name);
  if (known == kFlags.end()) {
    out.data += out.data.empty() ? option : "," + option;
  } else if (known->sets) {
    out.flags |= known->flag;
  } else {
    out.flags &= ~known->flag;
  }
}

std::size_t CountData(const MountOptions& options) {
  return options.data.empty() ? 0 : Split(options.data, ',').size();
}

// The options themselves are not repeated: CSI counts mount_flags among what may be secret (safety
// E1).
Status ExplainMountError(int error, std::string_view what, const MountOptions& options) {
  switch (error) {
    case EUCLEAN:
    case EBADMSG:
      return DataLoss(Cat(what, ": the file system is damaged; check it by hand"));
    case EINVAL:
      return InvalidArgument(Cat(what, ": no such file system on it, or it rejects one of its ",
                                 CountData(options), " own mount options; see the kernel's log"));
    case ENODEV:
      return InvalidArgument(Cat(what, ": this kernel does not know the file system"));
    case EIO:
      return Unavailable(Cat(what, ": the device does not answer"));
    default:
      return FromErrno(error, what);
  }
}

}  // namespace

bool MountOptions::IsReadOnly() const {
  return (flags & MS_RDONLY) != 0;
}

MountOptions ParseMountOptions(const std::vector<std::string>& options) {
  MountOptions parsed;
  for (const std::string& element : options) {
    for (const std::string& field : Split(element, ',')) {
      Apply(std::string(Trim(field)), parsed);
    }
  }
  return parsed;
}

Status MountDevice(const std::string& device,
                   const std::string& target,
                   const std::string& type,
                   const MountOptions& options) {
  if (mount(device.c_str(), target.c_str(), type.c_str(), options.flags, options.data.c_str()) !=
      0) {
    return ExplainMountError(errno, Cat("mount ", device, " at ", target, " as ", type), options);
  }
  return OkStatus();
}

Status BindMount(const std::string& source,
                 const std::string& target,
                 const MountOptions& options) {
  const std::string what = Cat("bind mount ", source, " at ", target);
  if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return FromErrno(errno, what);
  }
  // The first call takes no other flags.
  const unsigned long flags = options.flags & kBindFlags;
  if (flags != 0 &&
      mount(nullptr, target.c_str(), nullptr, MS_BIND | MS_REMOUNT | flags, nullptr) != 0) {
    const int error = errno;
    umount2(target.c_str(), UMOUNT_NOFOLLOW);
    return FromErrno(error, what);
  }
  return OkStatus();
}

Status Unmount(const std::string& target) {
  while (umount2(target.c_str(), UMOUNT_NOFOLLOW) == 0) {
  }
  // EINVAL: no mount there, or no more.
  if (errno != EINVAL && errno != ENOENT) {
    return FromErrno(errno, Cat("unmount ", target));
  }
  return OkStatus();
}

Result<bool> IsMountPoint(const std::string& path) {
  namespace fs = std::filesystem;
  // Only the folder above: what is mounted at the path itself may not answer.
  std::error_code error;
  const fs::path given(path);
  const fs::path folder = fs::canonical(given.parent_path(), error);
  if (error == std::errc::no_such_file_or_directory) {
    return false;
  }
  if (error) {
    return FromErrno(error.value(), Cat("resolve ", path));
  }
  ASSIGN_OR_RETURN(const MountTable table, MountTable::Load());
  return table.At((folder / given.filename()).native()).has_value();
}

Result<VolumeUsage> MeasureUsage(const std::string& path) {
  struct statvfs status {};

  if (statvfs(path.c_str(), &status) != 0) {
    const int error = errno;
    const bool is_dead = error == EIO || error == ENOTCONN || error == ESTALE;
    return is_dead ? Unavailable(Cat("the file system at ", path, " does not answer"))
                   : FromErrno(error, Cat("measure ", path));
  }
  const std::uint64_t unit = status.f_frsize;
  return VolumeUsage{.total_bytes = status.f_blocks * unit,
                     .used_bytes = (status.f_blocks - status.f_bfree) * unit,
                     .available_bytes = status.f_bavail * unit,
                     .total_inodes = status.f_files,
                     .used_inodes = status.f_files - status.f_ffree,
                     .available_inodes = status.f_favail};
}

}  // namespace rbdcrypt::rbd::attach
