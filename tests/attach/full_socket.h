// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cerrno>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/handle.h"
#include "base/status.h"

namespace rbdcrypt::testing {

// A socket of a hung program: it listens at `path`, accepts nobody, and its queue is full, so that
// connecting to it blocks.
class FullSocket {
 public:
  explicit FullSocket(const std::string& path) : listener_(NewSocket()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    RBDCRYPT_CHECK(path.size() < sizeof(address.sun_path));
    path.copy(address.sun_path, path.size());
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    RBDCRYPT_CHECK(bind(listener_.get(), generic, sizeof(address)) == 0);
    RBDCRYPT_CHECK(listen(listener_.get(), 0) == 0);
    do {
      waiting_.push_back(NewSocket());
    } while (connect(waiting_.back().get(), generic, sizeof(address)) == 0);
    RBDCRYPT_CHECK(errno == EAGAIN);
  }

 private:
  static UniqueFd NewSocket() {
    return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }

  UniqueFd listener_;
  std::vector<UniqueFd> waiting_;
};

}  // namespace rbdcrypt::testing
