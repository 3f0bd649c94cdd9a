// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/http_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include <strings.h>
#include <sys/socket.h>

#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

constexpr std::size_t kChunkBytes = 7;

std::string FindHeader(const std::vector<net::Header>& headers, std::string_view name) {
  for (const net::Header& header : headers) {
    if (header.name.size() == name.size() &&
        ::strncasecmp(header.name.data(), name.data(), name.size()) == 0) {
      return header.value;
    }
  }
  return "";
}

std::string Chunked(std::string_view body) {
  std::string text;
  for (std::size_t at = 0; at < body.size(); at += kChunkBytes) {
    const std::string_view chunk = body.substr(at, kChunkBytes);
    text += Cat(chunk.size(), "\r\n", chunk, "\r\n");
  }
  return text + "0\r\n\r\n";
}

std::string Format(const ServedAnswer& answer, bool is_head) {
  const bool has_body = answer.status != 204 && answer.status >= 200;
  std::string text = Cat("HTTP/1.1 ", answer.status, " text\r\n");
  for (const net::Header& header : answer.headers) {
    text += Cat(header.name, ": ", header.value, "\r\n");
  }
  if (answer.is_chunked) {
    text += "Transfer-Encoding: chunked\r\n";
  } else if (has_body) {
    text += Cat("Content-Length: ", answer.body.size(), "\r\n");
  }
  text += "\r\n";
  if (has_body && !is_head) {
    text += answer.is_chunked ? Chunked(answer.body) : answer.body;
  }
  return text;
}

// Of "POST /v1/x HTTP/1.1\r\nName: value\r\n…\r\n\r\n".
ServedRequest ParseHead(const std::string& head) {
  ServedRequest request;
  const std::vector<std::string> lines = Split(head, '\n');
  const std::vector<std::string> words = Split(lines[0], ' ');
  request.method = words[0];
  request.target = words.size() > 1 ? words[1] : "";
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon != std::string::npos) {
      request.headers.push_back({.name = lines[i].substr(0, colon),
                                 .value = std::string(Trim(lines[i].substr(colon + 1)))});
    }
  }
  return request;
}

}  // namespace

std::string ServedRequest::Find(std::string_view name) const {
  return FindHeader(headers, name);
}

ServedAnswer ServedAnswer::Json(int status, std::string_view body) {
  return {.status = status,
          .headers = {{.name = "Content-Type", .value = "application/json"}},
          .body = std::string(body)};
}

// One connection, in a thread of its own from handshake to close.
class HttpConnection {
 public:
  HttpConnection(HttpServer& server, int fd, int number)
      : server_(server), fd_(fd), number_(number) {}

  ~HttpConnection() {
    if (is_open_ && tls_ != nullptr) {
      SSL_shutdown(tls_.get());
    }
  }

  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void Run() {
    if (!Handshake()) {
      CloseHalf();
      return;
    }
    for (int number = 1; is_open_; ++number) {
      std::optional<ServedRequest> request = ReadRequest();
      if (!request) {
        return;
      }
      request->number = number;
      server_.CountRequest();
      const HttpServer::Reply reply = server_.handler_(*request);
      is_open_ = std::holds_alternative<ServedAnswer>(reply)
                     ? Write(Format(std::get<ServedAnswer>(reply), request->method == "HEAD"))
                     : Play(std::get<RawAnswer>(reply));
    }
  }

 private:
  bool Handshake() {
    if (server_.tls_ == nullptr) {
      return true;
    }
    tls_.reset(SSL_new(server_.tls_.get()));
    SSL_set_fd(tls_.get(), fd_);
    return SSL_accept(tls_.get()) == 1;
  }

  // Appends what comes next to `buffer_`; false at the end of it.
  bool Read() {
    std::array<char, 16384> bytes;
    const ssize_t count = tls_ != nullptr ? SSL_read(tls_.get(), bytes.data(), bytes.size())
                                          : ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (count <= 0) {
      return false;
    }
    buffer_.append(bytes.data(), static_cast<std::size_t>(count));
    return true;
  }

  bool Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count =
          tls_ != nullptr ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                          : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  std::optional<ServedRequest> ReadRequest() {
    std::size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Read()) {
        return std::nullopt;
      }
      if (buffer_[0] < 'A' || buffer_[0] > 'Z') {
        // The first bytes of TLS, for one; what Go's servers say to them.
        Write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        CloseHalf();
        return std::nullopt;
      }
    }
    ServedRequest request = ParseHead(buffer_.substr(0, end));
    buffer_.erase(0, end + 4);
    const std::size_t length = ParseUint64(request.Find("Content-Length")).value_or(0);
    while (buffer_.size() < length) {
      if (!Read()) {
        return std::nullopt;
      }
    }
    request.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    request.connection = number_;
    if (tls_ != nullptr) {
      request.server_name = WantedNameOf(tls_.get());
      request.client_name = ClientNameOf(tls_.get());
    }
    return request;
  }

  // Whether the connection goes on behind it.
  bool Play(const RawAnswer& answer) {
    for (const RawAnswer::Step& step : answer.steps_) {
      if (!Play(step)) {
        return false;
      }
    }
    return !answer.steps_.empty() && answer.steps_.back().kind == RawAnswer::Kind::kKeepOpen;
  }

  bool Play(const RawAnswer::Step& step) {
    switch (step.kind) {
      case RawAnswer::Kind::kSend:
        return Write(step.bytes);
      case RawAnswer::Kind::kSendBytewise:
        return std::all_of(step.bytes.begin(), step.bytes.end(),
                           [this](const char& c) { return Write(std::string_view(&c, 1)); });
      case RawAnswer::Kind::kWaitForClient:
        Drain();
        return false;
      case RawAnswer::Kind::kCloseHalf:
        CloseHalf();
        return false;
      case RawAnswer::Kind::kReset:
        Reset();
        return false;
      case RawAnswer::Kind::kClose:
        return false;
      case RawAnswer::Kind::kKeepOpen:
        return true;
    }
    return false;
  }

  void Drain() {
    while (Read()) {
      buffer_.clear();
    }
  }

  // Closing with unread bytes would reset the connection, and with it lose what was sent before: so
  // the other side closes first. Below TLS: after a failed handshake there is none.
  void CloseHalf() {
    if (is_open_ && tls_ != nullptr) {
      SSL_shutdown(tls_.get());
    }
    ::shutdown(fd_, SHUT_WR);
    std::array<char, 4096> dropped;
    while (::recv(fd_, dropped.data(), dropped.size(), 0) > 0) {
    }
  }

  void Reset() {
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    tls_.reset();
  }

  HttpServer& server_;
  const int fd_;
  const int number_;
  bool is_open_ = true;
  CHandle<SSL, SSL_free> tls_;
  std::string buffer_;
};

HttpServer::HttpServer(Handler handler, std::optional<Tls> tls)
    : handler_(std::move(handler)),
      tls_(tls ? NewServerTlsContext(*tls) : nullptr),
      listener_([this](int fd, int number) { HttpConnection(*this, fd, number).Run(); }) {}

net::Url HttpServer::Address(std::string_view host) const {
  return {.scheme = tls_ != nullptr ? "https" : "http",
          .host = std::string(host),
          .port = listener_.port()};
}

int HttpServer::requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

void HttpServer::AwaitRequests(int count) const {
  absl::MutexLock lock(&mutex_);
  const auto enough = [this, count]()
                          ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return requests_ >= count; };
  mutex_.Await(absl::Condition(&enough));
}

void HttpServer::CountRequest() {
  absl::MutexLock lock(&mutex_);
  ++requests_;
}

}  // namespace rbdcrypt::testing
