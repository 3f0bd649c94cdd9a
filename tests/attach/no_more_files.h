// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <fcntl.h>
#include <sys/resource.h>

#include "base/handle.h"
#include "base/status.h"

namespace rbdcrypt::testing {

// While it lives, this process can open nothing: every open() fails with EMFILE.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    RBDCRYPT_CHECK(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const UniqueFd lowest_free(open("/dev/null", O_RDONLY | O_CLOEXEC));
    RBDCRYPT_CHECK(lowest_free.valid());
    const rlimit none = {.rlim_cur = static_cast<rlim_t>(lowest_free.get()),
                         .rlim_max = before_.rlim_max};
    RBDCRYPT_CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  }

  ~NoMoreFiles() { RBDCRYPT_CHECK(setrlimit(RLIMIT_NOFILE, &before_) == 0); }

  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;

 private:
  rlimit before_{};
};

// What `call` returns where it can open nothing. It is looked at after that only, and whatever it
// calls virtually must have been called before: UBSan opens a pipe to look at an object of a type
// that is new to it.
template <typename Call>
auto WithoutFiles(const Call& call) {
  const NoMoreFiles none;
  return call();
}

}  // namespace rbdcrypt::testing
