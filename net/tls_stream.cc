// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/tls_stream.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <poll.h>

#include "base/strings.h"
#include "net/arrival.h"
#include "net/socket.h"
#include "net/tls_errors.h"

namespace rbdcrypt::net {
namespace {

// What one call of OpenSSL's may receive: some records of the largest size (RFC 8446, section 5.2).
constexpr std::size_t kAllowanceBytes = std::size_t{64} * 1024;

int ClampToInt(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

bool IsForLater(int wish) {
  return wish == SSL_ERROR_WANT_READ || wish == SSL_ERROR_WANT_WRITE;
}

}  // namespace

TlsStream::TlsStream(UniqueFd socket,
                     CHandle<SSL, SSL_free> tls,
                     std::string address,
                     std::string name)
    : address_(std::move(address)),
      name_(std::move(name)),
      next_read_(Cat("more came from ", address_)),
      next_write_(Cat(address_, " took what was sent")),
      socket_{.fd = std::move(socket)},
      tls_(std::move(tls)) {
  auto bio = NewSocketBio(socket_);
  RBDCRYPT_CHECK(bio != nullptr && tls_ != nullptr);
  BIO* const shared = bio.release();
  SSL_set_bio(tls_.get(), shared, shared);
  SSL_set_connect_state(tls_.get());
  SSL_set_app_data(tls_.get(), this);
  SSL_set_info_callback(tls_.get(), &OnTlsEvent);
}

TlsStream::~TlsStream() {
  if (has_handshake_ && broken_.ok()) {
    ERR_clear_error();
    SSL_shutdown(tls_.get());
  }
  ERR_clear_error();
}

Status TlsStream::Handshake(const Context& context) {
  RETURN_IF_ERROR(
      Repeat(context, Stage::kHandshake, [this] { return SSL_do_handshake(tls_.get()); }).status());
  has_handshake_ = true;
  return OkStatus();
}

Status TlsStream::Write(const Context& context, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ASSIGN_OR_RETURN(const std::size_t count, Repeat(context, Stage::kWrite, [this, bytes] {
                       return SSL_write(tls_.get(), bytes.data(), ClampToInt(bytes.size()));
                     }));
    bytes = bytes.subspan(count);
  }
  return OkStatus();
}

Result<std::size_t> TlsStream::Read(const Context& context, std::span<std::byte> buffer) {
  RBDCRYPT_CHECK(!buffer.empty());
  ASSIGN_OR_RETURN(const std::size_t count, Repeat(context, Stage::kRead, [this, buffer] {
                     return SSL_read(tls_.get(), buffer.data(), ClampToInt(buffer.size()));
                   }));
  has_received_ = has_received_ || count > 0;
  return count;
}

bool TlsStream::IsQuiet() {
  if (!broken_.ok()) {
    return false;
  }
  // Takes session tickets and new keys in passing, though not without end.
  const int wish = Peek();
  return wish == SSL_ERROR_WANT_READ && socket_.is_drained && !wants_renegotiation_;
}

int TlsStream::Peek() {
  ERR_clear_error();
  socket_.allowance = kAllowanceBytes;
  std::byte byte;
  return SSL_get_error(tls_.get(), SSL_peek(tls_.get(), &byte, 1));
}

template <typename Step>
Result<std::size_t> TlsStream::Repeat(const Context& context, Stage stage, Step step) {
  RETURN_IF_ERROR(broken_);
  broken_ = context.Check(NextOf(stage));
  while (broken_.ok()) {
    ERR_clear_error();
    socket_.allowance = kAllowanceBytes;
    const int result = step();
    const int wish = SSL_get_error(tls_.get(), result);
    if (wish == SSL_ERROR_NONE) {
      return static_cast<std::size_t>(result);
    }
    if (wish == SSL_ERROR_ZERO_RETURN && stage == Stage::kRead) {
      return 0;
    }
    broken_ = IsForLater(wish) && !wants_renegotiation_ ? AwaitWish(context, wish, stage)
                                                        : FailureOf(wish);
  }
  return broken_;
}

std::string_view TlsStream::NextOf(Stage stage) const {
  return stage == Stage::kWrite ? next_write_ : next_read_;
}

Status TlsStream::AwaitWish(const Context& context, int wish, Stage stage) {
  const short events = wish == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
  return AwaitSocket(context, socket_.fd.get(), events, NextOf(stage));
}

// `value` of an alert is its level and its description, a byte each.
void TlsStream::OnTlsEvent(const SSL* tls, int where, int value) {
  auto* const self = static_cast<TlsStream*>(SSL_get_app_data(tls));
  if ((where & SSL_CB_ALERT) == 0) {
    return;
  }
  const bool is_fatal = value >> 8 == SSL3_AL_FATAL;
  if ((where & SSL_CB_READ) != 0 && is_fatal) {
    self->alert_ = value & 0xff;
  }
  // How OpenSSL answers a server's wish to renegotiate, of which it says nothing else.
  if ((where & SSL_CB_WRITE) != 0 && (value & 0xff) == SSL_AD_NO_RENEGOTIATION) {
    self->wants_renegotiation_ = true;
  }
}

Status TlsStream::FailureOf(int wish) {
  // First: a server may answer the refusal with an alert.
  if (wants_renegotiation_) {
    return DataLoss(Cat(address_, ": the server asks to renegotiate TLS, which is refused"));
  }
  const bool is_transport = wish != SSL_ERROR_SSL;
  if (is_transport && has_handshake_) {
    ReceiveLateAlert();
  }
  if (alert_) {
    return AlertFailure();
  }
  if (is_transport) {
    return TransportFailure();
  }
  if (!has_handshake_ && SSL_get_verify_result(tls_.get()) != X509_V_OK &&
      SSL_get_verify_mode(tls_.get()) != SSL_VERIFY_NONE) {
    return UnverifiedFailure();
  }
  return FromTlsProtocolError(address_);
}

// A server that refuses our certificate under TLS 1.3 closes while we still write. What it said
// before is there to be read.
void TlsStream::ReceiveLateAlert() {
  const int error = socket_.error;
  const bool is_at_end = socket_.is_at_end;
  static_cast<void>(Peek());
  socket_.error = error;
  socket_.is_at_end = is_at_end;
}

Status TlsStream::AlertFailure() const {
  if (IsRefusal(*alert_)) {
    Status refused = Refused(address_, *alert_);
    // TLS 1.3 lets a client write before the server has looked at its certificate; what is refused
    // then was not read.
    const bool is_handshakes_end = SSL_version(tls_.get()) == TLS1_3_VERSION && !has_received_;
    return is_handshakes_end ? NeverArrived(std::move(refused)) : refused;
  }
  return Unavailable(Cat(address_, ": the server ended TLS with the alert \"",
                         SSL_alert_desc_string_long(*alert_), "\""));
}

Status TlsStream::TransportFailure() {
  const std::string_view when =
      has_handshake_ ? "" : " in the TLS handshake: does it speak TLS on that port?";
  if (socket_.error != 0) {
    std::array<char, 128> text = {};
    return Unavailable(Cat(address_, ": connection lost (",
                           ::strerror_r(socket_.error, text.data(), text.size()), ")", when));
  }
  return Unavailable(Cat(address_, ": the server closed the connection", when));
}

Status TlsStream::UnverifiedFailure() const {
  const long error = SSL_get_verify_result(tls_.get());
  const bool is_of_name =
      error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH;
  return Unverified(address_, Cat(X509_verify_cert_error_string(error),
                                  is_of_name ? ": it is not for " : "", is_of_name ? name_ : ""));
}

}  // namespace rbdcrypt::net
