// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/aes_gcm.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using testing::IsOk;
using testing::StatusIs;

std::vector<std::byte> Hex(std::string_view text) {
  return *HexDecode(text);
}

Secret HexSecret(std::string_view text) {
  return Secret(std::span<const std::byte>(Hex(text)));
}

// "The Galois/Counter Mode of Operation", McGrew and Viega, appendix B: test cases 4, 10 and 16,
// the ones with associated text, for each key length.
struct GcmVector {
  std::string key;
  std::string ciphertext;
  std::string tag;
};

constexpr char kPlaintext[] =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5"
    "25"
    "b16aedf5aa0de657ba637b39";
constexpr char kAssociated[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
constexpr char kNonce[] = "cafebabefacedbaddecaf888";

const GcmVector kVectors[] = {
    {"feffe9928665731c6d6a8f9467308308",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84a"
     "a05"
     "1ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c",
     "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3"
     "f47"
     "18e2448b2fe324d9ccda2710",
     "2519498e80f1478f37ba55bd6d27618c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828"
     "838"
     "c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

TEST(AesGcmTest, SealsThePublishedVectors) {
  for (const GcmVector& vector : kVectors) {
    ASSERT_OK_AND_ASSIGN(const auto sealed, GcmSeal(HexSecret(vector.key), Hex(kNonce),
                                                    Hex(kAssociated), HexSecret(kPlaintext)));
    EXPECT_EQ(HexEncode(sealed), vector.ciphertext + vector.tag);
  }
}

TEST(AesGcmTest, OpensThePublishedVectors) {
  for (const GcmVector& vector : kVectors) {
    ASSERT_OK_AND_ASSIGN(const Secret plaintext,
                         GcmOpen(HexSecret(vector.key), Hex(kNonce), Hex(kAssociated),
                                 Hex(vector.ciphertext + vector.tag)));
    EXPECT_EQ(HexEncode(plaintext.Reveal()), kPlaintext);
  }
}

TEST(AesGcmTest, AnyChangedBitIsDataLoss) {
  const Secret key = HexSecret(kVectors[2].key);
  const auto sealed = Hex(kVectors[2].ciphertext + kVectors[2].tag);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    auto changed = sealed;
    changed[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_THAT(GcmOpen(key, Hex(kNonce), Hex(kAssociated), changed), StatusIs(Code::kDataLoss));
  }
}

TEST(AesGcmTest, OtherAssociatedTextIsDataLoss) {
  const Secret key = HexSecret(kVectors[2].key);
  const auto sealed = Hex(kVectors[2].ciphertext + kVectors[2].tag);
  EXPECT_THAT(GcmOpen(key, Hex(kNonce), {}, sealed), StatusIs(Code::kDataLoss));
  EXPECT_THAT(GcmOpen(key, Hex(kNonce), Hex("00"), sealed), StatusIs(Code::kDataLoss));
}

TEST(AesGcmTest, TooShortForATagIsDataLoss) {
  const Secret key = HexSecret(kVectors[2].key);
  for (std::size_t size = 0; size <= kGcmTagBytes; ++size) {
    EXPECT_THAT(GcmOpen(key, Hex(kNonce), {}, std::vector<std::byte>(size)),
                StatusIs(Code::kDataLoss));
  }
}

}  // namespace
}  // namespace rbdcrypt::kms
