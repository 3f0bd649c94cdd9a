// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "kmip/operations.h"
#include "net/arrival.h"
#include "tests/kmip/hostile_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Tag;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;

// What is wrong before anything is asked, and limits of the caller's.
class HostileTlsTest : public ::testing::Test, protected HostileWorld {
 protected:
  HostileTlsTest() { Connect(1); }

  TlsServer::Script Honest() {
    return [this](TlsPeer& peer) { ServeKmip(peer, kmip(), nullptr); };
  }

  // The outcome of a question, which comes in time.
  Status AskInTime(const Context& context) {
    const auto start = steady_clock::now();
    const Status status = Ask(context);
    EXPECT_LT(steady_clock::now() - start, kHostileDeadline);
    return status;
  }

  Status AskInTime() { return AskInTime(Context::Background().WithTimeout(kHostileDeadline)); }

  void ExpectHealthy() {
    EXPECT_EQ(client().OpenConnectionsForTest(), 0U);
    PutHonest(0);
    EXPECT_THAT(Ask(), IsOk());
    EXPECT_EQ(client().OpenConnectionsForTest(), 1U);
  }

  // A server of that certificate is refused, once, and so before it was asked anything.
  void ExpectRefused(const TestCertificate& certificate, const std::string& why) {
    Put(0, {.certificate = certificate}, Honest());
    const Status status = AskInTime();
    EXPECT_THAT(status, StatusIs(Code::kInvalidArgument,
                                 AllOf(HasSubstr("does not verify"), HasSubstr(why))));
    EXPECT_FALSE(net::MayHaveArrived(status));
    EXPECT_EQ(server(0).connections(), 1);
    EXPECT_EQ(kmip().Count(), 0);
    ExpectHealthy();
  }
};

TEST_F(HostileTlsTest, ACertificateOfAnotherHostIsRefused) {
  ExpectRefused(ca().Issue({.names = {"DNS:kmip.example", "IP:127.0.0.2"}}), "127.0.0.1");
}

TEST_F(HostileTlsTest, AnExpiredCertificateIsRefused) {
  ExpectRefused(ca().Issue({.names = {"IP:127.0.0.1"}, .is_expired = true}), "expired");
}

TEST_F(HostileTlsTest, ACertificateOfAnotherCaIsRefused) {
  // Of the same name, too.
  const TestCa other;
  ExpectRefused(other.Issue({.names = {"IP:127.0.0.1"}}), "");
}

TEST_F(HostileTlsTest, AServerThatRefusesOurCertificateIsAMatterOfConfiguration) {
  const TestCa other("other CA");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ServerTls tls = HonestTls();
    tls.client_ca_pem = other.certificate_pem();
    tls.only_version = version;
    Put(0, tls, Honest());
    const Status status = AskInTime();
    EXPECT_THAT(status, StatusIs(Code::kInvalidArgument, HasSubstr("client certificate")));
    EXPECT_FALSE(net::MayHaveArrived(status));
    EXPECT_EQ(server(0).connections(), 1);
    EXPECT_EQ(client().OpenConnectionsForTest(), 0U);
  }
  ExpectHealthy();
}

TEST_F(HostileTlsTest, AnotherServerIsTakenForOneOfABadCertificate) {
  Connect(2);
  Put(0, {.certificate = ca().Issue({.names = {"DNS:kmip.example"}})}, Honest());
  ASSERT_THAT(AskInTime(), IsOk());
  EXPECT_EQ(served_by(), "s1:5696");
}

TEST_F(HostileTlsTest, SilenceAfterTheConnectEnds) {
  PutPlain(0, [](TlsPeer& peer) { peer.Silence(); });
  const Status status = AskInTime();
  EXPECT_THAT(status, StatusIs(Code::kUnavailable, HasSubstr("handshake")));
  EXPECT_FALSE(net::MayHaveArrived(status));
  ExpectHealthy();
}

TEST_F(HostileTlsTest, WhatSpeaksNoTlsIsUnavailable) {
  PutPlain(0, [](TlsPeer& peer) {
    peer.ReadSome();
    peer.Write("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  EXPECT_THAT(AskInTime(), StatusIs(Code::kUnavailable, HasSubstr("does not speak TLS")));
  ExpectHealthy();
}

TEST_F(HostileTlsTest, SilenceAfterTheHandshakeEnds) {
  Put(0, HonestTls(), [](TlsPeer& peer) { peer.Silence(); });
  EXPECT_THAT(AskInTime(), StatusIs(Code::kUnavailable, HasSubstr("no whole answer")));
  ExpectHealthy();
}

TEST_F(HostileTlsTest, TheCallersDeadlineComesFirst) {
  PutHostile(0, [](TlsPeer& peer, const std::string&) {
    peer.Silence();
    return false;
  });
  ASSERT_THAT(AskInTime(Context::Background().WithTimeout(milliseconds(150))),
              StatusIs(Code::kDeadlineExceeded));
  ExpectHealthy();
}

TEST_F(HostileTlsTest, ACancellationEndsTheWaitForAnAnswer) {
  std::atomic<bool> is_cancelled = false;
  PutHostile(0, [&](TlsPeer& peer, const std::string&) {
    is_cancelled = true;
    peer.Silence();
    return false;
  });
  EXPECT_THAT(AskInTime(Context({.is_cancelled = [&] { return is_cancelled.load(); }})),
              StatusIs(Code::kCancelled));
  ExpectHealthy();
}

TEST_F(HostileTlsTest, AnAnswerThatNobodyAskedForIsNotTaken) {
  PutHostile(0,
             [](TlsPeer& peer, const std::string& answer) { return peer.Write(answer + answer); });
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(AskInTime(), IsOk());
  }
  // Each connection was of use once.
  EXPECT_EQ(server(0).handshakes(), 3);
}

TEST_F(HostileTlsTest, VersionsThatWeDidNotOfferAreNotSpoken) {
  kmip().OnAnswer([](const FakeKmip::Seen& seen, std::vector<std::byte>& answer) {
    if (seen.operation != kmip::Operation::kDiscoverVersions) {
      return;
    }
    // Every version in the payload, which follows the item's operation, is 9 of something.
    const std::string text(reinterpret_cast<const char*>(answer.data()), answer.size());
    const std::string major = {0x42, 0x00, 0x6A};
    for (std::size_t at = text.find(major, ValueOf(text, Tag::kOperation)); at != std::string::npos;
         at = text.find(major, at + 1)) {
      answer[at + 11] = std::byte{9};
    }
  });
  const Status status = AskInTime();
  EXPECT_THAT(status, StatusIs(Code::kFailedPrecondition,
                               AllOf(HasSubstr("no version of KMIP in common"), HasSubstr("9.1"))));
  EXPECT_FALSE(net::MayHaveArrived(status));
  kmip().OnAnswer({});
  EXPECT_THAT(Ask(), IsOk());
  EXPECT_EQ(client().OpenConnectionsForTest(), 1U);
}

TEST_F(HostileTlsTest, ManyCallersOfAHostileAndAnHonestServerAreAllServed) {
  Connect(2);
  std::atomic<int> turn = 0;
  PutHostile(0, [&](TlsPeer& peer, const std::string& answer) {
    switch (turn++ % 4) {
      case 0:
        peer.Reset();
        return false;
      case 1:
        return peer.Write(std::string(answer.size(), 'x'));
      case 2:
        peer.CloseNotify();
        return false;
      default:
        return peer.Write(answer);
    }
  });
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const Context context = Context::Background().WithTimeout(seconds(60));
      for (int call = 0; call < 10; ++call) {
        const Status status =
            client().Run(context, kms::Urgency::kMount, [&](kmip::Session& session) {
              return session.Ask(context, kmip::GetAttributesRequest("kek")).status();
            });
        failures += status.ok() ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(failures, 0);
  EXPECT_LE(client().OpenConnectionsForTest(), 16U);
  // Its script is of this test.
  PutHonest(0);
}

}  // namespace
}  // namespace rbdcrypt::testing
