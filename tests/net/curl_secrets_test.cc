// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Looks through all of its own memory for secrets that went over the network and should be gone.
// The server is in a process of its own, since it keeps what it sees.
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "net/curl_http_client.h"
#include "tests/fakes/http_server.h"
#include "tests/net/masked_secret.h"
#include "tests/net/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::HttpServer;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::ServedAnswer;
using ::rbdcrypt::testing::ServedRequest;
using ::rbdcrypt::testing::TestCa;
using ::rbdcrypt::testing::TestCertificate;

// Answers with what it was told, each letter's case changed.
auto Answerer(const std::optional<HttpServer::Tls>& tls) {
  return [&tls] {
    return std::make_unique<HttpServer>(
        [](const ServedRequest& request) {
          std::string answer = request.Find("X-Vault-Token") + request.body;
          for (char& letter : answer) {
            letter = static_cast<char>(letter ^ 0x20);
          }
          return ServedAnswer{.body = answer};
        },
        tls);
  };
}

class CurlSecretsTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Schemes, CurlSecretsTest, ::testing::Values("http", "https"));

TEST_P(CurlSecretsTest, NothingIsLeftOfASecretThatWasSentOrReceived) {
  InitSecretHeap();
  const TestCa ca;
  std::optional<HttpServer::Tls> tls;
  if (GetParam() == "https") {
    tls = {.certificate = ca.Issue({.names = {"IP:127.0.0.1"}})};
  }
  const ServerProcess server(Answerer(tls));
  const MaskedSecret token;
  const MaskedSecret key;
  ASSERT_OK_AND_ASSIGN(
      auto client,
      CurlHttpClient::New({.scheme = GetParam(), .host = "127.0.0.1", .port = server.port()},
                          {.tls = {.ca_pem = ca.certificate_pem()}}));
  {
    HttpRequest request = {.method = "POST", .body = key.Reveal()};
    request.secret_headers.push_back({.name = "X-Vault-Token", .value = token.Reveal()});
    const auto answer = client->Send(Context::Background(), request);
    ASSERT_THAT(answer, IsOk());
    ASSERT_EQ(answer->body.size(), 48U);
    // Or the search finds nothing because it does not work.
    EXPECT_EQ(token.CountInMemory(), 1);
    EXPECT_EQ(key.CountInMemory(), 1);
    EXPECT_EQ(token.InUpperCase().CountInMemory(), 1);
    EXPECT_EQ(key.InUpperCase().CountInMemory(), 1);
  }
  // The connection is still open.
  for (const MaskedSecret& secret : {token, key, token.InUpperCase(), key.InUpperCase()}) {
    EXPECT_EQ(secret.CountInMemory(), 0);
  }
}

}  // namespace
}  // namespace rbdcrypt::net
