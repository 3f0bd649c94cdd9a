// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/tls_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace rbdcrypt::testing {
namespace {

// Closing with unread bytes would reset the connection, and with it lose what was sent before: so
// the other side closes first.
void AwaitClose(int fd) {
  std::array<char, 4096> dropped;
  while (::recv(fd, dropped.data(), dropped.size(), 0) > 0) {
  }
}

void ResetOnClose(int fd) {
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void AwaitEvent(int fd, short event) {
  pollfd waiter = {.fd = fd, .events = event, .revents = 0};
  ::poll(&waiter, 1, -1);
}

}  // namespace

TlsPeer::TlsPeer(CHandle<SSL, SSL_free> tls, int fd, int number)
    : tls_(std::move(tls)), fd_(fd), number_(number) {}

TlsPeer::~TlsPeer() {
  if (is_open_ && tls_ != nullptr) {
    SSL_shutdown(tls_.get());
  }
}

std::string TlsPeer::client_name() const {
  return tls_ != nullptr ? ClientNameOf(tls_.get()) : "";
}

std::string TlsPeer::wanted_name() const {
  return tls_ != nullptr ? WantedNameOf(tls_.get()) : "";
}

std::string TlsPeer::ReadExactly(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = tls_ != nullptr
                            ? SSL_read(tls_.get(), &bytes[done], static_cast<int>(count - done))
                            : ::recv(fd_, &bytes[done], count - done, 0);
    if (got <= 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

std::string TlsPeer::ReadSome() {
  std::array<char, 16384> bytes;
  const ssize_t got = tls_ != nullptr ? SSL_read(tls_.get(), bytes.data(), bytes.size())
                                      : ::recv(fd_, bytes.data(), bytes.size(), 0);
  return got > 0 ? std::string(bytes.data(), static_cast<std::size_t>(got)) : "";
}

bool TlsPeer::Write(std::string_view bytes) {
  if (tls_ == nullptr) {
    return WriteRaw(bytes);
  }
  return bytes.empty() || SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
}

bool TlsPeer::WriteByteAtATime(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [this](const char& c) { return Write(std::string_view(&c, 1)); });
}

bool TlsPeer::WriteRaw(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool TlsPeer::Renegotiate() {
  return SSL_renegotiate(tls_.get()) == 1 && SSL_do_handshake(tls_.get()) == 1;
}

bool TlsPeer::UpdateKeys() {
  return SSL_key_update(tls_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
         SSL_do_handshake(tls_.get()) == 1;
}

void TlsPeer::CloseNotify() {
  if (tls_ != nullptr) {
    SSL_shutdown(tls_.get());
  }
  EndOfWriting();
}

void TlsPeer::CloseAbruptly() {
  EndOfWriting();
}

void TlsPeer::Reset() {
  ResetOnClose(fd_);
  is_open_ = false;
}

void TlsPeer::Silence() {
  AwaitEvent(fd_, POLLRDHUP);
}

void TlsPeer::EndOfWriting() {
  is_open_ = false;
  ::shutdown(fd_, SHUT_WR);
  AwaitClose(fd_);
}

TlsServer::TlsServer(std::optional<ServerTls> tls, Script script, Refusal refusal)
    : script_(std::move(script)),
      refusal_(refusal),
      tls_(tls ? NewServerTlsContext(*tls) : nullptr),
      listener_([this](int fd, int number) { Serve(fd, number); }) {}

net::Endpoint TlsServer::Address(std::string_view host) const {
  return {.host = std::string(host), .port = listener_.port()};
}

int TlsServer::handshakes() const {
  absl::MutexLock lock(&mutex_);
  return handshakes_;
}

void TlsServer::Serve(int fd, int number) {
  CHandle<SSL, SSL_free> tls;
  if (tls_ != nullptr) {
    tls.reset(SSL_new(tls_.get()));
    SSL_set_fd(tls.get(), fd);
    if (SSL_accept(tls.get()) != 1) {
      Refuse(fd);
      return;
    }
    absl::MutexLock lock(&mutex_);
    ++handshakes_;
  }
  TlsPeer peer(std::move(tls), fd, number);
  script_(peer);
}

void TlsServer::Refuse(int fd) const {
  if (refusal_ == Refusal::kReset) {
    AwaitEvent(fd, POLLIN);
    ResetOnClose(fd);
    return;
  }
  ::shutdown(fd, SHUT_WR);
  AwaitClose(fd);
}

}  // namespace rbdcrypt::testing
