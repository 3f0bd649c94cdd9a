// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>

#include <openssl/ssl.h>

#include "base/handle.h"
#include "net/byte_stream.h"
#include "net/socket_bio.h"

namespace rbdcrypt::net {

// One TLS connection of TlsDialer. Tells the server when it ends, unless it failed.
//
// Refuses to renegotiate (TLS 1.2) and takes the wish for it as a failure: none of the servers here
// has a reason for it. Session tickets and new keys of TLS 1.3 are taken in passing.
class TlsStream final : public ByteStream {
 public:
  // Over a connected, non-blocking socket; `tls` is new. `address` and `name`, which is asked of
  // the server's certificate, are for texts.
  TlsStream(UniqueFd socket, CHandle<SSL, SSL_free> tls, std::string address, std::string name);
  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // First of all, and once. Errors as of Dialer::Dial(), though not marked.
  Status Handshake(const Context& context);

  Status Write(const Context& context, std::span<const std::byte> bytes) override;
  Result<std::size_t> Read(const Context& context, std::span<std::byte> buffer) override;
  bool IsQuiet() override;

 private:
  // What is done, for the texts of errors that come in it.
  enum class Stage { kHandshake, kWrite, kRead };

  // Repeats `step`, a call of OpenSSL's, until it is done; its number, or 0 at the stream's end.
  template <typename Step>
  Result<std::size_t> Repeat(const Context& context, Stage stage, Step step);

  static void OnTlsEvent(const SSL* tls, int where, int value);

  // Looks for data without waiting or taking it: what SSL_get_error() says to that.
  int Peek();
  std::string_view NextOf(Stage stage) const;
  Status AwaitWish(const Context& context, int wish, Stage stage);
  Status FailureOf(int wish);
  Status TransportFailure();
  Status AlertFailure() const;
  Status UnverifiedFailure() const;
  void ReceiveLateAlert();

  const std::string address_;
  const std::string name_;
  const std::string next_read_;
  const std::string next_write_;
  BioSocket socket_;
  // The last fatal alert that came (RFC 8446, section 6.2).
  std::optional<int> alert_ = {};
  bool wants_renegotiation_ = false;
  bool has_handshake_ = false;
  // Whether the server has said anything within TLS.
  bool has_received_ = false;
  // Why it is of no more use.
  Status broken_ = {};
  // The last member: it writes to the socket while it is destroyed.
  CHandle<SSL, SSL_free> tls_;
};

}  // namespace rbdcrypt::net
