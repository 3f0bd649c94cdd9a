// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/aes_cbc.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/envelope.h"
#include "tests/kmip/vectors.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using testing::KmipVectors;
using testing::StatusIs;
using testing::VectorKek;

kms::Envelope Recorded(const Json& vector) {
  return *kms::ParseEnvelope(vector["wrapped"].get<std::string>());
}

TEST(AesCbcTest, OpensWhatARealServerEncrypted) {
  for (const Json& vector : KmipVectors()["recorded"]) {
    const kms::Envelope envelope = Recorded(vector);
    ASSERT_OK_AND_ASSIGN(const Secret dek,
                         CbcOpen(VectorKek(), envelope.nonce, envelope.ciphertext));
    EXPECT_EQ(dek.RevealText(), vector["dek"].get<std::string>());
  }
}

// The first block of NIST SP 800-38A, F.2.1, F.2.3 and F.2.5, and the block of padding that PKCS#5
// puts behind it, by OpenSSL's command line.
TEST(AesCbcTest, OpensTheStandardsVectorsOfEachKeyLength) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"2b7e151628aed2a6abf7158809cf4f3c",
       "7649abac8119b246cee98e9b12e9197d8964e0b149c10b7b682e6e39aaeb731c"},
      {"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
       "4f021db243bc633d7178183a9fa071e8a647f1643b94812a175a13c8fa2014b2"},
      {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
       "f58c4c04d6e5f1ba779eabfb5f7bfbd6485a5c81519cf378fa36d42b8547edc0"}};
  const auto iv = HexDecode("000102030405060708090a0b0c0d0e0f");
  for (const auto& [key, ciphertext] : cases) {
    ASSERT_OK_AND_ASSIGN(const auto key_bytes, HexDecode(key));
    ASSERT_OK_AND_ASSIGN(const auto bytes, HexDecode(ciphertext));
    ASSERT_OK_AND_ASSIGN(const Secret plaintext,
                         CbcOpen(Secret(std::span<const std::byte>(key_bytes)), *iv, bytes));
    EXPECT_EQ(HexEncode(plaintext.Reveal()), "6bc1bee22e409f96e93d7e117393172a");
  }
}

TEST(AesCbcTest, BadPaddingIsDataLoss) {
  const kms::Envelope envelope = Recorded(KmipVectors()["recorded"][0]);
  std::vector<std::byte> damaged = envelope.ciphertext;
  // Flips a bit of the last byte of padding, through the block before.
  damaged[15] ^= std::byte{0x40};
  EXPECT_THAT(CbcOpen(VectorKek(), envelope.nonce, damaged), StatusIs(Code::kDataLoss));
}

TEST(AesCbcTest, NoWholeBlocksAreDataLoss) {
  const kms::Envelope envelope = Recorded(KmipVectors()["recorded"][0]);
  for (std::size_t bytes = 0; bytes < envelope.ciphertext.size(); ++bytes) {
    if (bytes != 16) {
      EXPECT_THAT(CbcOpen(VectorKek(), envelope.nonce, std::span(envelope.ciphertext).first(bytes)),
                  StatusIs(Code::kDataLoss))
          << bytes;
    }
  }
}

// What a ciphertext without a tag cannot tell: kmip.md 10, ADR 20.
TEST(AesCbcTest, AFlippedBitOfTheIvGoesUnnoticed) {
  const Json vector = KmipVectors()["recorded"][0];
  kms::Envelope envelope = Recorded(vector);
  envelope.nonce[0] ^= std::byte{1};
  ASSERT_OK_AND_ASSIGN(const Secret dek, CbcOpen(VectorKek(), envelope.nonce, envelope.ciphertext));
  std::string expected = vector["dek"].get<std::string>();
  expected[0] = static_cast<char>(expected[0] ^ 1);
  EXPECT_EQ(dek.RevealText(), expected);
}

}  // namespace
}  // namespace rbdcrypt::kmip
