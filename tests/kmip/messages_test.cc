// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/messages.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/operations.h"
#include "kmip/reasons.h"
#include "tests/kmip/codec_support.h"
#include "tests/kmip/rewrite.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Version kOneFour = {.major = 1, .minor = 4};

// What tests/vectors/kmip/encrypt.json asks.
struct WorkedExample {
  Secret plain{Hex("a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf")};
  Bytes iv = Hex("101112131415161718191a1b1c1d1e1f");
  Request request = EncryptRequest({.key_id = "1",
                                    .parameters = {.mode = BlockCipherMode::kCbc,
                                                   .padding = PaddingMethod::kPkcs5,
                                                   .algorithm = CryptographicAlgorithm::kAes},
                                    .data = plain,
                                    .iv = iv});
  Bytes response = Vector("encrypt.json", "response");

  Result<Answer> Decode(const Bytes& answer) const {
    return DecodeAnswer(Secret(answer), request, kOneFour, VectorId());
  }
};

// An answer to the worked example, each part of which a test may change.
struct Parts {
  Version version = kOneFour;
  std::int32_t batch_count = 1;
  int items = 1;
  std::optional<Operation> operation = Operation::kEncrypt;
  std::optional<Bytes> id = Hex("11111111222233334444555555555555");
  std::optional<std::uint32_t> status = 0;
  std::function<void(TtlvWriter& item)> rest = [](TtlvWriter& item) {
    item.Begin(Tag::kResponsePayload)
        .Text(Tag::kUniqueIdentifier, "1")
        .Bytes(Tag::kData, Hex("00"))
        .End();
  };

  Bytes Write() const;
};

void WriteItem(const Parts& parts, TtlvWriter& out) {
  out.Begin(Tag::kBatchItem);
  if (parts.operation.has_value()) {
    out.Enum(Tag::kOperation, *parts.operation);
  }
  if (parts.id.has_value()) {
    out.Bytes(Tag::kUniqueBatchItemId, *parts.id);
  }
  if (parts.status.has_value()) {
    out.Enumeration(Tag::kResultStatus, *parts.status);
  }
  parts.rest(out);
  out.End();
}

Bytes Parts::Write() const {
  TtlvWriter out;
  out.Begin(Tag::kResponseMessage)
      .Begin(Tag::kResponseHeader)
      .Begin(Tag::kProtocolVersion)
      .Integer(Tag::kProtocolVersionMajor, version.major)
      .Integer(Tag::kProtocolVersionMinor, version.minor)
      .End()
      .DateTime(Tag::kTimeStamp, 0)
      .Integer(Tag::kBatchCount, batch_count)
      .End();
  for (int i = 0; i < items; ++i) {
    WriteItem(*this, out);
  }
  out.End();
  return BytesOf(std::move(out).Take());
}

Result<Answer> Decode(const Parts& parts) {
  return WorkedExample().Decode(parts.Write());
}

// Fails with a reason and a message.
Parts Failure(ResultReason reason, std::string_view text) {
  return {.status = 1, .rest = [reason, text](TtlvWriter& item) {
            item.Enum(Tag::kResultReason, reason).Text(Tag::kResultMessage, text);
          }};
}

TEST(MessagesTest, TheWorkedExampleIsWrittenByteForByte) {
  const WorkedExample example;
  EXPECT_EQ(BytesOf(EncodeRequest(example.request, kOneFour, VectorId())),
            Vector("encrypt.json", "request"));
}

TEST(MessagesTest, TheWorkedExampleIsRead) {
  const WorkedExample example;
  ASSERT_OK_AND_ASSIGN(const Answer answer, example.Decode(example.response));
  ASSERT_OK_AND_ASSIGN(const Encrypted encrypted, ReadEncrypted(answer));
  EXPECT_EQ(encrypted.data, Hex("965fe30bdce6316a5ec0e066ec3389d401d07b62b2f561224e55ef657f984f83"
                                "3978bd91860988b9e9bddefe07e1155f"));
  EXPECT_TRUE(encrypted.iv.empty());
  EXPECT_TRUE(encrypted.tag.empty());
}

TEST(MessagesTest, AnAnswerMovesWithItsBytes) {
  const WorkedExample example;
  ASSERT_OK_AND_ASSIGN(Answer answer, example.Decode(example.response));
  const Answer moved = std::move(answer);
  EXPECT_EQ(moved.payload().Text(Tag::kUniqueIdentifier).value(), "1");
}

TEST(MessagesTest, ItemIdsAreNotUsedTwice) {
  EXPECT_NE(NewItemId().value(), NewItemId().value());
}

TEST(MessagesTest, AFailureIsTheServersReason) {
  const Status status = Decode(Failure(ResultReason::kItemNotFound, "no \x1b[1mkey\n")).status();
  EXPECT_THAT(status, StatusIs(Code::kNotFound, "KMIP Encrypt: Item Not Found (0x01): no  [1mkey"));
  EXPECT_EQ(ReasonOf(status), ResultReason::kItemNotFound);
}

TEST(MessagesTest, AFailureOfTheWholeMessageHasNoItemAndAnyVersion) {
  Parts parts = Failure(ResultReason::kInvalidMessage, "Error parsing request message.");
  parts.version = {1, 0};
  parts.operation = std::nullopt;
  parts.id = std::nullopt;
  const Status status = Decode(parts).status();
  EXPECT_EQ(ReasonOf(status), ResultReason::kInvalidMessage);
  EXPECT_EQ(RetryClassOf(status), RetryClass::kRenegotiate);
}

TEST(MessagesTest, AFailureOfAnotherRequestIsNotTakenForOurs) {
  Parts other_id = Failure(ResultReason::kItemNotFound, "not yours");
  other_id.id = Hex("00000000000000000000000000000000");
  Parts other_operation = Failure(ResultReason::kItemNotFound, "not yours");
  other_operation.operation = Operation::kGet;
  for (const Parts& parts : {other_id, other_operation}) {
    const Status status = Decode(parts).status();
    EXPECT_THAT(status, StatusIs(Code::kDataLoss,
                                 HasSubstr("another request, with KMIP Encrypt: Item Not Found")));
    EXPECT_FALSE(ReasonOf(status).has_value());
  }
}

TEST(MessagesTest, StatusesOfWorkThatIsNotDoneAreErrors) {
  for (const std::uint32_t status : {2U, 3U, 4U, 0x80000000U}) {
    Parts parts;
    parts.status = status;
    EXPECT_THAT(Decode(parts), StatusIs(Code::kInternal, HasSubstr("KMIP Encrypt: "))) << status;
  }
}

struct Wrong {
  std::string_view what;
  std::function<void(Parts& parts)> change;
};

TEST(MessagesTest, NothingButTheAnswerToOurRequestIsTaken) {
  const std::vector<Wrong> wrong = {
      {"another request", [](Parts& p) { p.operation = Operation::kDecrypt; }},
      {"another request", [](Parts& p) { p.id = Hex("11111111222233334444555555555554"); }},
      {"another request", [](Parts& p) { p.id = Hex("111111112222333344445555555555"); }},
      {"another request", [](Parts& p) { p.id = Bytes(); }},
      {"Operation is missing", [](Parts& p) { p.operation = std::nullopt; }},
      {"Unique Batch Item ID is missing", [](Parts& p) { p.id = std::nullopt; }},
      {"Result Status is missing", [](Parts& p) { p.status = std::nullopt; }},
      {"Batch Count 0 and 1 items", [](Parts& p) { p.batch_count = 0; }},
      {"Batch Count 2 and 1 items", [](Parts& p) { p.batch_count = 2; }},
      {"Batch Count -1 and 1 items", [](Parts& p) { p.batch_count = -1; }},
      {"Batch Count 1 and 2 items", [](Parts& p) { p.items = 2; }},
      {"Batch Count 1 and 0 items", [](Parts& p) { p.items = 0; }},
      {"version 3.0, which we do not speak",
       [](Parts& p) {
         p.version = {3, 0};
       }},
      {"version 0.9",
       [](Parts& p) {
         p.version = {0, 9};
       }},
      {"version -1.4",
       [](Parts& p) {
         p.version = {-1, 4};
       }},
      {"version 2.1, asked in 1.4",
       [](Parts& p) {
         p.version = {2, 1};
       }},
      {"Response Payload is missing", [](Parts& p) { p.rest = [](TtlvWriter&) {}; }},
      {"Unique Identifier is missing",
       [](Parts& p) {
         p.rest = [](TtlvWriter& item) { item.Begin(Tag::kResponsePayload).End(); };
       }},
      {"Response Payload has the wrong type",
       [](Parts& p) { p.rest = [](TtlvWriter& item) { item.Text(Tag::kResponsePayload, "1"); }; }},
      {"another key",
       [](Parts& p) {
         p.rest = [](TtlvWriter& item) {
           item.Begin(Tag::kResponsePayload).Text(Tag::kUniqueIdentifier, "10").End();
         };
       }},
      {"Unique Identifier has the wrong type",
       [](Parts& p) {
         p.rest = [](TtlvWriter& item) {
           item.Begin(Tag::kResponsePayload).Bytes(Tag::kUniqueIdentifier, Hex("31")).End();
         };
       }},
  };
  EXPECT_THAT(Decode(Parts()), IsOk());
  for (const Wrong& one : wrong) {
    Parts parts;
    one.change(parts);
    EXPECT_THAT(Decode(parts),
                StatusIs(Code::kDataLoss, AllOf(HasSubstr("KMIP answer to Encrypt: "),
                                                HasSubstr(std::string(one.what)))));
  }
}

TEST(MessagesTest, OperationAndIdOfAnotherTypeAreNotOurs) {
  Parts parts;
  parts.operation = std::nullopt;
  parts.rest = [](TtlvWriter& item) { item.Integer(Tag::kOperation, 0x1F); };
  EXPECT_THAT(Decode(parts), StatusIs(Code::kDataLoss, HasSubstr("another request")));
  parts = Parts();
  parts.id = std::nullopt;
  parts.rest = [](TtlvWriter& item) { item.Text(Tag::kUniqueBatchItemId, "1111"); };
  EXPECT_THAT(Decode(parts), StatusIs(Code::kDataLoss, HasSubstr("another request")));
}

TEST(MessagesTest, VersionsAreDiscoveredFromAServerOfAnyVersion) {
  Parts parts;
  parts.version = {2, 1};
  parts.operation = Operation::kDiscoverVersions;
  parts.rest = [](TtlvWriter& item) { item.Begin(Tag::kResponsePayload).End(); };
  const auto answer = DecodeAnswer(Secret(parts.Write()), DiscoverVersionsRequest({kOneFour}),
                                   kOneFour, VectorId());
  ASSERT_THAT(answer, IsOk());
  EXPECT_TRUE(ReadVersions(*answer).value().empty());
}

TEST(MessagesTest, OtherMessagesAreNone) {
  const WorkedExample example;
  EXPECT_THAT(example.Decode(Vector("encrypt.json", "request")),
              StatusIs(Code::kDataLoss, HasSubstr("no Response Message")));
  EXPECT_THAT(example.Decode({}), StatusIs(Code::kDataLoss));
  EXPECT_THAT(example.Decode(BytesOf(std::string_view("HTTP/1.1 400 Bad Request\r\n\r\n"))),
              StatusIs(Code::kDataLoss));
  EXPECT_THAT(example.Decode(Bytes(64)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(example.Decode(Hex("42007b08 00000000")), StatusIs(Code::kDataLoss));
  EXPECT_THAT(example.Decode(Hex("42007b01 00000000")),
              StatusIs(Code::kDataLoss, HasSubstr("Response Header is missing")));
}

TEST(MessagesTest, UnknownFieldsAreSkipped) {
  Parts parts;
  parts.rest = [](TtlvWriter& item) {
    item.Text(Tag::kServerCorrelationValue, "x")
        .Begin(Tag::kResponsePayload)
        .Boolean(static_cast<Tag>(0x54AB01), true)
        .Text(Tag::kUniqueIdentifier, "1")
        .Bytes(Tag::kData, Hex("00"))
        .End()
        .Begin(static_cast<Tag>(0x420051))
        .End();
  };
  EXPECT_THAT(Decode(parts), IsOk());
}

std::string_view Chars(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Decodes a sample's answer with these bytes and, where that is one, reads and rewrites all of it.
// What is refused is refused for a reason; nothing is read that is not there (AddressSanitizer).
Status Judge(const Sample& sample, const Bytes& bytes) {
  const auto answer = DecodeAnswer(Secret(bytes), sample.request, sample.version, sample.id);
  if (!answer.ok()) {
    return answer.status();
  }
  TtlvWriter writer;
  Rewrite(answer->payload(), writer);
  const Secret payload = std::move(writer).Take();
  EXPECT_NE(Chars(bytes).find(payload.RevealText()), std::string_view::npos);
  return sample.read(*answer);
}

TEST(MessagesTest, SamplesAreReadAsTheyAre) {
  EXPECT_EQ(Samples().size(), 12U);
  for (const Sample& sample : Samples()) {
    EXPECT_THAT(Judge(sample, sample.answer), IsOk()) << sample.name;
  }
}

TEST(MessagesTest, NoAnswerIsTakenThatWasCut) {
  for (const Sample& sample : Samples()) {
    for (std::size_t size = 0; size < sample.answer.size(); ++size) {
      const Bytes cut(sample.answer.begin(),
                      sample.answer.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_THAT(Judge(sample, cut), StatusIs(Code::kDataLoss)) << sample.name << " at " << size;
    }
  }
}

// Whether that is what an error of a changed answer may be: the bytes', the server's, or that the
// key is not for us.
bool IsSensible(const Status& status) {
  return status.ok() || status.code() == Code::kDataLoss || ReasonOf(status).has_value() ||
         status.code() == Code::kFailedPrecondition || status.code() == Code::kInternal;
}

TEST(MessagesTest, EveryChangedByteIsAnErrorOrAnotherAnswer) {
  for (const Sample& sample : Samples()) {
    Bytes bytes = sample.answer;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      // Batch Count, Operation, Unique Batch Item ID and Result Status make it the answer to our
      // request.
      const bool makes_it_ours = at >= 0x48 && at < 0x98;
      const std::byte before = bytes[at];
      for (int flip = 1; flip < 256; ++flip) {
        bytes[at] = before ^ static_cast<std::byte>(flip);
        const Status status = Judge(sample, bytes);
        ASSERT_TRUE(IsSensible(status)) << sample.name << " at " << at << ": " << status;
        ASSERT_FALSE(makes_it_ours && status.ok()) << sample.name << " at " << at;
      }
      bytes[at] = before;
    }
  }
}

TEST(MessagesTest, RequestsOfOursAreNoAnswers) {
  for (const Sample& sample : Samples()) {
    const Secret request = EncodeRequest(sample.request, sample.version, sample.id);
    EXPECT_THAT(Judge(sample, BytesOf(request)), StatusIs(Code::kDataLoss)) << sample.name;
  }
}

}  // namespace
}  // namespace rbdcrypt::kmip
