// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/secret_file.h"

#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::cmd {
namespace {

constexpr std::size_t kMaxBytes = 4096;

}  // namespace

Result<Secret> ReadSecretFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return FromErrno(errno, Cat("open ", path));
  }
  Secret content(kMaxBytes + 1);
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t got =
        ::read(file.get(), content.MutableBytes().data() + filled, content.size() - filled);
    if (got < 0) {
      return FromErrno(errno, Cat("read ", path));
    }
    if (got == 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  if (filled > kMaxBytes) {
    return InvalidArgument(Cat(path, " is larger than ", kMaxBytes, " bytes"));
  }
  while (filled > 0 && content.RevealText()[filled - 1] == '\n') {
    --filled;
  }
  if (filled == 0) {
    return InvalidArgument(Cat(path, " is empty"));
  }
  content.Shrink(filled);
  return content;
}

}  // namespace rbdcrypt::cmd
