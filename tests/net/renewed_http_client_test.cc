// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/renewed_http_client.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/curl_http_client.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/http_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::FakeHttpClient;
using ::rbdcrypt::testing::HttpServer;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::ServedAnswer;
using ::rbdcrypt::testing::ServedRequest;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::rbdcrypt::testing::TestCa;
using ::testing::HasSubstr;

class RenewedHttpClientTest : public ::testing::Test {
 protected:
  // Clients that answer with their number.
  Result<std::unique_ptr<HttpClient>> Make() {
    ++made_;
    RETURN_IF_ERROR(fails_);
    return std::make_unique<FakeHttpClient>(
        [number = made_](const auto&) { return FakeHttpClient::Answer(200, Cat(number)); });
  }

  Result<std::unique_ptr<RenewedHttpClient>> New() {
    return RenewedHttpClient::New({folder_.File("cert"), folder_.File("key")},
                                  [this] { return Make(); });
  }

  static std::string Ask(HttpClient& client) {
    const auto answer = client.Send(Context::Background(), {});
    return answer.ok() ? std::string(answer->BodyText()) : answer.status().ToString();
  }

  const TempDir folder_;
  int made_ = 0;
  Status fails_;
};

TEST_F(RenewedHttpClientTest, AChangedFileMakesAnotherClient) {
  folder_.Write("cert", "1");
  ASSERT_OK_AND_ASSIGN(const auto client, New());
  EXPECT_EQ(Ask(*client), "1");
  EXPECT_EQ(Ask(*client), "1");
  folder_.Write("cert", "22");
  EXPECT_EQ(Ask(*client), "2");
  // One that was not there counts, too.
  folder_.Write("key", "1");
  EXPECT_EQ(Ask(*client), "3");
  EXPECT_EQ(Ask(*client), "3");
  EXPECT_EQ(client->address(), "https://fake:8200");
}

TEST_F(RenewedHttpClientTest, WhileTheNewOnesAreNoneTheOldOnesServe) {
  folder_.Write("cert", "1");
  ASSERT_OK_AND_ASSIGN(const auto client, New());
  fails_ = InvalidArgument("half a file");
  folder_.Write("cert", "22");
  EXPECT_EQ(Ask(*client), "1");
  EXPECT_EQ(Ask(*client), "1");
  EXPECT_EQ(made_, 3);
  // What was missing may have been another file.
  fails_ = OkStatus();
  EXPECT_EQ(Ask(*client), "4");
  EXPECT_EQ(Ask(*client), "4");
}

TEST_F(RenewedHttpClientTest, AStreamEndsWithTheClientItBeganWith) {
  folder_.Write("cert", "1");
  ASSERT_OK_AND_ASSIGN(const auto client, New());
  std::string seen;
  EXPECT_THAT(client->Stream(Context::Background(), {},
                             [&](std::span<const std::byte> piece) {
                               folder_.Write("cert", "22");
                               EXPECT_EQ(Ask(*client), "2");
                               seen.append(reinterpret_cast<const char*>(piece.data()),
                                           piece.size());
                               return OkStatus();
                             }),
              IsOk());
  EXPECT_EQ(seen, "1");
}

TEST_F(RenewedHttpClientTest, WithoutAFirstClientThereIsNone) {
  fails_ = InvalidArgument("no certificate");
  EXPECT_THAT(New(), StatusIs(Code::kInvalidArgument, HasSubstr("no certificate")));
}

TEST_F(RenewedHttpClientTest, ARenewedClientCertificateIsShown) {
  const TestCa ca;
  const HttpServer server(
      [](const ServedRequest& request) { return ServedAnswer{.body = request.client_name}; },
      HttpServer::Tls{.certificate = ca.Issue({.names = {"IP:127.0.0.1"}}),
                      .client_ca_pem = ca.certificate_pem()});
  auto mine = ca.Issue({.common_name = "first"});
  folder_.Write("cert", mine.certificate_pem);
  const auto make = [&]() -> Result<std::unique_ptr<HttpClient>> {
    TlsOptions tls = {.ca_pem = ca.certificate_pem()};
    tls.client = {.certificate_pem = mine.certificate_pem, .key_pem = Secret(mine.key_pem)};
    return CurlHttpClient::New(server.Address(), {.tls = std::move(tls)});
  };
  ASSERT_OK_AND_ASSIGN(const auto client, RenewedHttpClient::New({folder_.File("cert")}, make));
  EXPECT_EQ(Ask(*client), "first");
  mine = ca.Issue({.common_name = "renewed"});
  folder_.Write("cert", mine.certificate_pem);
  EXPECT_EQ(Ask(*client), "renewed");
}

}  // namespace
}  // namespace rbdcrypt::net
