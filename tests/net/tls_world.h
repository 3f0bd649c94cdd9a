// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/tls_dialer.h"
#include "tests/fakes/tls_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::net {

// Longer than anything here takes.
inline constexpr std::chrono::seconds kLong(30);

inline Context Within(std::chrono::milliseconds timeout) {
  return Context::Background().WithTimeout(timeout);
}

// Cancelled from the `count`th time on that it is asked, counted from 0: so in the middle of a
// wait.
inline Context CancelledAfter(int count) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  return Context({.is_cancelled = [asked, count] { return (*asked)++ >= count; }});
}

// With a deadline `left` from now on `clock`, which goes on by `step` each time that it is asked.
inline Context PassingWhenAsked(testing::FakeClock& clock,
                                std::chrono::seconds step,
                                std::chrono::seconds left) {
  return Context({.clock = &clock, .deadline = clock.Now() + left, .is_cancelled = [&clock, step] {
                    clock.Advance(step);
                    return false;
                  }});
}

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Until `count` bytes or the end of the stream came.
inline Result<std::string> ReadText(ByteStream& stream, const Context& context, std::size_t count) {
  std::string text;
  while (text.size() < count) {
    std::array<char, 4096> buffer;
    const auto room =
        std::span(buffer).first(std::min<std::size_t>(buffer.size(), count - text.size()));
    ASSIGN_OR_RETURN(const std::size_t got, stream.Read(context, std::as_writable_bytes(room)));
    if (got == 0) {
      break;
    }
    text.append(buffer.data(), got);
  }
  return text;
}

// How long it took, to be compared with generous bounds: the machine may be busy.
class Stopwatch {
 public:
  std::chrono::nanoseconds Elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// A CA, what its servers and clients have of it, and calls with a deadline that no test reaches.
class TlsWorld : public ::testing::Test {
 protected:
  using TlsPeer = testing::TlsPeer;
  using TlsServer = testing::TlsServer;

  static void Echo(TlsPeer& peer) {
    for (std::string text = peer.ReadSome(); !text.empty(); text = peer.ReadSome()) {
      peer.Write(text);
    }
  }

  testing::ServerTls ServerTls(std::vector<std::string> names = {"IP:127.0.0.1"}) const {
    return {.certificate = ca_.Issue({.names = std::move(names)})};
  }

  testing::ServerTls ServerTls(int only_version) const {
    testing::ServerTls tls = ServerTls();
    tls.only_version = only_version;
    return tls;
  }

  TlsOptions Trusting() const { return {.ca_pem = ca_.certificate_pem()}; }

  static ClientCertificate Client(const testing::TestCertificate& certificate) {
    return {.certificate_pem = certificate.certificate_pem, .key_pem = Secret(certificate.key_pem)};
  }

  static Result<std::unique_ptr<ByteStream>> Dial(const TlsServer& server,
                                                  const TlsOptions& tls,
                                                  const Context& context = Within(kLong),
                                                  TlsDialer::Timeouts timeouts = {
                                                      .connect = kLong, .handshake = kLong}) {
    ASSIGN_OR_RETURN(const auto dialer, TlsDialer::New(server.Address(), tls, timeouts));
    return dialer->Dial(context);
  }

  // What comes back of `text`, as long as that.
  static Result<std::string> Exchange(ByteStream& stream, std::string_view text) {
    RETURN_IF_ERROR(stream.Write(Within(kLong), BytesOf(text)));
    return ReadText(stream, Within(kLong), text.size());
  }

  const testing::TestCa ca_;
};

}  // namespace rbdcrypt::net
