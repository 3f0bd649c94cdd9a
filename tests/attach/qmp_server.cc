// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/attach/qmp_server.h"

#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/status.h"

namespace rbdcrypt::testing {

QmpServer::QmpServer(Answer answer, std::string greeting)
    : answer_(std::move(answer)),
      greeting_(std::move(greeting)),
      listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = SocketPath();
  RBDCRYPT_CHECK(path.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.data(), path.size());
  RBDCRYPT_CHECK(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
                 0);
  RBDCRYPT_CHECK(listen(listener_.get(), 4) == 0);
  thread_ = std::thread([this] { Serve(); });
}

QmpServer::~QmpServer() {
  // Ends the thread's accept().
  shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

std::vector<std::string> QmpServer::Lines() const {
  absl::MutexLock lock(&mutex_);
  return lines_;
}

void QmpServer::Serve() {
  while (true) {
    const UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) {
      return;
    }
    ServeOne(connection.get());
  }
}

void QmpServer::ServeOne(int connection) {
  const auto send_line = [&](const std::string& line) {
    const std::string text = line + "\r\n";
    return send(connection, text.data(), text.size(), MSG_NOSIGNAL) > 0;
  };
  send_line(greeting_);
  std::string received;
  char byte = 0;
  while (recv(connection, &byte, 1, 0) == 1) {
    if (byte != '\n') {
      received.push_back(byte);
      continue;
    }
    if (received.find("qmp_capabilities") != std::string::npos) {
      send_line(R"({"return": {}})");
    } else {
      {
        absl::MutexLock lock(&mutex_);
        lines_.push_back(received);
      }
      const std::string reply = answer_(received);
      if (reply.empty() || !send_line(reply)) {
        return;
      }
    }
    received.clear();
  }
}

}  // namespace rbdcrypt::testing
