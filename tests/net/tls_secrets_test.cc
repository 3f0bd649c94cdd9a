// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Looks through all of its own memory for what went over a TLS stream, and for the key that the
// stream was made with.
#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "net/tls_dialer.h"
#include "tests/fakes/tls_server.h"
#include "tests/net/masked_secret.h"
#include "tests/net/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::TestCa;
using ::rbdcrypt::testing::TlsPeer;
using ::rbdcrypt::testing::TlsServer;

constexpr std::size_t kSize = 24;

// Answers with what it was told, each letter's case changed.
void Answer(TlsPeer& peer) {
  std::string text = peer.ReadExactly(kSize);
  for (char& letter : text) {
    letter = static_cast<char>(letter ^ 0x20);
  }
  peer.Write(text);
  peer.Silence();
}

class TlsSecretsTest : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(TlsVersions,
                         TlsSecretsTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(TlsSecretsTest, NothingIsLeftOfASecretThatWasSentOrReceived) {
  InitSecretHeap();
  const TestCa ca;
  const testing::ServerTls tls = {.certificate = ca.Issue({.names = {"IP:127.0.0.1"}}),
                                  .only_version = GetParam()};
  const ServerProcess server([&tls] { return std::make_unique<TlsServer>(tls, Answer); });
  const MaskedSecret request;
  ASSERT_OK_AND_ASSIGN(const auto dialer,
                       TlsDialer::New({.host = "127.0.0.1", .port = server.port()},
                                      {.ca_pem = ca.certificate_pem()}, {}));
  ASSERT_OK_AND_ASSIGN(const auto stream, dialer->Dial(Context::Background()));
  {
    const Secret text = request.Reveal();
    ASSERT_THAT(stream->Write(Context::Background(), text.Reveal()), IsOk());
    Secret answer(kSize);
    ASSERT_OK_AND_ASSIGN(const std::size_t count,
                         stream->Read(Context::Background(), answer.MutableBytes()));
    ASSERT_EQ(count, kSize);
    // Or the search finds nothing because it does not work.
    EXPECT_EQ(request.CountInMemory(), 1);
    EXPECT_EQ(request.InUpperCase().CountInMemory(), 1);
  }
  // The stream is still open.
  EXPECT_TRUE(stream->IsQuiet());
  EXPECT_EQ(request.CountInMemory(), 0);
  EXPECT_EQ(request.InUpperCase().CountInMemory(), 0);
}

}  // namespace
}  // namespace rbdcrypt::net
