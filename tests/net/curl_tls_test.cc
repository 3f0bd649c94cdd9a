// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Who is trusted and who is refused, against a real TLS server.
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/curl_http_client.h"
#include "tests/fakes/http_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::EncryptedTestKeyPem;
using ::rbdcrypt::testing::HttpServer;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::ServedAnswer;
using ::rbdcrypt::testing::ServedRequest;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TestCa;
using ::rbdcrypt::testing::TestCertificate;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Says whom it thinks it speaks with.
HttpServer::Reply NameBoth(const ServedRequest& request) {
  return ServedAnswer{.body = "asked for " + request.server_name + " by " + request.client_name};
}

class CurlTlsTest : public ::testing::Test {
 protected:
  HttpServer::Tls ServerTls(std::vector<std::string> names = {"IP:127.0.0.1"}) const {
    return {.certificate = ca_.Issue({.names = std::move(names)})};
  }

  // What comes of one request.
  static Result<std::string> Ask(const HttpServer& server, TlsOptions tls) {
    ASSIGN_OR_RETURN(auto client, CurlHttpClient::New(server.Address(), {.tls = std::move(tls)}));
    ASSIGN_OR_RETURN(const HttpAnswer answer,
                     client->Send(Context::Background(), {.method = "POST", .body = Secret("x")}));
    return std::string(answer.body.RevealText());
  }

  TlsOptions Trusting() const { return {.ca_pem = ca_.certificate_pem()}; }

  static ClientCertificate Client(const TestCertificate& certificate) {
    return {.certificate_pem = certificate.certificate_pem, .key_pem = Secret(certificate.key_pem)};
  }

  static void ExpectRefused(const Status& status, std::string_view text) {
    EXPECT_THAT(status, StatusIs(Code::kInvalidArgument, HasSubstr(text)));
    EXPECT_FALSE(MayHaveArrived(status));
  }

  const TestCa ca_;
};

TEST_F(CurlTlsTest, TrustsWhatItsCaIssued) {
  const HttpServer server(NameBoth, ServerTls());
  EXPECT_THAT(Ask(server, Trusting()), testing::IsOkAndHolds("asked for  by "));
}

TEST_F(CurlTlsTest, RefusesAnotherCa) {
  const HttpServer server(NameBoth, ServerTls());
  // Of another name, and of the same name, as after a renewal with a new key.
  for (const char* name : {"another CA", "test CA"}) {
    const TestCa other(name);
    const auto answer = Ask(server, {.ca_pem = other.certificate_pem()});
    ExpectRefused(answer.status(), "the server's certificate does not verify");
    EXPECT_THAT(Message(answer.status()),
                AllOf(HasSubstr(server.Address().Text()), HasSubstr("look at the CA")));
  }
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(CurlTlsTest, TheSystemsAuthoritiesDoNotKnowTheTests) {
  const HttpServer server(NameBoth, ServerTls());
  ExpectRefused(Ask(server, {}).status(), "certificate");
}

TEST_F(CurlTlsTest, RefusesAnotherName) {
  const HttpServer server(NameBoth, ServerTls({"DNS:other.test", "IP:127.0.0.2"}));
  ExpectRefused(Ask(server, Trusting()).status(), "127.0.0.1");
}

TEST_F(CurlTlsTest, RefusesAnExpiredCertificate) {
  const HttpServer server(
      NameBoth,
      HttpServer::Tls{.certificate = ca_.Issue({.names = {"IP:127.0.0.1"}, .is_expired = true})});
  ExpectRefused(Ask(server, Trusting()).status(), "expired");
}

TEST_F(CurlTlsTest, AsksForAndVerifiesTheNameItIsTold) {
  const HttpServer server(
      [](const ServedRequest& request) {
        return ServedAnswer{.body = request.server_name + " " + request.Find("Host")};
      },
      ServerTls({"DNS:vault.test"}));
  TlsOptions tls = Trusting();
  tls.server_name = "vault.test";
  // The server is still the one that the address names.
  const std::string host = "127.0.0.1:" + std::to_string(server.Address().port);
  EXPECT_THAT(Ask(server, std::move(tls)), testing::IsOkAndHolds("vault.test " + host));
  tls = Trusting();
  tls.server_name = "another.test";
  ExpectRefused(Ask(server, std::move(tls)).status(), "another.test");
}

TEST_F(CurlTlsTest, ErrorsNameTheAddressAndNotTheOtherName) {
  TlsOptions tls = Trusting();
  tls.server_name = "vault.test";
  const HttpServer server(NameBoth, ServerTls());
  ASSERT_OK_AND_ASSIGN(auto client, CurlHttpClient::New(server.Address(), {.tls = std::move(tls)}));
  EXPECT_EQ(client->address(), server.Address().Text());
}

TEST_F(CurlTlsTest, RefusesServerNamesThatAreNone) {
  for (const char* name : {"a b", "a/b", "a:80", "a@b", "a\r\nHost: b", "[::1]:1"}) {
    EXPECT_THAT(CurlHttpClient::New({.scheme = "https", .host = "vault", .port = 1},
                                    {.tls = {.server_name = name}}),
                StatusIs(Code::kInvalidArgument, HasSubstr("server name")))
        << name;
  }
}

TEST_F(CurlTlsTest, WithoutVerificationAnyCertificateWillDo) {
  const HttpServer server(
      NameBoth,
      HttpServer::Tls{.certificate = ca_.Issue({.names = {"DNS:x"}, .is_expired = true})});
  EXPECT_THAT(Ask(server, {.verify = false}), IsOk());
}

class CurlClientCertificateTest : public CurlTlsTest, public ::testing::WithParamInterface<int> {
 protected:
  HttpServer::Tls Demanding() const {
    HttpServer::Tls tls = ServerTls();
    tls.client_ca_pem = ca_.certificate_pem();
    tls.only_version = GetParam();
    return tls;
  }
};

INSTANTIATE_TEST_SUITE_P(TlsVersions,
                         CurlClientCertificateTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(CurlClientCertificateTest, ShowsItsOwn) {
  const HttpServer server(NameBoth, Demanding());
  TlsOptions tls = Trusting();
  tls.client = Client(ca_.Issue({.common_name = "node-1"}));
  EXPECT_THAT(Ask(server, std::move(tls)), testing::IsOkAndHolds("asked for  by node-1"));
}

TEST_P(CurlClientCertificateTest, IsToldThatOneIsNeeded) {
  const HttpServer server(NameBoth, Demanding());
  ExpectRefused(Ask(server, Trusting()).status(), "client certificate");
  EXPECT_EQ(server.requests(), 0);
}

TEST_P(CurlClientCertificateTest, IsToldThatItsOwnIsNotAccepted) {
  const HttpServer server(NameBoth, Demanding());
  for (const char* name : {"another CA", "test CA"}) {
    TlsOptions tls = Trusting();
    tls.client = Client(TestCa(name).Issue({.common_name = "stranger"}));
    ExpectRefused(Ask(server, std::move(tls)).status(), "client certificate");
  }
  TlsOptions tls = Trusting();
  tls.client = Client(ca_.Issue({.common_name = "node-1", .is_expired = true}));
  ExpectRefused(Ask(server, std::move(tls)).status(), "client certificate");
}

TEST_F(CurlTlsTest, UnreadableMaterialIsNamed) {
  const HttpServer server(NameBoth, ServerTls());
  ExpectRefused(Ask(server, {.ca_pem = "no PEM"}).status(), "CA certificate");
  const TestCertificate good = ca_.Issue({});
  const TestCertificate other = ca_.Issue({});
  for (const auto& [certificate, key] : std::vector<std::pair<std::string, std::string>>{
           {"no PEM", good.key_pem},
           {good.certificate_pem, "no PEM"},
           {good.certificate_pem, other.key_pem},
           {good.certificate_pem, EncryptedTestKeyPem()}}) {
    TlsOptions tls = Trusting();
    tls.client = {.certificate_pem = certificate, .key_pem = Secret(key)};
    ExpectRefused(Ask(server, std::move(tls)).status(), "client certificate and key");
  }
}

TEST_F(CurlTlsTest, TakesNothingFromAServerThatSpeaksNoTls) {
  const HttpServer server(NameBoth);
  net::Url address = server.Address();
  address.scheme = "https";
  ASSERT_OK_AND_ASSIGN(auto client, CurlHttpClient::New(address, {.tls = Trusting()}));
  const auto answer = client->Send(Context::Background(), {});
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable, HasSubstr("does it speak TLS")));
  EXPECT_FALSE(MayHaveArrived(answer.status()));
}

TEST_F(CurlTlsTest, KeepsItsConnections) {
  const HttpServer server(NameBoth, ServerTls());
  ASSERT_OK_AND_ASSIGN(auto client, CurlHttpClient::New(server.Address(), {.tls = Trusting()}));
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(client->Send(Context::Background(), {}), IsOk());
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlTlsTest, ABodyCutOffByAClosedConnectionIsNoAnswer) {
  const HttpServer server(
      [](const ServedRequest&) {
        return testing::RawAnswer().Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
      },
      ServerTls());
  const Result<std::string> answer = Ask(server, Trusting());
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable));
  EXPECT_TRUE(MayHaveArrived(answer.status()));
}

}  // namespace
}  // namespace rbdcrypt::net
