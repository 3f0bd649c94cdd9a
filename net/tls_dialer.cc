// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/tls_dialer.h"

#include <utility>

#include "base/strings.h"
#include "net/arrival.h"
#include "net/host.h"
#include "net/socket.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"

namespace rbdcrypt::net {
namespace {

// The name that the server is to show itself under.
Result<std::string> NameOf(const Endpoint& endpoint, const std::string& server_name) {
  if (server_name.empty() || IsIpAddress(server_name)) {
    return server_name.empty() ? endpoint.host : server_name;
  }
  std::string_view rest = server_name;
  auto name = TakeHost(rest);
  if (!name.ok() || !rest.empty()) {
    return InvalidArgument("the TLS server name is no name of a host");
  }
  return name;
}

// A time-out of ours that came before the caller's deadline is the server's fault.
Status Blame(const Context& context, Status status, std::string_view text) {
  if (status.code() == Code::kDeadlineExceeded && context.Check(text).ok()) {
    return Unavailable(text);
  }
  return status;
}

}  // namespace

struct TlsDialer::Tls {
  std::string name;
  TlsContext context;

  Result<std::unique_ptr<TlsStream>> NewStream(UniqueFd socket, const std::string& address) const {
    CHandle<SSL, SSL_free> tls(SSL_new(context.get()));
    if (tls == nullptr) {
      return Unavailable(Cat(address, ": no memory for a TLS connection"));
    }
    // RFC 6066, section 3: no addresses.
    if (!IsIpAddress(name) && SSL_set_tlsext_host_name(tls.get(), name.c_str()) != 1) {
      return InvalidArgument(Cat(address, ": the server's name is too long for TLS"));
    }
    return std::make_unique<TlsStream>(std::move(socket), std::move(tls), address, name);
  }
};

Result<std::unique_ptr<TlsDialer>> TlsDialer::New(Endpoint endpoint,
                                                  const TlsOptions& tls,
                                                  Timeouts timeouts) {
  auto made = std::make_unique<Tls>();
  auto name = NameOf(endpoint, tls.server_name);
  if (!name.ok()) {
    return Annotate(name.status(), endpoint.Text());
  }
  made->name = *std::move(name);
  auto context = NewTlsContext(tls, made->name);
  if (!context.ok()) {
    return Annotate(context.status(), endpoint.Text());
  }
  made->context = *std::move(context);
  return std::unique_ptr<TlsDialer>(new TlsDialer(std::move(endpoint), std::move(made), timeouts));
}

TlsDialer::TlsDialer(Endpoint endpoint, std::unique_ptr<Tls> tls, Timeouts timeouts)
    : endpoint_(std::move(endpoint)),
      address_(endpoint_.Text()),
      tls_(std::move(tls)),
      timeouts_(timeouts) {}

TlsDialer::~TlsDialer() = default;

Result<std::unique_ptr<ByteStream>> TlsDialer::Dial(const Context& context) {
  auto socket = ConnectTo(context.WithTimeout(timeouts_.connect), endpoint_);
  if (!socket.ok()) {
    return NeverArrived(
        Blame(context, socket.status(),
              Cat(address_, ": no connection within ", timeouts_.connect.count(),
                  " ms: is the server up, and does the network let this through?")));
  }
  auto stream = tls_->NewStream(*std::move(socket), address_);
  if (!stream.ok()) {
    return NeverArrived(stream.status());
  }
  const Status done = (*stream)->Handshake(context.WithTimeout(timeouts_.handshake));
  if (!done.ok()) {
    return NeverArrived(Blame(context, done,
                              Cat(address_, ": no TLS handshake within ",
                                  timeouts_.handshake.count(), " ms: does it speak TLS?")));
  }
  return std::unique_ptr<ByteStream>(*std::move(stream));
}

}  // namespace rbdcrypt::net
