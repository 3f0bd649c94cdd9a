// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/dek_text.h"

#include <functional>
#include <span>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "tests/kmip/vectors.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::KmipVectors;
using testing::StatusIs;

std::vector<std::byte> Bytes(std::size_t count, int value) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

AeadText Sample(AeadText::Mode mode) {
  AeadText text = {
      .key_id = "1f2e", .mode = mode, .nonce = Bytes(12, 1), .data = Bytes(28 + 16, 0xff)};
  if (mode == AeadText::Mode::kCbc) {
    text.iv = Bytes(16, 2);
    text.one_time_key = Bytes(48, 3);
  }
  return text;
}

// Ends a text of ours with the sum that belongs there.
std::string WithSum(const std::string& body) {
  const auto sum = Sha256(body);
  return Cat(body, R"(,"sum":")", HexEncode(std::span(sum).first(8)), R"("}})");
}

std::string CephCsiText(std::size_t dek_bytes, std::size_t nonce_bytes) {
  return kms::FormatEnvelope({.ciphertext = Bytes(dek_bytes, 7), .nonce = Bytes(nonce_bytes, 9)});
}

TEST(DekTextTest, ReadsWhatCephCsiWrote) {
  for (const Json& vector : KmipVectors()["recorded"]) {
    const auto wrapped = vector["wrapped"].get<std::string>();
    ASSERT_OK_AND_ASSIGN(const DekText text, ParseDekText(wrapped));
    const auto& envelope = std::get<kms::Envelope>(text);
    EXPECT_EQ(envelope.nonce.size(), 16U);
    EXPECT_EQ(envelope.ciphertext.size(), 32U);
    // Byte for byte what Go's encoding/json makes of it.
    EXPECT_EQ(kms::FormatEnvelope(envelope), wrapped);
  }
}

TEST(DekTextTest, ReadsItsOwnLayoutMadeElsewhere) {
  const Json ours = KmipVectors()["ours"];
  for (const auto mode : {AeadText::Mode::kGcm, AeadText::Mode::kCbc}) {
    const auto wrapped = ours[mode == AeadText::Mode::kGcm ? "gcm" : "cbc"].get<std::string>();
    ASSERT_OK_AND_ASSIGN(const DekText text, ParseDekText(wrapped));
    const auto& aead = std::get<AeadText>(text);
    EXPECT_EQ(aead.mode, mode);
    EXPECT_EQ(aead.key_id, ours["key"].get<std::string>());
    EXPECT_EQ(FormatAeadText(aead), wrapped);
  }
}

TEST(DekTextTest, DamageOfAnyBitOfOursIsDataLoss) {
  for (const auto mode : {AeadText::Mode::kGcm, AeadText::Mode::kCbc}) {
    const std::string text = FormatAeadText(Sample(mode));
    for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
      std::string damaged = text;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_THAT(ParseDekText(damaged), StatusIs(Code::kDataLoss)) << damaged;
    }
  }
}

TEST(DekTextTest, ACutTextIsDataLoss) {
  for (const std::string& text :
       {FormatAeadText(Sample(AeadText::Mode::kGcm)), FormatAeadText(Sample(AeadText::Mode::kCbc)),
        CephCsiText(32, 16), CephCsiText(44, 12)}) {
    ASSERT_THAT(ParseDekText(text), IsOk());
    for (std::size_t length = 0; length < text.size(); ++length) {
      EXPECT_THAT(ParseDekText(text.substr(0, length)), StatusIs(Code::kDataLoss));
    }
  }
}

TEST(DekTextTest, ANewerFormatIsNotDamage) {
  EXPECT_THAT(ParseDekText(WithSum(R"({"dek":{"format":2,"any":"thing")")),
              StatusIs(Code::kUnimplemented, HasSubstr("format 2")));
}

TEST(DekTextTest, LengthsOfCephCsisTextsAreThoseOfTheirCiphers) {
  EXPECT_THAT(ParseDekText(CephCsiText(16, 16)), IsOk());
  EXPECT_THAT(ParseDekText(CephCsiText(528, 16)), IsOk());
  EXPECT_THAT(ParseDekText(CephCsiText(17, 12)), IsOk());
  EXPECT_THAT(ParseDekText(CephCsiText(528, 12)), IsOk());
  for (const auto& [dek, nonce] : {std::pair<std::size_t, std::size_t>(31, 16),
                                   {0, 16},
                                   {544, 16},
                                   {16, 12},
                                   {0, 12},
                                   {529, 12},
                                   {32, 0},
                                   {32, 11},
                                   {32, 17}}) {
    EXPECT_THAT(ParseDekText(CephCsiText(dek, nonce)), StatusIs(Code::kDataLoss))
        << dek << " " << nonce;
  }
}

TEST(DekTextTest, ALongTextIsRefusedUnread) {
  std::string text = CephCsiText(32, 16);
  text.append(4096 - text.size(), ' ');
  EXPECT_THAT(ParseDekText(text), IsOk());
  EXPECT_THAT(ParseDekText(text + ' '), StatusIs(Code::kDataLoss));
}

TEST(DekTextTest, ARightSumOverWrongFieldsIsDataLoss) {
  using Change = std::function<void(AeadText&)>;
  const Change changes[] = {
      [](AeadText& text) { text.nonce.push_back(std::byte{0}); },
      [](AeadText& text) { text.nonce.pop_back(); },
      [](AeadText& text) { text.data.resize(16); },
      [](AeadText& text) { text.data.resize(529); },
      [](AeadText& text) { text.iv.push_back(std::byte{0}); },
      [](AeadText& text) { text.one_time_key.pop_back(); },
  };
  for (const Change& change : changes) {
    AeadText text = Sample(AeadText::Mode::kCbc);
    change(text);
    EXPECT_THAT(ParseDekText(FormatAeadText(text)), StatusIs(Code::kDataLoss));
  }
}

TEST(DekTextTest, OneSpellingOfOursIsRead) {
  const std::string body =
      R"("format":1,"key":"1f2e","mode":"gcm","nonce":"AQEBAQEBAQEBAQEB","data":"/////////////////////////w==")";
  EXPECT_THAT(ParseDekText(WithSum(R"({"dek":{)" + body)), IsOk());
  for (const std::string& other :
       {R"({"dek":{"mode":"gcm",)" + body, R"({"dek":{"new":1,)" + body, R"({"dek":{ )" + body,
        R"({"dek":{"iv":"AAAA",)" + body,
        std::string(R"({"dek":{"format":1.0,"key":"1f2e","mode":"gcm","nonce":"AQEBAQEBAQEBAQEB",)"
                    R"("data":"/////////////////////////w==")"),
        std::string(R"({"dek":{"format":1,"key":"1f2e","mode":"ecb","nonce":"AQEBAQEBAQEBAQEB",)"
                    R"("data":"/////////////////////////w==")"),
        std::string(R"({"dek":{"format":1,"key":"1f2e","mode":"gcm","nonce":"AQEBAQEBAQEBAQEB",)"
                    R"("data":"/////////////////////////x==")"),
        std::string(R"({"dek":{"format":1,"key":"","mode":"gcm","nonce":"AQEBAQEBAQEBAQEB",)"
                    R"("data":"/////////////////////////w==")"),
        std::string(R"({"dek":{"format":1,"key":"\u00e4","mode":"gcm","nonce":"AQEBAQEBAQEBAQEB",)"
                    R"("data":"/////////////////////////w==")"),
        std::string(R"({"dek":{"format":"1")"), std::string(R"({"dek":{"key":"1f2e")")}) {
    EXPECT_THAT(ParseDekText(WithSum(other)), StatusIs(Code::kDataLoss)) << other;
  }
}

// ceph-csi reads "dek" into a []byte, for which Go's encoding/json takes a string (or an array).
TEST(DekTextTest, CephCsiCannotTakeOursForOneOfItsOwn) {
  const Json read = Json::parse(FormatAeadText(Sample(AeadText::Mode::kGcm)));
  ASSERT_TRUE(read.is_object());
  EXPECT_EQ(read.size(), 1U);
  EXPECT_TRUE(read["dek"].is_object());
  EXPECT_THAT(kms::ParseEnvelope(FormatAeadText(Sample(AeadText::Mode::kCbc))),
              StatusIs(Code::kDataLoss));
}

TEST(DekTextTest, AdditionalDataTellsEveryFieldApart) {
  EXPECT_EQ(AeadAdditionalData(Sample(AeadText::Mode::kGcm), "v"),
            std::string("rbdcrypt-kmip-1\0gcm\0001f2e\0v", 26));
  EXPECT_EQ(AeadAdditionalData(Sample(AeadText::Mode::kCbc), "volume"),
            std::string("rbdcrypt-kmip-1\0cbc\0001f2e\0volume", 31));
}

}  // namespace
}  // namespace rbdcrypt::kmip
