// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Who is trusted and who is refused, and how long one waits for a server, over real sockets.
#include "net/tls_dialer.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/arrival.h"
#include "tests/net/full_listener.h"
#include "tests/net/tls_world.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::EncryptedTestKeyPem;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TestCa;
using ::rbdcrypt::testing::TestCertificate;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Says whom it thinks it speaks with.
void NameBoth(testing::TlsPeer& peer) {
  peer.Write(Cat("asked for ", peer.wanted_name(), " by ", peer.client_name(), "."));
  peer.CloseNotify();
}

class TlsDialerTest : public TlsWorld {
 protected:
  // What NameBoth() says, or how dialing or the first read fails.
  static Result<std::string> Ask(const TlsServer& server, const TlsOptions& tls) {
    ASSIGN_OR_RETURN(auto stream, Dial(server, tls));
    return ReadText(*stream, Within(kLong), 1000);
  }

  static void ExpectRefused(const Status& status, std::string_view text) {
    EXPECT_THAT(status,
                StatusIs(Code::kInvalidArgument, AllOf(HasSubstr(text), HasSubstr("127.0.0.1:"))));
    EXPECT_FALSE(MayHaveArrived(status));
  }
};

TEST_F(TlsDialerTest, TrustsWhatItsCaIssued) {
  const TlsServer server(ServerTls(), NameBoth);
  EXPECT_THAT(Ask(server, Trusting()), IsOkAndHolds("asked for  by ."));
}

TEST_F(TlsDialerTest, NamesItsServer) {
  ASSERT_OK_AND_ASSIGN(const auto dialer,
                       TlsDialer::New({.host = "fd00::1", .port = 5696}, Trusting(), {}));
  EXPECT_EQ(dialer->address(), "[fd00::1]:5696");
}

TEST_F(TlsDialerTest, TrustsAnIntermediateWithoutItsRoot) {
  const TestCa intermediate = ca_.NewIntermediate("intermediate CA");
  const TestCertificate certificate = intermediate.Issue({.names = {"IP:127.0.0.1"}});
  const TlsServer server({{.certificate = certificate}}, NameBoth);
  EXPECT_THAT(Ask(server, {.ca_pem = intermediate.certificate_pem()}), IsOk());
  ExpectRefused(Ask(server, Trusting()).status(), "unable to get local issuer certificate");
}

TEST_F(TlsDialerTest, TrustsEachOfSeveralCas) {
  const TestCa other("another CA");
  const TlsServer server(ServerTls(), NameBoth);
  const std::string both =
      Cat("# old\n", other.certificate_pem(), "# new\n", ca_.certificate_pem());
  EXPECT_THAT(Ask(server, {.ca_pem = both}), IsOk());
}

TEST_F(TlsDialerTest, RefusesAnotherCa) {
  const TlsServer server(ServerTls(), NameBoth);
  // Of another name, and of the same name, as after a renewal with a new key.
  for (const char* name : {"another CA", "test CA"}) {
    const TestCa other(name);
    ExpectRefused(Ask(server, {.ca_pem = other.certificate_pem()}).status(),
                  "the server's certificate does not verify (");
  }
  EXPECT_EQ(server.handshakes(), 0);
}

TEST_F(TlsDialerTest, TheSystemsAuthoritiesDoNotKnowTheTests) {
  const TlsServer server(ServerTls(), NameBoth);
  ExpectRefused(Ask(server, {}).status(), "certificate");
}

TEST_F(TlsDialerTest, RefusesAnotherName) {
  const TlsServer server(ServerTls({"DNS:other.test", "IP:127.0.0.2"}), NameBoth);
  ExpectRefused(Ask(server, Trusting()).status(), "it is not for 127.0.0.1");
}

TEST_F(TlsDialerTest, AnAddressIsNoName) {
  const TlsServer server(ServerTls({"DNS:127.0.0.1"}), NameBoth);
  ExpectRefused(Ask(server, Trusting()).status(), "it is not for 127.0.0.1");
}

TEST_F(TlsDialerTest, RefusesAnExpiredCertificate) {
  const TlsServer server(
      {{.certificate = ca_.Issue({.names = {"IP:127.0.0.1"}, .is_expired = true})}}, NameBoth);
  ExpectRefused(Ask(server, Trusting()).status(), "expired");
}

TEST_F(TlsDialerTest, AsksForAndVerifiesTheNameItIsTold) {
  const TlsServer server(ServerTls({"DNS:kmip.test"}), NameBoth);
  TlsOptions tls = Trusting();
  tls.server_name = "KMIP.test";
  EXPECT_THAT(Ask(server, tls), IsOkAndHolds("asked for kmip.test by ."));
  tls.server_name = "another.test";
  ExpectRefused(Ask(server, tls).status(), "it is not for another.test");
  tls.server_name = "127.0.0.9";
  ExpectRefused(Ask(server, tls).status(), "it is not for 127.0.0.9");
}

TEST_F(TlsDialerTest, VerifiesTheAddressItIsToldInstead) {
  const TlsServer server(ServerTls({"IP:10.0.0.9", "IP:fd00::9"}), NameBoth);
  for (const char* address : {"10.0.0.9", "fd00::9"}) {
    TlsOptions tls = Trusting();
    tls.server_name = address;
    EXPECT_THAT(Ask(server, tls), IsOkAndHolds("asked for  by .")) << address;
  }
}

TEST_F(TlsDialerTest, ResolvesNamesAndAsksForThem) {
  const TlsServer server(ServerTls({"DNS:localhost"}), NameBoth);
  ASSERT_OK_AND_ASSIGN(const auto dialer,
                       TlsDialer::New(server.Address("localhost"), Trusting(), {}));
  ASSERT_OK_AND_ASSIGN(const auto stream, dialer->Dial(Within(kLong)));
  EXPECT_THAT(ReadText(*stream, Within(kLong), 1000), IsOkAndHolds("asked for localhost by ."));
}

TEST_F(TlsDialerTest, RefusesServerNamesThatAreNone) {
  for (const char* name : {"a b", "a/b", "a:80", "a@b", "a\r\nHost: b", "[::1]:1"}) {
    EXPECT_THAT(TlsDialer::New({.host = "kmip", .port = 1}, {.server_name = name}, {}),
                StatusIs(Code::kInvalidArgument, HasSubstr("server name")))
        << name;
  }
}

TEST_F(TlsDialerTest, WithoutVerificationAnyCertificateWillDo) {
  const TlsServer server({{.certificate = ca_.Issue({.names = {"DNS:x"}, .is_expired = true})}},
                         NameBoth);
  EXPECT_THAT(Ask(server, {.verify = false}), IsOk());
}

TEST_F(TlsDialerTest, UnreadableMaterialIsNamed) {
  const Endpoint endpoint = {.host = "kmip.test", .port = 5696};
  for (const std::string& ca : {std::string("no PEM"), ca_.certificate_pem().substr(0, 200),
                                ca_.certificate_pem() + ca_.certificate_pem().substr(0, 200)}) {
    EXPECT_THAT(TlsDialer::New(endpoint, {.ca_pem = ca}, {}),
                StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("kmip.test:5696"),
                                                       HasSubstr("the CA certificate cannot"))));
  }
  const TestCertificate good = ca_.Issue({});
  const TestCertificate other = ca_.Issue({});
  for (const auto& [certificate, key, what] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"", good.key_pem, "client certificate"},
           {"no PEM", good.key_pem, "client certificate"},
           {good.certificate_pem + good.certificate_pem.substr(0, 99), good.key_pem, "chain"},
           {good.certificate_pem, "", "client key"},
           {good.certificate_pem, "no PEM", "client key"},
           {good.certificate_pem, other.key_pem, "to the client certificate"},
           // Does not wait for a password either.
           {good.certificate_pem, EncryptedTestKeyPem(), "client key"}}) {
    TlsOptions tls = Trusting();
    tls.client = {.certificate_pem = certificate, .key_pem = Secret(key)};
    EXPECT_THAT(TlsDialer::New(endpoint, tls, {}),
                StatusIs(Code::kInvalidArgument, HasSubstr(what)));
  }
}

class TlsClientCertificateTest : public TlsDialerTest, public ::testing::WithParamInterface<int> {
 protected:
  testing::ServerTls Demanding() const {
    testing::ServerTls tls = ServerTls(GetParam());
    tls.client_ca_pem = ca_.certificate_pem();
    return tls;
  }
};

INSTANTIATE_TEST_SUITE_P(TlsVersions,
                         TlsClientCertificateTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(TlsClientCertificateTest, ShowsItsOwn) {
  const TlsServer server(Demanding(), NameBoth);
  for (const bool is_rsa : {false, true}) {
    TlsOptions tls = Trusting();
    tls.client = Client(ca_.Issue({.common_name = "node-1", .is_rsa = is_rsa}));
    EXPECT_THAT(Ask(server, tls), IsOkAndHolds("asked for  by node-1."));
  }
}

TEST_P(TlsClientCertificateTest, ShowsWhatLeadsToTheRootAsWell) {
  const TlsServer server(Demanding(), NameBoth);
  const TestCa intermediate = ca_.NewIntermediate("intermediate CA");
  TestCertificate certificate = intermediate.Issue({.common_name = "node-1"});
  certificate.certificate_pem += intermediate.certificate_pem();
  TlsOptions tls = Trusting();
  tls.client = Client(certificate);
  EXPECT_THAT(Ask(server, tls), IsOkAndHolds("asked for  by node-1."));
}

TEST_P(TlsClientCertificateTest, IsToldThatOneIsNeeded) {
  const TlsServer server(Demanding(), NameBoth);
  ExpectRefused(Ask(server, Trusting()).status(), "client certificate");
  EXPECT_EQ(server.handshakes(), 0);
}

TEST_P(TlsClientCertificateTest, IsToldThatItsOwnIsNotAccepted) {
  const TlsServer server(Demanding(), NameBoth);
  for (const char* name : {"another CA", "test CA"}) {
    TlsOptions tls = Trusting();
    tls.client = Client(TestCa(name).Issue({.common_name = "stranger"}));
    ExpectRefused(Ask(server, tls).status(), "client certificate");
  }
  TlsOptions tls = Trusting();
  tls.client = Client(ca_.Issue({.common_name = "node-1", .is_expired = true}));
  ExpectRefused(Ask(server, tls).status(), "expired");
}

// Under TLS 1.3 the request is on its way when the server refuses, and its end of the connection
// may be gone while we still write.
TEST_P(TlsClientCertificateTest, IsToldSoThoughTheConnectionIsReset) {
  const TlsServer server(Demanding(), NameBoth, TlsServer::Refusal::kReset);
  auto stream = Dial(server, Trusting());
  if (GetParam() == TLS1_2_VERSION) {
    ExpectRefused(stream.status(), "client certificate");
    return;
  }
  ASSERT_THAT(stream, IsOk());
  const std::string much(std::size_t{16} << 20, 'x');
  ExpectRefused((*stream)->Write(Within(kLong), BytesOf(much)), "client certificate");
}

class TlsVersionsTest : public TlsDialerTest, public ::testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Older,
                         TlsVersionsTest,
                         ::testing::Values(TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION));

TEST_P(TlsVersionsTest, OlderThanWantedIsRefused) {
  const TlsServer server(ServerTls(GetParam()), NameBoth);
  TlsOptions tls = Trusting();
  tls.min_version = GetParam() == TLS1_2_VERSION ? TlsVersion::k13 : TlsVersion::k12;
  ExpectRefused(Ask(server, tls).status(), "TLS versions");
}

TEST_F(TlsDialerTest, NobodyListens) {
  Endpoint address;
  {
    const TlsServer server(ServerTls(), NameBoth);
    address = server.Address();
  }
  ASSERT_OK_AND_ASSIGN(const auto dialer, TlsDialer::New(address, Trusting(), {}));
  const auto stream = dialer->Dial(Within(kLong));
  EXPECT_THAT(stream, StatusIs(Code::kUnavailable,
                               AllOf(HasSubstr(address.Text()), HasSubstr("Connection refused"))));
  EXPECT_FALSE(MayHaveArrived(stream.status()));
}

TEST_F(TlsDialerTest, ANameWithoutAddressIsUnavailable) {
  // RFC 6761, section 6.4: there is none. A resolver that is not there ends by the time-out.
  ASSERT_OK_AND_ASSIGN(const auto dialer,
                       TlsDialer::New({.host = "kmip.invalid", .port = 5696}, Trusting(),
                                      {.connect = milliseconds(300)}));
  const auto stream = dialer->Dial(Within(kLong));
  EXPECT_THAT(stream, StatusIs(Code::kUnavailable, HasSubstr("kmip.invalid:5696")));
  EXPECT_FALSE(MayHaveArrived(stream.status()));
}

TEST_F(TlsDialerTest, WaitsForAConnectionNoLongerThanTold) {
  const FullListener full;
  const Endpoint address = {.host = "127.0.0.1", .port = full.port()};
  ASSERT_OK_AND_ASSIGN(
      const auto dialer,
      TlsDialer::New(address, Trusting(), {.connect = milliseconds(150), .handshake = kLong}));
  const Stopwatch watch;
  const auto stream = dialer->Dial(Context::Background());
  EXPECT_THAT(stream, StatusIs(Code::kUnavailable,
                               AllOf(HasSubstr(address.Text()), HasSubstr("within 150 ms"))));
  EXPECT_FALSE(MayHaveArrived(stream.status()));
  EXPECT_THAT(dialer->Dial(Within(milliseconds(50))), StatusIs(Code::kDeadlineExceeded));
  EXPECT_THAT(dialer->Dial(CancelledAfter(3)), StatusIs(Code::kCancelled));
  EXPECT_LT(watch.Elapsed(), kLong);
}

TEST_F(TlsDialerTest, WaitsForAHandshakeNoLongerThanTold) {
  const TlsServer server(std::nullopt, [](TlsPeer& peer) { peer.Silence(); });
  const Stopwatch watch;
  const TlsDialer::Timeouts timeouts = {.connect = kLong, .handshake = milliseconds(150)};
  const auto stream = Dial(server, Trusting(), Context::Background(), timeouts);
  EXPECT_THAT(stream, StatusIs(Code::kUnavailable, AllOf(HasSubstr(server.Address().Text()),
                                                         HasSubstr("handshake within 150 ms"))));
  EXPECT_FALSE(MayHaveArrived(stream.status()));
  for (const auto& [context, code] :
       std::vector<std::pair<Context, Code>>{{Within(milliseconds(50)), Code::kDeadlineExceeded},
                                             {CancelledAfter(5), Code::kCancelled}}) {
    const auto other = Dial(server, Trusting(), context);
    EXPECT_THAT(other, StatusIs(code));
    EXPECT_FALSE(MayHaveArrived(other.status()));
  }
  EXPECT_LT(watch.Elapsed(), kLong);
}

// RFC 5246, section 7.4.1.1: a client ignores a HelloRequest amid a handshake, and OpenSSL goes on
// for as long as they come.
TEST_F(TlsDialerTest, AFloodAmidTheHandshakeEndsByTheDeadline) {
  const TlsServer server(std::nullopt, [](TlsPeer& peer) {
    peer.ReadSome();
    std::string flood;
    for (int i = 0; i < 1000; ++i) {
      flood += std::string("\x16\x03\x03\x00\x04\x00\x00\x00\x00", 9);
    }
    while (peer.Write(flood)) {
    }
  });
  const Stopwatch watch;
  const TlsDialer::Timeouts timeouts = {.connect = kLong, .handshake = milliseconds(150)};
  EXPECT_THAT(Dial(server, Trusting(), Context::Background(), timeouts),
              StatusIs(Code::kUnavailable, HasSubstr("handshake within 150 ms")));
  EXPECT_LT(watch.Elapsed(), kLong);
}

TEST_F(TlsDialerTest, AFinishedContextDialsNobody) {
  const TlsServer server(ServerTls(), NameBoth);
  EXPECT_THAT(Dial(server, Trusting(), CancelledAfter(0)), StatusIs(Code::kCancelled));
  EXPECT_THAT(Dial(server, Trusting(), Within(milliseconds(0))), StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(TlsDialerTest, WhatSpeaksNoTlsIsDataLoss) {
  for (const std::string& text :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("SSH-2.0-OpenSSH_9.2\r\n"),
        // The head of a message of KMIP.
        std::string("\x42\x00\x7b\x01\x00\x00\x00\x08", 8), std::string(11, '\0')}) {
    const TlsServer server(std::nullopt, [&text](TlsPeer& peer) {
      peer.Write(text);
      peer.CloseAbruptly();
    });
    const auto stream = Dial(server, Trusting());
    EXPECT_THAT(stream, StatusIs(Code::kDataLoss, AllOf(HasSubstr(server.Address().Text()),
                                                        HasSubstr("does not speak TLS"))))
        << text;
    EXPECT_FALSE(MayHaveArrived(stream.status()));
  }
}

TEST_F(TlsDialerTest, AServerThatGoesAmidTheHandshakeIsUnavailable) {
  using Script = TlsServer::Script;
  for (const Script& script :
       {Script([](TlsPeer& peer) { peer.CloseAbruptly(); }), Script([](TlsPeer& peer) {
          peer.ReadSome();
          peer.Reset();
        }),
        // The head of a ServerHello.
        Script([](TlsPeer& peer) {
          peer.ReadSome();
          peer.Write(std::string_view("\x16\x03\x03\x00\x7a\x02", 6));
          peer.CloseAbruptly();
        })}) {
    const TlsServer server(std::nullopt, script);
    const auto stream = Dial(server, Trusting());
    EXPECT_THAT(stream, StatusIs(Code::kUnavailable, AllOf(HasSubstr(server.Address().Text()),
                                                           HasSubstr("TLS handshake"))));
    EXPECT_FALSE(MayHaveArrived(stream.status()));
  }
}

// RFC 8446, section 6: level fatal, and a description.
TEST_F(TlsDialerTest, AnAlertIsARefusalOrTheServersOwnTrouble) {
  for (const auto& [alert, code, text] : std::vector<std::tuple<char, Code, std::string>>{
           {40, Code::kInvalidArgument, "handshake failure"},
           {112, Code::kInvalidArgument, "unrecognized name"},
           {80, Code::kUnavailable, "internal error"}}) {
    const TlsServer server(std::nullopt, [alert = alert](TlsPeer& peer) {
      peer.ReadSome();
      peer.Write(std::string("\x15\x03\x03\x00\x02\x02", 6) + alert);
      peer.CloseAbruptly();
    });
    const auto stream = Dial(server, Trusting());
    EXPECT_THAT(stream, StatusIs(code, HasSubstr(text)));
    EXPECT_FALSE(MayHaveArrived(stream.status()));
  }
}

}  // namespace
}  // namespace rbdcrypt::net
