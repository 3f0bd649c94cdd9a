// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <openssl/ssl.h>

#include "base/handle.h"
#include "net/endpoint.h"
#include "tests/fakes/loopback_server.h"
#include "tests/fakes/server_tls.h"

namespace rbdcrypt::testing {

// The server's end of one connection, in the hands of a script. Every call blocks; all end when the
// client closes or the server is destroyed. Where the script returns without having closed, the
// connection is closed as by CloseNotify(), though at once.
class TlsPeer {
 public:
  // `tls` is null where the server speaks none.
  TlsPeer(CHandle<SSL, SSL_free> tls, int fd, int number);
  ~TlsPeer();
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  // Which connection it is, from 1.
  int number() const { return number_; }

  // The common name of the client's certificate, and the server name it asked for; or "".
  std::string client_name() const;
  std::string wanted_name() const;

  // That many bytes; fewer where the client ended first.
  std::string ReadExactly(std::size_t count);

  // What comes next; "" where the client ended.
  std::string ReadSome();

  // Whether all of it was sent.
  bool Write(std::string_view bytes);

  // Each byte in a packet (with TLS: a record) of its own.
  bool WriteByteAtATime(std::string_view bytes);

  // Below TLS, where the client expects a record.
  bool WriteRaw(std::string_view bytes);

  // Asks for a new handshake (TLS 1.2), and does not wait for it.
  bool Renegotiate();

  // Changes keys (TLS 1.3) and tells the client, which need not answer.
  bool UpdateKeys();

  // Ends the stream in order, then waits for the client to close.
  void CloseNotify();

  // The connection ends as if the server had died: without a word of TLS. Waits for the client.
  void CloseAbruptly();

  // Closes so that the client is told "connection reset".
  void Reset();

  // Neither reads nor writes until the client closes; what it sends piles up.
  void Silence();

 private:
  void EndOfWriting();

  const CHandle<SSL, SSL_free> tls_;
  const int fd_;
  const int number_;
  bool is_open_ = true;
};

// A real TLS server on 127.0.0.1 and a free port that does what a script says, once the handshake
// is done, on each connection; for a protocol's good servers and its hostile ones. The script is
// called by several threads at once. Ends every connection when destroyed.
//
//   const TestCa ca;
//   const TlsServer server({{.certificate = ca.Issue({.names = {"IP:127.0.0.1"}})}},
//                          [](TlsPeer& peer) { peer.Write(peer.ReadExactly(8)); });
//   auto dialer = net::TlsDialer::New(server.Address(), {.ca_pem = ca.certificate_pem()}, {});
class TlsServer {
 public:
  using Script = std::function<void(TlsPeer& peer)>;

  // What becomes of a client whose handshake failed, once the alert is sent.
  enum class Refusal {
    // What it still sends is read and dropped until it closes.
    kReadOn,
    // When it sends more, the connection is reset, as by servers that just close.
    kReset,
  };

  // Without `tls` it is a plain TCP server, for what happens instead of a handshake.
  TlsServer(std::optional<ServerTls> tls, Script script, Refusal refusal = Refusal::kReadOn);

  // Under whatever name leads to 127.0.0.1.
  net::Endpoint Address(std::string_view host = "127.0.0.1") const;

  std::uint16_t port() const { return listener_.port(); }

  // Accepted so far, whatever became of them.
  int connections() const { return listener_.connections(); }

  // Whose handshake succeeded, to the server's mind.
  int handshakes() const;

  // Ends every connection that is open now and goes on serving new ones.
  void CloseConnections() { listener_.CloseConnections(); }

 private:
  void Serve(int fd, int number);
  void Refuse(int fd) const;

  const Script script_;
  const Refusal refusal_;
  const CHandle<SSL_CTX, SSL_CTX_free> tls_;
  mutable absl::Mutex mutex_;
  int handshakes_ ABSL_GUARDED_BY(mutex_) = 0;
  // The last member: its threads use the others.
  LoopbackServer listener_;
};

}  // namespace rbdcrypt::testing
