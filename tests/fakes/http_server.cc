// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/http_server.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/status.h"
#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

using Memory = CHandle<BIO, BIO_free_all>;
using Certificate = CHandle<X509, X509_free>;

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

Memory MemoryOf(const std::string& text) {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate ReadCertificate(const std::string& pem) {
  Certificate certificate(PEM_read_bio_X509(MemoryOf(pem).get(), nullptr, nullptr, nullptr));
  RBDCRYPT_CHECK(certificate != nullptr);
  return certificate;
}

CHandle<SSL_CTX, SSL_CTX_free> NewTlsContext(const HttpServer::Tls& tls) {
  CHandle<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_server_method()));
  const CHandle<EVP_PKEY, EVP_PKEY_free> key(
      PEM_read_bio_PrivateKey(MemoryOf(tls.certificate.key_pem).get(), nullptr, nullptr, nullptr));
  RBDCRYPT_CHECK(SSL_CTX_use_certificate(
                     context.get(), ReadCertificate(tls.certificate.certificate_pem).get()) == 1);
  RBDCRYPT_CHECK(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
  if (tls.only_version != 0) {
    SSL_CTX_set_min_proto_version(context.get(), tls.only_version);
    SSL_CTX_set_max_proto_version(context.get(), tls.only_version);
  }
  if (!tls.client_ca_pem.empty()) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()),
                        ReadCertificate(tls.client_ca_pem).get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // Without one OpenSSL refuses to resume sessions of clients with certificates.
    constexpr std::array<unsigned char, 4> kSessionContext = {'t', 'e', 's', 't'};
    SSL_CTX_set_session_id_context(context.get(), kSessionContext.data(), kSessionContext.size());
  }
  return context;
}

std::string ClientNameOf(SSL* tls) {
  const Certificate certificate(SSL_get1_peer_certificate(tls));
  if (certificate == nullptr) {
    return "";
  }
  std::array<char, 256> name = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  return name.data();
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
    server_.Forget(fd_.get());
  }

  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void Run() {
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
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
    SSL_set_fd(tls_.get(), fd_.get());
    return SSL_accept(tls_.get()) == 1;
  }

  // Appends what comes next to `buffer_`; false at the end of it.
  bool Read() {
    std::array<char, 16384> bytes;
    const ssize_t count = tls_ != nullptr ? SSL_read(tls_.get(), bytes.data(), bytes.size())
                                          : ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
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
                          : ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
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
      const char* const name = SSL_get_servername(tls_.get(), TLSEXT_NAMETYPE_host_name);
      request.server_name = name != nullptr ? name : "";
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
    ::shutdown(fd_.get(), SHUT_WR);
    std::array<char, 4096> dropped;
    while (::recv(fd_.get(), dropped.data(), dropped.size(), 0) > 0) {
    }
  }

  void Reset() {
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    tls_.reset();
  }

  HttpServer& server_;
  UniqueFd fd_;
  const int number_;
  bool is_open_ = true;
  CHandle<SSL, SSL_free> tls_;
  std::string buffer_;
};

HttpServer::HttpServer(Handler handler, std::optional<Tls> tls)
    : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (tls) {
    tls_ = NewTlsContext(*tls);
  }
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

HttpServer::~HttpServer() {
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

net::Url HttpServer::Address(std::string_view host) const {
  return {.scheme = tls_ != nullptr ? "https" : "http", .host = std::string(host), .port = port_};
}

int HttpServer::connections() const {
  absl::MutexLock lock(&mutex_);
  return connections_;
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

void HttpServer::CloseConnections() {
  absl::MutexLock lock(&mutex_);
  for (const int fd : open_) {
    ::shutdown(fd, SHUT_RDWR);
  }
}

void HttpServer::Accept() {
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
    threads_.emplace_back(
        [this, fd, number = ++connections_] { HttpConnection(*this, fd, number).Run(); });
  }
}

void HttpServer::CountRequest() {
  absl::MutexLock lock(&mutex_);
  ++requests_;
}

void HttpServer::Forget(int fd) {
  absl::MutexLock lock(&mutex_);
  open_.erase(fd);
}

}  // namespace rbdcrypt::testing
