// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// What a stream of TlsDialer does with good, slow and hostile servers, over real sockets.
#include "net/tls_stream.h"

#include <csignal>
#include <string>
#include <utility>

#include <absl/synchronization/notification.h>
#include <gtest/gtest.h>

#include "net/arrival.h"
#include "tests/net/tls_world.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

using TlsStreamTest = TlsWorld;

class TlsStreamVersionsTest : public TlsWorld, public ::testing::WithParamInterface<int> {
 protected:
  testing::ServerTls Kind() const { return ServerTls(GetParam()); }

  static void ExpectCarriesManyRequests(const TlsServer& server, const TlsOptions& tls) {
    ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, tls));
    EXPECT_TRUE(stream->IsQuiet());
    for (const std::size_t size : {1, 100, 16384, 16385, 100000, 1}) {
      const std::string text(size, static_cast<char>('a' + size % 26));
      EXPECT_THAT(Exchange(*stream, text), IsOkAndHolds(text));
      EXPECT_TRUE(stream->IsQuiet());
    }
    EXPECT_THAT(stream->Write(Within(kLong), {}), IsOk());
    EXPECT_EQ(server.connections(), 1);
  }
};

INSTANTIATE_TEST_SUITE_P(TlsVersions,
                         TlsStreamVersionsTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(TlsStreamVersionsTest, CarriesManyRequests) {
  const TlsServer server(Kind(), Echo);
  ExpectCarriesManyRequests(server, Trusting());
}

TEST_P(TlsStreamVersionsTest, CarriesManyRequestsFromAServerWithRsa) {
  testing::ServerTls tls = Kind();
  tls.certificate = ca_.Issue({.names = {"IP:127.0.0.1"}, .is_rsa = true});
  const TlsServer server(tls, Echo);
  ExpectCarriesManyRequests(server, Trusting());
}

TEST_P(TlsStreamVersionsTest, ReadsWhatComesByteAtATime) {
  const TlsServer server(Kind(), [](TlsPeer& peer) {
    peer.WriteByteAtATime(peer.ReadExactly(300));
    peer.Silence();
  });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  const std::string text(300, 'x');
  EXPECT_THAT(Exchange(*stream, text), IsOkAndHolds(text));
}

TEST_P(TlsStreamVersionsTest, TellsAnOrderlyEndFromACut) {
  const TlsServer server(Kind(), [](TlsPeer& peer) {
    peer.Write("half");
    switch (peer.number()) {
      case 1:
        return peer.CloseNotify();
      case 2:
        return peer.CloseAbruptly();
      default:
        peer.ReadSome();
        peer.Reset();
    }
  });
  ASSERT_OK_AND_ASSIGN(auto orderly, Dial(server, Trusting()));
  EXPECT_THAT(ReadText(*orderly, Within(kLong), 100), IsOkAndHolds("half"));
  EXPECT_THAT(ReadText(*orderly, Within(kLong), 100), IsOkAndHolds(""));
  EXPECT_FALSE(orderly->IsQuiet());

  ASSERT_OK_AND_ASSIGN(auto cut, Dial(server, Trusting()));
  EXPECT_THAT(ReadText(*cut, Within(kLong), 4), IsOkAndHolds("half"));
  const auto rest = ReadText(*cut, Within(kLong), 1);
  EXPECT_THAT(rest, StatusIs(Code::kUnavailable, HasSubstr(server.Address().Text())));
  EXPECT_TRUE(MayHaveArrived(rest.status()));
  EXPECT_FALSE(cut->IsQuiet());

  ASSERT_OK_AND_ASSIGN(auto reset, Dial(server, Trusting()));
  ASSERT_THAT(reset->Write(Within(kLong), BytesOf("x")), IsOk());
  const auto none = ReadText(*reset, Within(kLong), 100);
  EXPECT_THAT(none, StatusIs(Code::kUnavailable, HasSubstr("reset")));
  EXPECT_TRUE(MayHaveArrived(none.status()));
}

TEST_P(TlsStreamVersionsTest, ACutBeforeTheFirstByteMayHaveArrived) {
  const TlsServer server(Kind(), [](TlsPeer& peer) {
    peer.ReadExactly(1);
    peer.CloseAbruptly();
  });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  const auto answer = Exchange(*stream, "x");
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable));
  EXPECT_TRUE(MayHaveArrived(answer.status()));
}

TEST_P(TlsStreamVersionsTest, SilenceEndsByTheDeadlineOrCancellation) {
  const TlsServer server(Kind(), [](TlsPeer& peer) { peer.Silence(); });
  std::byte byte;
  const Stopwatch watch;
  for (const auto& [context, code] :
       std::vector<std::pair<Context, Code>>{{Within(milliseconds(50)), Code::kDeadlineExceeded},
                                             {CancelledAfter(2), Code::kCancelled}}) {
    ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
    const Status status = stream->Read(context, std::span(&byte, 1)).status();
    EXPECT_THAT(status, StatusIs(code, HasSubstr(server.Address().Text())));
    EXPECT_TRUE(MayHaveArrived(status));
    // The answer that may still come is nobody's.
    EXPECT_FALSE(stream->IsQuiet());
    EXPECT_THAT(stream->Write(Within(kLong), BytesOf("x")), StatusIs(code));
  }
  EXPECT_LT(watch.Elapsed(), kLong);
}

TEST_P(TlsStreamVersionsTest, AWriteThatNobodyReadsEndsByTheDeadline) {
  const TlsServer server(Kind(), [](TlsPeer& peer) { peer.Silence(); });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  const std::string much(std::size_t{64} << 20, 'x');
  const Stopwatch watch;
  EXPECT_THAT(stream->Write(Within(milliseconds(500)), BytesOf(much)),
              StatusIs(Code::kDeadlineExceeded, HasSubstr(server.Address().Text())));
  EXPECT_LT(watch.Elapsed(), kLong);
  EXPECT_FALSE(stream->IsQuiet());
}

TEST_P(TlsStreamVersionsTest, WhatIsNoTlsIsDataLoss) {
  const TlsServer server(Kind(), [](TlsPeer& peer) {
    peer.WriteRaw("HTTP/1.1 200 OK\r\n\r\n");
    peer.CloseAbruptly();
  });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  const auto answer = ReadText(*stream, Within(kLong), 1);
  EXPECT_THAT(answer, StatusIs(Code::kDataLoss, HasSubstr(server.Address().Text())));
  EXPECT_TRUE(MayHaveArrived(answer.status()));
}

TEST_P(TlsStreamVersionsTest, IsQuietUntilAnythingComes) {
  absl::Notification speak;
  const TlsServer server(Kind(), [&speak](TlsPeer& peer) {
    peer.Write(peer.ReadExactly(1));
    speak.WaitForNotification();
    if (peer.number() == 1) {
      peer.Write("unasked");
    }
    if (peer.number() == 2) {
      peer.CloseAbruptly();
    } else {
      peer.CloseNotify();
    }
  });
  std::vector<std::unique_ptr<ByteStream>> streams;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
    ASSERT_THAT(Exchange(*stream, "x"), IsOkAndHolds("x"));
    for (int again = 0; again < 3; ++again) {
      EXPECT_TRUE(stream->IsQuiet());
    }
    streams.push_back(std::move(stream));
  }
  speak.Notify();
  const Stopwatch watch;
  for (const auto& stream : streams) {
    while (stream->IsQuiet() && watch.Elapsed() < kLong) {
    }
    EXPECT_FALSE(stream->IsQuiet());
  }
  // Not eaten by the look.
  EXPECT_THAT(ReadText(*streams[0], Within(kLong), 100), IsOkAndHolds("unasked"));
}

TEST_P(TlsStreamVersionsTest, IsNotQuietWithBytesLeftOfAnAnswer) {
  const TlsServer server(Kind(), Echo);
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  ASSERT_THAT(stream->Write(Within(kLong), BytesOf("four")), IsOk());
  ASSERT_THAT(ReadText(*stream, Within(kLong), 3), IsOkAndHolds("fou"));
  EXPECT_FALSE(stream->IsQuiet());
  EXPECT_THAT(ReadText(*stream, Within(kLong), 1), IsOkAndHolds("r"));
  EXPECT_TRUE(stream->IsQuiet());
}

TEST_P(TlsStreamVersionsTest, SaysGoodbye) {
  absl::Notification ended;
  std::string rest = "unset";
  const TlsServer server(Kind(), [&](TlsPeer& peer) {
    rest = peer.ReadSome();
    // False once the client's close_notify came.
    ended.Notify();
  });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  stream.reset();
  ended.WaitForNotification();
  EXPECT_EQ(rest, "");
}

// Writing to a socket whose peer is known to be gone raises SIGPIPE, which ends the process.
TEST_P(TlsStreamVersionsTest, WritingToADeadPeerRaisesNoSignal) {
  const TlsServer server(Kind(), [](TlsPeer& peer) { peer.Reset(); });
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  ASSERT_OK_AND_ASSIGN(auto idle, Dial(server, Trusting()));
  const Stopwatch watch;
  while ((stream->IsQuiet() || idle->IsQuiet()) && watch.Elapsed() < kLong) {
  }
  EXPECT_THAT(stream->Write(Within(kLong), BytesOf("x")),
              StatusIs(Code::kUnavailable, HasSubstr("Broken pipe")));
  // Says goodbye to it.
  idle.reset();
  std::signal(SIGPIPE, before);
}

TEST_F(TlsStreamTest, ItsDeadlineIsThatOfTheContextsClock) {
  const TlsServer server(ServerTls(), [](TlsPeer& peer) { peer.Silence(); });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  FakeClock clock;
  const Context context =
      PassingWhenAsked(clock, std::chrono::seconds(60), std::chrono::seconds(180));
  std::byte byte;
  EXPECT_THAT(stream->Read(context, std::span(&byte, 1)), StatusIs(Code::kDeadlineExceeded));
}

TEST_F(TlsStreamTest, ASlowDripEndsByTheDeadline) {
  const TlsServer server(ServerTls(), [](TlsPeer& peer) {
    while (peer.WriteByteAtATime("xxxxxxxx")) {
    }
  });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  const Context context = Within(milliseconds(300));
  EXPECT_THAT(ReadText(*stream, context, std::size_t{1} << 40), StatusIs(Code::kDeadlineExceeded));
}

// OpenSSL by itself would go on reading such records for as long as they come.
TEST_F(TlsStreamTest, RecordsWithoutDataEndByTheDeadline) {
  const TlsServer server(ServerTls(TLS1_3_VERSION), [](TlsPeer& peer) {
    while (peer.UpdateKeys()) {
    }
  });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  const Stopwatch watch;
  EXPECT_THAT(ReadText(*stream, Within(milliseconds(200)), 1), StatusIs(Code::kDeadlineExceeded));
  ASSERT_OK_AND_ASSIGN(auto other, Dial(server, Trusting()));
  while (other->IsQuiet() && watch.Elapsed() < kLong) {
  }
  EXPECT_LT(watch.Elapsed(), kLong);
}

TEST_F(TlsStreamTest, TakesNewKeysInPassing) {
  const TlsServer server(ServerTls(TLS1_3_VERSION), [](TlsPeer& peer) {
    peer.UpdateKeys();
    peer.Write(peer.ReadExactly(1));
    peer.UpdateKeys();
    peer.Write("y");
    peer.Silence();
  });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  EXPECT_THAT(Exchange(*stream, "x"), IsOkAndHolds("x"));
  EXPECT_THAT(ReadText(*stream, Within(kLong), 1), IsOkAndHolds("y"));
  EXPECT_TRUE(stream->IsQuiet());
}

TEST_F(TlsStreamTest, RefusesToRenegotiate) {
  absl::Notification asked;
  const TlsServer server(ServerTls(TLS1_2_VERSION), [&asked](TlsPeer& peer) {
    peer.Write(peer.ReadExactly(1));
    peer.Renegotiate();
    if (peer.number() == 2) {
      asked.Notify();
    }
    peer.ReadSome();
    peer.Silence();
  });
  ASSERT_OK_AND_ASSIGN(auto stream, Dial(server, Trusting()));
  ASSERT_THAT(Exchange(*stream, "x"), IsOkAndHolds("x"));
  const Stopwatch watch;
  EXPECT_THAT(Exchange(*stream, "x"), StatusIs(Code::kDataLoss, HasSubstr("renegotiate")));
  EXPECT_LT(watch.Elapsed(), kLong);
  // Seen as well by who only looks.
  ASSERT_OK_AND_ASSIGN(auto idle, Dial(server, Trusting()));
  ASSERT_THAT(Exchange(*idle, "x"), IsOkAndHolds("x"));
  asked.WaitForNotification();
  while (idle->IsQuiet() && watch.Elapsed() < kLong) {
  }
  EXPECT_FALSE(idle->IsQuiet());
  EXPECT_THAT(Exchange(*idle, "x"), StatusIs(Code::kDataLoss));
}

}  // namespace
}  // namespace rbdcrypt::net
