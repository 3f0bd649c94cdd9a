// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/loopback_server.h"

#include <csignal>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/status.h"

namespace rbdcrypt::testing {

LoopbackServer::LoopbackServer(Serve serve)
    : serve_(std::move(serve)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  RBDCRYPT_CHECK(::bind(listener_.get(), generic, size) == 0);
  RBDCRYPT_CHECK(::listen(listener_.get(), SOMAXCONN) == 0);
  RBDCRYPT_CHECK(::getsockname(listener_.get(), generic, &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

LoopbackServer::~LoopbackServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  CloseConnections();
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

int LoopbackServer::connections() const {
  absl::MutexLock lock(&mutex_);
  return connections_;
}

void LoopbackServer::CloseConnections() {
  absl::MutexLock lock(&mutex_);
  for (const int fd : open_) {
    ::shutdown(fd, SHUT_RDWR);
  }
}

void LoopbackServer::Accept() {
  // OpenSSL writes without MSG_NOSIGNAL; the threads made here inherit it.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      return;
    }
    absl::MutexLock lock(&mutex_);
    open_.insert(fd);
    threads_.emplace_back([this, fd, number = ++connections_] { Run(fd, number); });
  }
}

void LoopbackServer::Run(int fd, int number) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  serve_(fd, number);
  // Under the lock, or CloseConnections() could end another connection of the same number.
  absl::MutexLock lock(&mutex_);
  open_.erase(fd);
  ::close(fd);
}

}  // namespace rbdcrypt::testing
