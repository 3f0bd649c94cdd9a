// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/block_device.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::rbd::attach {
namespace {

constexpr std::string_view kFirstMagic{"LUKS\xba\xbe", 6};
constexpr std::string_view kSecondMagic{"SKUL\xba\xbe", 6};
constexpr std::uint64_t kSmallestSecondOffset = 0x4000;
constexpr std::uint64_t kLargestSecondOffset = 0x400000;
// Aligned for every device's O_DIRECT.
constexpr std::size_t kPageBytes = 4096;

Result<UniqueFd> OpenForReading(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return FromErrno(errno, Cat("open ", path));
  }
  return fd;
}

Result<std::string> ReadSixBytes(int fd, std::uint64_t offset_bytes, const std::string& path) {
  std::array<char, 6> bytes{};
  const ssize_t got = pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
  if (got < 0) {
    return Unavailable(Cat("read ", path, " at ", offset_bytes, ": ", std::strerror(errno)));
  }
  return std::string(bytes.data(), static_cast<std::size_t>(got));
}

// The node is there, its device no longer.
bool IsGone(int error) {
  return error == ENXIO || error == ENODEV;
}

}  // namespace

Result<std::uint64_t> DeviceSize(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenForReading(path));

  struct stat status {};

  if (fstat(fd.get(), &status) != 0) {
    return FromErrno(errno, Cat("stat ", path));
  }
  if (!S_ISBLK(status.st_mode)) {
    return static_cast<std::uint64_t>(status.st_size);
  }
  std::uint64_t size_bytes = 0;
  if (ioctl(fd.get(), BLKGETSIZE64, &size_bytes) != 0) {
    return FromErrno(errno, Cat("ask the size of ", path));
  }
  return size_bytes;
}

Result<bool> HasLuksMagic(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenForReading(path));
  ASSIGN_OR_RETURN(const std::string first, ReadSixBytes(fd.get(), 0, path));
  if (first == kFirstMagic) {
    return true;
  }
  for (std::uint64_t at = kSmallestSecondOffset; at <= kLargestSecondOffset; at *= 2) {
    ASSIGN_OR_RETURN(const std::string second, ReadSixBytes(fd.get(), at, path));
    if (second == kSecondMagic) {
      return true;
    }
  }
  return false;
}

Status RefusePlainUseOfLuks(const std::string& path) {
  ASSIGN_OR_RETURN(const bool has_magic, HasLuksMagic(path));
  if (has_magic) {
    return FailedPrecondition(Cat(path,
                                  " has a LUKS header, but the volume is to be used without "
                                  "encryption; it is never used so: check the volume's KMS ID"));
  }
  return OkStatus();
}

Result<bool> IsAlive(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
  if (!fd.valid() && errno == EINVAL) {
    // A file system without O_DIRECT, as tmpfs was before Linux 6.6.
    fd.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!fd.valid()) {
    const int error = errno;
    return IsGone(error) ? Result<bool>(false) : FromErrno(error, Cat("open ", path));
  }
  const std::unique_ptr<void, FreeWith<std::free>> page(std::aligned_alloc(kPageBytes, kPageBytes));
  RBDCRYPT_CHECK(page != nullptr);
  if (pread(fd.get(), page.get(), kPageBytes, 0) >= 0) {
    return true;
  }
  const int error = errno;
  if (IsGone(error) || error == EIO || error == ENOTCONN || error == ESHUTDOWN) {
    return false;
  }
  return Unavailable(Cat("read ", path, ": ", std::strerror(error)));
}

}  // namespace rbdcrypt::rbd::attach
