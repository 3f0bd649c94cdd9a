// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/socket_bio.h"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "base/status.h"

namespace rbdcrypt::net {
namespace {

BioSocket& SocketOf(BIO* bio) {
  return *static_cast<BioSocket*>(BIO_get_data(bio));
}

bool IsForLater(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int Send(BIO* bio, const char* data, int size) {
  BioSocket& socket = SocketOf(bio);
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(socket.fd.get(), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0) {
    const int error = errno;
    if (IsForLater(error)) {
      BIO_set_retry_write(bio);
    } else {
      socket.error = error;
    }
    return -1;
  }
  return static_cast<int>(sent);
}

int Receive(BIO* bio, char* data, int size) {
  BioSocket& socket = SocketOf(bio);
  BIO_clear_retry_flags(bio);
  socket.is_drained = false;
  if (socket.allowance == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t most = std::min(static_cast<std::size_t>(size), socket.allowance);
  const ssize_t received = ::recv(socket.fd.get(), data, most, 0);
  if (received < 0) {
    const int error = errno;
    if (IsForLater(error)) {
      socket.is_drained = error != EINTR;
      BIO_set_retry_read(bio);
    } else {
      socket.error = error;
    }
    return -1;
  }
  socket.is_at_end = received == 0;
  socket.allowance -= static_cast<std::size_t>(received);
  return static_cast<int>(received);
}

// Nothing is buffered, so there is nothing to flush; of the rest OpenSSL needs no answer.
long Control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* NewMethod() {
  BIO_METHOD* const method =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rbdcrypt socket");
  RBDCRYPT_CHECK(method != nullptr);
  RBDCRYPT_CHECK(BIO_meth_set_write(method, &Send) == 1);
  RBDCRYPT_CHECK(BIO_meth_set_read(method, &Receive) == 1);
  RBDCRYPT_CHECK(BIO_meth_set_ctrl(method, &Control) == 1);
  return method;
}

}  // namespace

CHandle<BIO, BIO_free> NewSocketBio(BioSocket& socket) {
  // BIOs point to it, so it lives as long as the process.
  static BIO_METHOD* const method = NewMethod();
  CHandle<BIO, BIO_free> bio(BIO_new(method));
  if (bio != nullptr) {
    BIO_set_data(bio.get(), &socket);
    BIO_set_init(bio.get(), 1);
  }
  return bio;
}

}  // namespace rbdcrypt::net
