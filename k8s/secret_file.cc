// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/secret_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

constexpr std::size_t kLeastBytes = 512;

Status CannotRead(const std::string& path, int error) {
  const std::string text = Cat("cannot read ", path, ": ", std::strerror(error));
  const bool lasting = error == EACCES || error == EPERM || error == EISDIR || error == ENOTDIR;
  return lasting ? InvalidArgument(text) : Unavailable(text);
}

// What the file system says that there is; of some files, as those of /proc, it says nothing.
std::size_t SizeOf(const UniqueFd& file) {
  struct stat info = {};
  return ::fstat(file.get(), &info) == 0 ? static_cast<std::size_t>(info.st_size) : 0;
}

Secret Enlarged(const Secret& content, std::size_t size) {
  Secret larger(size);
  std::ranges::copy(content.Reveal(), larger.MutableBytes().begin());
  return larger;
}

}  // namespace

Result<Secret> ReadSecretFile(const std::string& path, std::size_t max_bytes) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return CannotRead(path, errno);
  }
  // Not of max_bytes at once: all secrets share some MiB of locked memory. One byte more shows that
  // there is more.
  Secret content(std::clamp(SizeOf(file), kLeastBytes, std::max(max_bytes, kLeastBytes)) + 1);
  std::size_t size = 0;
  while (size <= max_bytes) {
    if (size == content.size()) {
      content = Enlarged(content, 2 * size);
    }
    const auto room = content.MutableBytes().subspan(size);
    const ssize_t count = ::read(file.get(), room.data(), room.size());
    if (count == 0) {
      return Secret(content.Reveal().first(size));
    }
    if (count < 0 && errno != EINTR) {
      return CannotRead(path, errno);
    }
    size += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  return InvalidArgument(Cat(path, " is larger than ", max_bytes, " bytes"));
}

}  // namespace rbdcrypt::k8s
