// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "kmip/tags.h"
#include "tests/kmip/hostile_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Tag;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

std::string Big32(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

// Where the length of a message stands.
constexpr std::size_t kLengthAt = 4;

// A server that sends what `spoil` makes of its answer.
Deed Sending(std::function<std::string(std::string answer)> spoil) {
  return [spoil = std::move(spoil)](TlsPeer& peer, const std::string& answer) {
    return peer.Write(spoil(answer));
  };
}

Deed SendingInstead(std::string bytes) {
  return Sending([bytes = std::move(bytes)](const std::string&) { return bytes; });
}

// The message's length, or that of the first item of `tag`, is announced as that.
Deed Announcing(std::uint32_t length) {
  return Sending(
      [length](std::string answer) { return answer.replace(kLengthAt, 4, Big32(length)); });
}

Deed AnnouncingFor(Tag tag, std::uint32_t length) {
  return Sending([tag, length](std::string answer) {
    return answer.replace(ValueOf(answer, tag) - 4, 4, Big32(length));
  });
}

// The first item of `tag`, of four bytes, has that value.
Deed Claiming(Tag tag, std::uint32_t value) {
  return Sending([tag, value](std::string answer) {
    return answer.replace(ValueOf(answer, tag), 4, Big32(value));
  });
}

// Half the answer is sent, and then that happens.
Deed HalfAndThen(std::function<void(TlsPeer& peer)> end) {
  return [end = std::move(end)](TlsPeer& peer, const std::string& answer) {
    peer.Write(answer.substr(0, answer.size() / 2));
    end(peer);
    return false;
  };
}

// Nothing is sent, and that happens.
Deed JustThen(std::function<void(TlsPeer& peer)> end) {
  return [end = std::move(end)](TlsPeer& peer, const std::string&) {
    end(peer);
    return false;
  };
}

// A byte now and then, for as long as the client listens.
bool Drip(TlsPeer& peer, const std::string& answer) {
  std::string start = answer.substr(0, 8);
  start.replace(kLengthAt, 4, Big32(0x8000));
  peer.Write(start);
  while (peer.Write("x")) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

// The first answer to whomever, for ever.
Deed Replaying() {
  auto first = std::make_shared<std::string>();
  return [first](TlsPeer& peer, const std::string& answer) {
    if (first->empty()) {
      *first = answer;
      // Not yet: what was asked first is lost.
      peer.CloseAbruptly();
      return false;
    }
    return peer.Write(*first);
  };
}

struct Case {
  std::string name;
  Deed deed;
  Code code = Code::kUnavailable;
  int only_version = 0;
};

void PrintTo(const Case& hostile, std::ostream* out) {
  *out << hostile.name;
}

std::vector<Case> Lengths() {
  return {
      {"LengthBeyondTheData", Announcing(0x200)},
      {"LengthBeyondTheDataAndTheEnd",
       [](TlsPeer& peer, const std::string& answer) {
         peer.Write(std::string(answer).replace(kLengthAt, 4, Big32(0x200)));
         peer.CloseNotify();
         return false;
       }},
      {"LengthOfOneByteLess", Announcing(0x11)},
      {"LengthOf2GiB", Announcing(0x7FFFFFF8)},
      {"LengthBelowZero", Announcing(0xFFFFFFF8)},
      {"LengthOfNothing", Announcing(0)},
      {"LengthOfTheHeaderBeyondTheMessage", AnnouncingFor(Tag::kResponseHeader, 0x7FFFFFF8)},
      {"LengthOfTheItemBelowZero", AnnouncingFor(Tag::kBatchItem, 0xFFFFFFFF)},
      {"LengthOfTheKeyBeyondThePayload", AnnouncingFor(Tag::kUniqueIdentifier, 0xFFFFFFF0)},
      {"LengthOfAnEnumeration", AnnouncingFor(Tag::kResultStatus, 8)},
  };
}

std::vector<Case> Contents() {
  return {
      {"BatchCountBelowZero", Claiming(Tag::kBatchCount, 0xFFFFFFFF)},
      {"BatchCountZero", Claiming(Tag::kBatchCount, 0)},
      {"BatchCountTwo", Claiming(Tag::kBatchCount, 2)},
      {"BatchIdOfAnother", Claiming(Tag::kUniqueBatchItemId, 0x12345678)},
      {"OperationOfAnother", Claiming(Tag::kOperation, 0x0A)},
      {"KeyOfAnother", Sending([](std::string answer) {
         return answer.replace(ValueOf(answer, Tag::kUniqueIdentifier), 3, "kex");
       })},
      {"KeyThatIsNoText", Sending([](std::string answer) {
         return answer.replace(ValueOf(answer, Tag::kUniqueIdentifier), 3, "\xFF\xFE\xFD");
       })},
      {"AnswerOfTheQuestionBefore", Replaying()},
      {"StatusThatNobodyKnows", Claiming(Tag::kResultStatus, 77), Code::kInternal},
      {"WorkThatIsPending", Claiming(Tag::kResultStatus, 2), Code::kInternal},
      {"VersionThatNobodySpeaks", Claiming(Tag::kProtocolVersionMajor, 9)},
      {"VersionThatWasNotAskedIn", Claiming(Tag::kProtocolVersionMajor, 1)},
      {"VersionBelowZero", Claiming(Tag::kProtocolVersionMajor, 0xFFFFFFFF)},
      {"HttpAnswer", SendingInstead("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")},
      {"ZeroHeader", SendingInstead(std::string(64, '\0'))},
      {"ForeignStructure",
       Sending([](std::string answer) { return answer.replace(0, 3, "\x42\x00\x78", 3); })},
      {"NestedTooDeeply", Sending([](const std::string&) {
         std::string message;
         for (std::uint32_t depth = 0; depth < 100; ++depth) {
           const std::string header(std::string("\x42\x00\x7B\x01", 4));
           message = header + Big32(static_cast<std::uint32_t>(message.size())) + message;
         }
         return message;
       })},
  };
}

std::vector<Case> Timings() {
  return {
      {"HalfAndTheEnd", HalfAndThen([](TlsPeer& peer) { peer.CloseNotify(); })},
      {"HalfAndDeath", HalfAndThen([](TlsPeer& peer) { peer.CloseAbruptly(); })},
      {"HalfAndReset", HalfAndThen([](TlsPeer& peer) { peer.Reset(); })},
      {"HalfAndSilence", HalfAndThen([](TlsPeer& peer) { peer.Silence(); })},
      {"EndInsteadOfAnAnswer", JustThen([](TlsPeer& peer) { peer.CloseNotify(); })},
      {"DeathInsteadOfAnAnswer", JustThen([](TlsPeer& peer) { peer.CloseAbruptly(); })},
      {"ResetInsteadOfAnAnswer", JustThen([](TlsPeer& peer) { peer.Reset(); })},
      {"SilenceInsteadOfAnAnswer", JustThen([](TlsPeer& peer) { peer.Silence(); })},
      {"EndlessDrip", Drip},
      {"ByteAtATime",
       [](TlsPeer& peer, const std::string& answer) { return peer.WriteByteAtATime(answer); },
       Code::kOk},
  };
}

std::vector<Case> OfTls() {
  return {
      {"Renegotiation", JustThen([](TlsPeer& peer) {
         peer.Renegotiate();
         peer.Silence();
       }),
       Code::kUnavailable, TLS1_2_VERSION},
      {"KeyUpdate",
       [](TlsPeer& peer, const std::string& answer) {
         return peer.UpdateKeys() && peer.Write(answer);
       },
       Code::kOk, TLS1_3_VERSION},
      {"BytesBelowTls",
       [](TlsPeer& peer, const std::string& answer) { return peer.WriteRaw(answer); }},
  };
}

class HostileServerTest : public ::testing::TestWithParam<Case>, protected HostileWorld {
 protected:
  // A well-behaved server there answers the next question, over one connection.
  void ExpectHealthy() {
    EXPECT_EQ(client().OpenConnectionsForTest(), 0U);
    PutHonest(0);
    EXPECT_THAT(Ask(), IsOk());
    EXPECT_EQ(client().OpenConnectionsForTest(), 1U);
    EXPECT_EQ(server(0).handshakes(), 1);
  }
};

TEST_P(HostileServerTest, EndsInTimeWithTheRightCodeAndDoesNoHarm) {
  Connect(1);
  PutHostile(0, GetParam().deed, GetParam().only_version);
  const auto start = steady_clock::now();
  const Status status = Ask();
  EXPECT_LT(steady_clock::now() - start, kHostileDeadline);
  EXPECT_THAT(status, StatusIs(GetParam().code));
  if (GetParam().code == Code::kOk) {
    EXPECT_EQ(client().OpenConnectionsForTest(), 1U);
    return;
  }
  EXPECT_THAT(Message(status), ::testing::AnyOf(HasSubstr("s0:5696"), HasSubstr("127.0.0.1")));
  ExpectHealthy();
}

// A hostile server and an honest one behind it.
class HostileFirstServerTest : public ::testing::TestWithParam<Case>, protected HostileWorld {};

TEST_P(HostileFirstServerTest, AnotherServerDoesTheWork) {
  Connect(2);
  PutHostile(0, GetParam().deed, GetParam().only_version);
  const auto start = steady_clock::now();
  ASSERT_THAT(Ask(), IsOk());
  EXPECT_LT(steady_clock::now() - start, kHostileDeadline);
  EXPECT_EQ(served_by(), GetParam().code == Code::kOk ? "s0:5696" : "s1:5696");
  EXPECT_EQ(client().OpenConnectionsForTest(), 1U);
}

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Lengths, HostileServerTest, ::testing::ValuesIn(Lengths()), NameOf);
INSTANTIATE_TEST_SUITE_P(Contents, HostileServerTest, ::testing::ValuesIn(Contents()), NameOf);
INSTANTIATE_TEST_SUITE_P(Timings, HostileServerTest, ::testing::ValuesIn(Timings()), NameOf);
INSTANTIATE_TEST_SUITE_P(OfTls, HostileServerTest, ::testing::ValuesIn(OfTls()), NameOf);
INSTANTIATE_TEST_SUITE_P(Length, HostileFirstServerTest, ::testing::Values(Lengths()[0]), NameOf);
INSTANTIATE_TEST_SUITE_P(Content, HostileFirstServerTest, ::testing::Values(Contents()[0]), NameOf);
INSTANTIATE_TEST_SUITE_P(Timings, HostileFirstServerTest, ::testing::ValuesIn(Timings()), NameOf);
INSTANTIATE_TEST_SUITE_P(OfTls, HostileFirstServerTest, ::testing::ValuesIn(OfTls()), NameOf);

}  // namespace
}  // namespace rbdcrypt::testing
