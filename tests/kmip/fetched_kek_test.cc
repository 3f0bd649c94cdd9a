// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/fetched_kek.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kmip/vectors.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::KmipVectors;
using testing::StatusIs;
using testing::VectorKek;

constexpr std::string_view kDek = "1Aew-uiJX9w8EmFvVULdZ0G5PXw=";
constexpr std::string_view kVolume = "0001-volume";

const std::string& KeyId() {
  static const std::string id = "1f2e";
  return id;
}

std::string Wrap(WrapFormat format, const Secret& kek) {
  const auto text = WrapWithKek({.id = KeyId(), .kek = kek}, format, kVolume, Secret(kDek));
  EXPECT_THAT(text, IsOk());
  return text.value_or("");
}

Result<Secret> Unwrap(const Secret& kek, std::string_view volume, std::string_view wrapped) {
  ASSIGN_OR_RETURN(const DekText text, ParseDekText(wrapped));
  return UnwrapWithKek(kek, volume, text);
}

TEST(FetchedKekTest, UnwrapsWhatOthersWrapped) {
  const Json vectors = KmipVectors();
  for (const Json& vector : vectors["recorded"]) {
    ASSERT_OK_AND_ASSIGN(const Secret dek,
                         Unwrap(VectorKek(), "any", vector["wrapped"].get<std::string>()));
    EXPECT_EQ(dek.RevealText(), vector["dek"].get<std::string>());
  }
  ASSERT_OK_AND_ASSIGN(
      const Secret fetched,
      Unwrap(VectorKek(), "any", vectors["fetched"]["wrapped"].get<std::string>()));
  EXPECT_EQ(fetched.RevealText(), vectors["fetched"]["dek"].get<std::string>());
}

TEST(FetchedKekTest, UnwrapsBothModesOfOursMadeElsewhere) {
  const Json ours = KmipVectors()["ours"];
  for (const char* mode : {"gcm", "cbc"}) {
    ASSERT_OK_AND_ASSIGN(const Secret dek, Unwrap(VectorKek(), ours["volume"].get<std::string>(),
                                                  ours[mode].get<std::string>()));
    EXPECT_EQ(dek.RevealText(), ours["dek"].get<std::string>());
    EXPECT_THAT(Unwrap(VectorKek(), "another", ours[mode].get<std::string>()),
                StatusIs(Code::kDataLoss, HasSubstr("another volume")));
  }
}

TEST(FetchedKekTest, WrapsWithKeysOfEachLength) {
  for (const std::size_t bytes : {16, 24, 32}) {
    ASSERT_OK_AND_ASSIGN(const Secret kek, RandomSecret(bytes));
    ASSERT_OK_AND_ASSIGN(const Secret other, RandomSecret(bytes));
    for (const WrapFormat format : {WrapFormat::kCephCsi, WrapFormat::kAead}) {
      const std::string wrapped = Wrap(format, kek);
      ASSERT_OK_AND_ASSIGN(const Secret dek, Unwrap(kek, kVolume, wrapped));
      EXPECT_EQ(dek.RevealText(), kDek);
      EXPECT_THAT(Unwrap(other, kVolume, wrapped),
                  StatusIs(Code::kDataLoss, HasSubstr("another key")));
    }
  }
}

TEST(FetchedKekTest, CephCsisFormatHasItsShape) {
  // 44 and 12 bytes (ceph-csi-compat 6.10).
  EXPECT_THAT(
      Wrap(WrapFormat::kCephCsi, VectorKek()),
      ::testing::MatchesRegex(R"(\{"dek":"[A-Za-z0-9+/]{59}=","nonce":"[A-Za-z0-9+/]{16}"\})"));
}

TEST(FetchedKekTest, OursIsBoundToVolumeAndKey) {
  const std::string wrapped = Wrap(WrapFormat::kAead, VectorKek());
  ASSERT_OK_AND_ASSIGN(const DekText parsed, ParseDekText(wrapped));
  AeadText text = std::get<AeadText>(parsed);
  EXPECT_THAT(UnwrapWithKek(VectorKek(), kVolume, text), IsOk());
  EXPECT_THAT(UnwrapWithKek(VectorKek(), "0001-other", text), StatusIs(Code::kDataLoss));
  text.key_id = "1f2f";
  EXPECT_THAT(UnwrapWithKek(VectorKek(), kVolume, text), StatusIs(Code::kDataLoss));
}

// Each bit of what is stored, though its sum was made right again.
TEST(FetchedKekTest, NoBitOfOursMayBeFlipped) {
  for (const char* mode : {"gcm", "cbc"}) {
    const Json ours = KmipVectors()["ours"];
    const auto volume = ours["volume"].get<std::string>();
    ASSERT_OK_AND_ASSIGN(const DekText parsed, ParseDekText(ours[mode].get<std::string>()));
    AeadText text = std::get<AeadText>(parsed);
    for (std::vector<std::byte>* field : {&text.iv, &text.one_time_key, &text.nonce, &text.data}) {
      for (std::size_t bit = 0; bit < 8 * field->size(); ++bit) {
        std::byte& byte = (*field)[bit / 8];
        const std::byte before = byte;
        byte ^= static_cast<std::byte>(1 << (bit % 8));
        EXPECT_THAT(UnwrapWithKek(VectorKek(), volume, text), StatusIs(Code::kDataLoss)) << mode;
        byte = before;
      }
    }
    EXPECT_THAT(UnwrapWithKek(VectorKek(), volume, text), IsOk());
  }
}

TEST(FetchedKekTest, AModeCannotBeTakenForTheOther) {
  const Json ours = KmipVectors()["ours"];
  ASSERT_OK_AND_ASSIGN(const DekText parsed, ParseDekText(ours["cbc"].get<std::string>()));
  AeadText text = std::get<AeadText>(parsed);
  text.mode = AeadText::Mode::kGcm;
  EXPECT_THAT(UnwrapWithKek(VectorKek(), ours["volume"].get<std::string>(), text),
              StatusIs(Code::kDataLoss));
}

}  // namespace
}  // namespace rbdcrypt::kmip
