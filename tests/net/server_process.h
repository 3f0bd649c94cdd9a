// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <cstdint>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/handle.h"

namespace rbdcrypt::net {

// A server in a child process, since it keeps what it sees; ends with this object. To be made
// before the test's own process has other threads.
class ServerProcess {
 public:
  // `make` runs in the child: what it returns points to a server, which has a port().
  template <typename Make>
  explicit ServerProcess(const Make& make) {
    std::array<int, 2> to_child;
    std::array<int, 2> from_child;
    EXPECT_EQ(::pipe(to_child.data()), 0);
    EXPECT_EQ(::pipe(from_child.data()), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(to_child[1]);
      const auto server = make();
      Wait(server->port(), to_child[0], from_child[1]);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    leash_.Reset(to_child[1]);
    const UniqueFd answer(from_child[0]);
    EXPECT_EQ(::read(answer.get(), &port_, sizeof port_), static_cast<ssize_t>(sizeof port_));
  }

  ~ServerProcess() {
    leash_.Reset();
    ::waitpid(child_, nullptr, 0);
  }

  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  // Tells the port, and waits until the other end of the leash is closed.
  [[noreturn]] static void Wait(std::uint16_t port, int leash, int out) {
    char byte = 0;
    const bool is_done = ::write(out, &port, sizeof port) != static_cast<ssize_t>(sizeof port) ||
                         ::read(leash, &byte, 1) <= 0;
    ::_exit(is_done ? 0 : 1);
  }

  pid_t child_ = -1;
  UniqueFd leash_;
  std::uint16_t port_ = 0;
};

}  // namespace rbdcrypt::net
