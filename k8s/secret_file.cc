// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/secret_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

Status CannotRead(const std::string& path, int error) {
  const std::string text = Cat("cannot read ", path, ": ", std::strerror(error));
  const bool lasting = error == EACCES || error == EPERM || error == EISDIR || error == ENOTDIR;
  return lasting ? InvalidArgument(text) : Unavailable(text);
}

}  // namespace

Result<Secret> ReadSecretFile(const std::string& path, std::size_t max_bytes) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return CannotRead(path, errno);
  }
  // One byte more shows that there is more.
  Secret content(max_bytes + 1);
  std::size_t size = 0;
  while (size <= max_bytes) {
    const auto room = content.MutableBytes().subspan(size);
    const ssize_t count = ::read(file.get(), room.data(), room.size());
    if (count == 0) {
      content.Shrink(size);
      return content;
    }
    if (count < 0 && errno != EINTR) {
      return CannotRead(path, errno);
    }
    size += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  return InvalidArgument(Cat(path, " is larger than ", max_bytes, " bytes"));
}

}  // namespace rbdcrypt::k8s
