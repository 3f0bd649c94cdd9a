// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <memory>

#include "net/byte_stream.h"
#include "net/endpoint.h"
#include "net/tls_options.h"

namespace rbdcrypt::net {

// Streams over TLS on OpenSSL, for protocols other than HTTP.
//
// TLS 1.2 or later; the certificate must be for TlsOptions::server_name, else for the endpoint's
// host (a name by DNS names, an address by IP addresses; SNI for names only); trusts the CA given
// and no other. Renegotiation is refused, sessions are not resumed. All addresses of a name are
// tried in turn, and share the time for connecting, of which its resolving is a part. Nothing here
// raises SIGPIPE.
class TlsDialer final : public Dialer {
 public:
  struct Timeouts {
    // Each, beside the context's deadline (kmip.md 14).
    std::chrono::milliseconds connect = std::chrono::seconds(5);
    std::chrono::milliseconds handshake = std::chrono::seconds(5);
  };

  // kInvalidArgument: CA, certificate or key are unreadable or too weak for OpenSSL, certificate
  // and key no pair, or the server name is none; names the endpoint, and which. `tls` is copied as
  // far as needed; a key that wants a password is unreadable.
  static Result<std::unique_ptr<TlsDialer>> New(Endpoint endpoint,
                                                const TlsOptions& tls,
                                                Timeouts timeouts);

  ~TlsDialer() override;

  Result<std::unique_ptr<ByteStream>> Dial(const Context& context) override;

  const std::string& address() const override { return address_; }

 private:
  struct Tls;

  TlsDialer(Endpoint endpoint, std::unique_ptr<Tls> tls, Timeouts timeouts);

  const Endpoint endpoint_;
  const std::string address_;
  const std::unique_ptr<Tls> tls_;
  const Timeouts timeouts_;
};

}  // namespace rbdcrypt::net
