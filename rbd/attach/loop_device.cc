// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/loop_device.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"
#include "rbd/attach/block_device.h"
#include "rbd/attach/small_file.h"

namespace rbdcrypt::rbd::attach {
namespace {

namespace fs = std::filesystem;

// udev looks at a device whenever it changes, and holds it open meanwhile.
constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr int kAttempts = 16;

UniqueFd OpenDevice(const std::string& path, int flags) {
  return UniqueFd(open(path.c_str(), flags | O_CLOEXEC));
}

// The device itself went away, which is not so where opening it fails for any other reason.
bool IsGone(int error) {
  return error == ENOENT || error == ENXIO || error == ENODEV;
}

// Calls `is_done`, which gives a Result<bool>, until it is true or the patience is over.
template <typename Predicate>
Status WaitUntil(const Context& context, const Status& otherwise, Predicate is_done) {
  const auto give_up = context.clock().Now() + kPatience;
  while (true) {
    ASSIGN_OR_RETURN(const bool is_over, is_done());
    if (is_over) {
      return OkStatus();
    }
    RETURN_IF_ERROR(context.Check("waiting for a loop device"));
    if (context.clock().Now() >= give_up) {
      return otherwise;
    }
    context.clock().SleepUntil(context.clock().Now() + kPause);
  }
}

Result<bool> IsFree(const std::string& path) {
  const UniqueFd fd = OpenDevice(path, O_RDONLY);
  if (!fd.valid()) {
    const int error = errno;
    return IsGone(error) ? Result<bool>(true) : FromErrno(error, Cat("open ", path));
  }
  loop_info64 info{};
  return ioctl(fd.get(), LOOP_GET_STATUS64, &info) != 0 && errno == ENXIO;
}

// What the loop device `path` is, if it is the one of `identity`.
Result<std::optional<FoundLoop>> Inspect(const std::string& path,
                                         const fs::path& sysfs,
                                         const LoopIdentity& identity) {
  const UniqueFd fd = OpenDevice(path, O_RDONLY);
  if (!fd.valid()) {
    const int error = errno;
    return IsGone(error) ? Result<std::optional<FoundLoop>>(std::nullopt)
                         : FromErrno(error, Cat("open ", path));
  }
  loop_info64 info{};
  if (ioctl(fd.get(), LOOP_GET_STATUS64, &info) == 0) {
    const std::string_view tag(reinterpret_cast<const char*>(info.lo_file_name));
    const bool read_only = (info.lo_flags & LO_FLAGS_READ_ONLY) != 0;
    return tag == identity.tag ? std::optional(FoundLoop{path, true, read_only}) : std::nullopt;
  }
  if (errno == ENXIO) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const auto backing, ReadFirstLine(sysfs / "loop/backing_file"));
  const bool is_ours = backing == identity.backing_path || path == identity.recorded_device;
  return is_ours ? std::optional(FoundLoop{path, false, false}) : std::nullopt;
}

loop_config MakeConfig(int backing_fd, const LoopOptions& options) {
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(backing_fd);
  config.block_size = options.sector_bytes;
  config.info.lo_flags = LO_FLAGS_DIRECT_IO;
  if (options.read_only) {
    config.info.lo_flags |= LO_FLAGS_READ_ONLY;
  }
  const std::size_t length = std::min<std::size_t>(options.tag.size(), LO_NAME_SIZE - 1);
  std::memcpy(config.info.lo_file_name, options.tag.data(), length);
  return config;
}

// Ok, kAborted where somebody else took the device first.
Status TryConfigure(const Context& context, const std::string& path, const loop_config& config) {
  const bool read_only = (config.info.lo_flags & LO_FLAGS_READ_ONLY) != 0;
  UniqueFd fd;
  RETURN_IF_ERROR(WaitUntil(
      context,
      FailedPrecondition(Cat(path, " does not appear; is the host's /dev in the container?")), [&] {
        fd = OpenDevice(path, read_only ? O_RDONLY : O_RDWR);
        return Result<bool>(fd.valid());
      }));
  if (ioctl(fd.get(), LOOP_CONFIGURE, &config) == 0) {
    return OkStatus();
  }
  return errno == EBUSY ? Aborted(Cat(path, " was just taken"))
                        : FromErrno(errno, Cat("set up ", path));
}

}  // namespace

Result<std::string> ConfigureLoop(const Context& context,
                                  int backing_fd,
                                  const LoopOptions& options) {
  const UniqueFd control = OpenDevice("/dev/loop-control", O_RDWR);
  if (!control.valid()) {
    return FromErrno(errno, "open /dev/loop-control");
  }
  const loop_config config = MakeConfig(backing_fd, options);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) {
      return FromErrno(errno, "find a free loop device");
    }
    std::string path = Cat("/dev/loop", number);
    const Status status = TryConfigure(context, path, config);
    if (status.ok()) {
      return path;
    }
    if (status.code() != Code::kAborted) {
      return status;
    }
  }
  return Unavailable("every free loop device was taken by somebody else first");
}

Result<std::optional<FoundLoop>> FindLoop(const LoopIdentity& identity) {
  const fs::path blocks = "/sys/block";
  ASSIGN_OR_RETURN(const auto names, ListFolder(blocks));
  for (const std::string& name : names) {
    std::error_code error;
    // The folder "loop" exists only while a file is bound.
    const bool is_bound = fs::exists(blocks / name / "loop", error);
    if (error) {
      return Unavailable(Cat("look at ", name, ": ", error.message()));
    }
    if (!is_bound) {
      continue;
    }
    ASSIGN_OR_RETURN(auto found, Inspect("/dev/" + name, blocks / name, identity));
    if (found) {
      return found;
    }
  }
  return std::nullopt;
}

Status CheckLoopUnused(const Context& context, const std::string& path) {
  // A mount claims the device exclusively, and so do we for a moment.
  return WaitUntil(context, FailedPrecondition(Cat(path, " is still in use")),
                   [&]() -> Result<bool> {
                     const UniqueFd fd = OpenDevice(path, O_RDONLY | O_EXCL);
                     const int error = fd.valid() ? 0 : errno;
                     if (error == EBUSY) {
                       return false;
                     }
                     return error == 0 || IsGone(error) ? Result<bool>(true)
                                                        : FromErrno(error, Cat("open ", path));
                   });
}

Status FlushDevice(const std::string& path) {
  const UniqueFd fd = OpenDevice(path, O_RDONLY);
  if (!fd.valid()) {
    return FromErrno(errno, Cat("open ", path));
  }
  if (fsync(fd.get()) != 0) {
    return DataLoss(Cat("flush ", path, ": ", std::strerror(errno)));
  }
  return OkStatus();
}

Status ReleaseLoop(const Context& context, const std::string& path) {
  ASSIGN_OR_RETURN(const bool is_free, IsFree(path));
  if (is_free) {
    return OkStatus();
  }
  RETURN_IF_ERROR(CheckLoopUnused(context, path));
  UniqueFd fd = OpenDevice(path, O_RDONLY);
  if (!fd.valid() || (ioctl(fd.get(), LOOP_CLR_FD) != 0 && errno != ENXIO)) {
    return FromErrno(errno, Cat("release ", path));
  }
  // While others have it open the kernel only notes to free it after them.
  fd.Reset();
  return WaitUntil(context, FailedPrecondition(Cat(path, " is still open somewhere")),
                   [&] { return IsFree(path); });
}

Status GrowLoop(const Context& context, const std::string& path, std::uint64_t size_bytes) {
  return WaitUntil(context, Unavailable(Cat(path, " does not reach ", size_bytes, " bytes")),
                   [&]() -> Result<bool> {
                     const UniqueFd fd = OpenDevice(path, O_RDONLY);
                     if (!fd.valid() || ioctl(fd.get(), LOOP_SET_CAPACITY) != 0) {
                       return FromErrno(errno, Cat("grow ", path));
                     }
                     // A file over FUSE shows its new size once the old one, kept for a second, has
                     // expired.
                     ASSIGN_OR_RETURN(const std::uint64_t present_bytes, DeviceSize(path));
                     return present_bytes == size_bytes;
                   });
}

}  // namespace rbdcrypt::rbd::attach
