// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/operations.h"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/reasons.h"
#include "tests/fakes/fake_kmip.h"
#include "tests/kmip/codec_support.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::StatusIs;
using ::testing::ElementsAre;
using testing::FakeKmip;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Version kOneFour = {.major = 1, .minor = 4};

constexpr CryptoParameters kCbc = {.mode = BlockCipherMode::kCbc,
                                   .padding = PaddingMethod::kPkcs5,
                                   .algorithm = CryptographicAlgorithm::kAes};
constexpr CryptoParameters kGcm = {.mode = BlockCipherMode::kGcm,
                                   .algorithm = CryptographicAlgorithm::kAes,
                                   .iv_bytes = 12,
                                   .tag_bytes = 16};

// What the vectors are about.
struct Fields {
  Secret plain{Hex("a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf")};
  Bytes sealed =
      Hex("965fe30bdce6316a5ec0e066ec3389d401d07b62b2f561224e55ef657f984f83"
          "3978bd91860988b9e9bddefe07e1155f");
  Bytes iv = Hex("101112131415161718191a1b1c1d1e1f");
  Bytes short_iv = Hex("101112131415161718191a1b");
  Bytes additional = BytesOf(std::string_view("volume-1"));

  Request Encrypt(std::string key) const {
    return EncryptRequest({.key_id = std::move(key), .parameters = kCbc, .data = plain, .iv = iv});
  }

  Request Decrypt() const {
    return DecryptRequest({.key_id = "1", .parameters = kCbc, .data = sealed, .iv = iv});
  }

  Request EncryptGcm() const {
    return EncryptRequest({.key_id = "1",
                           .parameters = kGcm,
                           .data = plain,
                           .iv = short_iv,
                           .additional_data = additional});
  }

  Request DecryptGcm(const Encrypted& encrypted) const {
    return DecryptRequest({.key_id = "1",
                           .parameters = kGcm,
                           .data = encrypted.data,
                           .iv = short_iv,
                           .additional_data = additional,
                           .tag = encrypted.tag});
  }
};

Result<Answer> DecodeRecorded(const Recorded& recorded, const Request& request) {
  return DecodeAnswer(Secret(recorded.response), request, recorded.version, VectorId());
}

// The answer that PyKMIP gave to `request`, which must be what it was asked.
Result<Answer> AskPyKmip(std::string_view name, std::string_view version, const Request& request) {
  const Recorded& recorded = RecordedOfPyKmip(name, version);
  EXPECT_EQ(BytesOf(EncodeRequest(request, recorded.version, VectorId())), recorded.request)
      << name << " in " << version;
  return DecodeRecorded(recorded, request);
}

TEST(OperationsTest, PyKmipTellsItsVersions) {
  for (const char* version : {"1.2", "1.4", "2.0"}) {
    const auto all =
        AskPyKmip("discover-versions", version, DiscoverVersionsRequest(KnownVersions()));
    ASSERT_THAT(all, IsOk());
    EXPECT_THAT(ReadVersions(*all).value(),
                ElementsAre(Version{2, 0}, Version{1, 4}, Version{1, 3}, Version{1, 2},
                            Version{1, 1}, Version{1, 0}));
    const auto none =
        AskPyKmip("discover-versions-none", version, DiscoverVersionsRequest({{2, 1}}));
    ASSERT_THAT(none, IsOk());
    EXPECT_THAT(ReadVersions(*none).value(), IsEmpty());
  }
}

TEST(OperationsTest, PyKmipTellsWhatItCanDo) {
  for (const char* version : {"1.0", "1.2", "1.4", "2.0"}) {
    const auto answer = AskPyKmip("query", version, QueryRequest());
    ASSERT_THAT(answer, IsOk());
    ASSERT_OK_AND_ASSIGN(const ServerInformation server, ReadServerInformation(*answer));
    EXPECT_EQ(server.vendor, "PyKMIP 0.10.0 Software Server");
    EXPECT_TRUE(server.Has(Operation::kGet));
    EXPECT_FALSE(server.Has(Operation::kReKey));
    EXPECT_EQ(server.Has(Operation::kEncrypt), version != std::string_view("1.0"));
  }
}

TEST(OperationsTest, PyKmipEncryptsAndDecrypts) {
  const Fields fields;
  for (const char* version : {"1.2", "1.4", "2.0"}) {
    const auto encrypted = AskPyKmip("encrypt-cbc", version, fields.Encrypt("1"));
    ASSERT_THAT(encrypted, IsOk());
    EXPECT_EQ(ReadEncrypted(*encrypted).value().data, fields.sealed);
    const auto decrypted = AskPyKmip("decrypt-cbc", version, fields.Decrypt());
    ASSERT_THAT(decrypted, IsOk());
    EXPECT_TRUE(SameSecret(ReadDecrypted(*decrypted).value(), fields.plain));
    EXPECT_THAT(AskPyKmip("encrypt-unknown-key", version, fields.Encrypt("999")),
                StatusIs(Code::kNotFound, HasSubstr("Could not locate object: 999")));
  }
}

TEST(OperationsTest, PyKmipAuthenticates) {
  const Fields fields;
  for (const char* version : {"1.4", "2.0"}) {
    const auto answer = AskPyKmip("encrypt-gcm", version, fields.EncryptGcm());
    ASSERT_THAT(answer, IsOk());
    ASSERT_OK_AND_ASSIGN(const Encrypted encrypted, ReadEncrypted(*answer));
    EXPECT_EQ(encrypted.data.size(), 32U);
    EXPECT_EQ(encrypted.tag.size(), 16U);
    const auto decrypted = AskPyKmip("decrypt-gcm", version, fields.DecryptGcm(encrypted));
    ASSERT_THAT(decrypted, IsOk());
    EXPECT_TRUE(SameSecret(ReadDecrypted(*decrypted).value(), fields.plain));
    Fields other;
    other.additional = BytesOf(std::string_view("volume-2"));
    const Status changed =
        AskPyKmip("decrypt-gcm-other-data", version, other.DecryptGcm(encrypted)).status();
    EXPECT_EQ(ReasonOf(changed), ResultReason::kGeneralFailure);
  }
}

TEST(OperationsTest, PyKmipMakesAnIv) {
  const Fields fields;
  for (const char* version : {"1.4", "2.0"}) {
    const auto answer =
        AskPyKmip("encrypt-gcm-without-iv", version,
                  EncryptRequest({.key_id = "1",
                                  .parameters = {.mode = BlockCipherMode::kGcm,
                                                 .algorithm = CryptographicAlgorithm::kAes,
                                                 .tag_bytes = 16},
                                  .data = fields.plain,
                                  .additional_data = fields.additional}));
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(ReadEncrypted(*answer).value().iv.size(), 16U);
  }
}

TEST(OperationsTest, PyKmipGivesAndDescribesAKey) {
  for (const char* version : {"1.0", "1.2", "1.4", "2.0"}) {
    SCOPED_TRACE(version);
    const auto got = AskPyKmip("get", version, GetRequest("1"));
    ASSERT_THAT(got, IsOk());
    EXPECT_EQ(BytesOf(ReadKeyMaterial(*got).value()),
              Hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
    const auto told = AskPyKmip("get-attributes", version, GetAttributesRequest("1"));
    ASSERT_THAT(told, IsOk());
    ASSERT_OK_AND_ASSIGN(const KeyAttributes key, ReadAttributes(*told));
    EXPECT_EQ(key.object_type, ObjectType::kSymmetricKey);
    EXPECT_EQ(key.algorithm, CryptographicAlgorithm::kAes);
    EXPECT_EQ(key.length_bits, 256);
    EXPECT_EQ(key.usage_mask, 0x0CU);
    EXPECT_EQ(key.state, State::kActive);
    EXPECT_EQ(key.name, "kek");
    const auto located = AskPyKmip("locate", version, LocateRequest("kek"));
    ASSERT_THAT(located, IsOk());
    EXPECT_THAT(ReadLocated(*located).value(), ElementsAre("1"));
    const auto none = AskPyKmip("locate-none", version, LocateRequest("other"));
    ASSERT_THAT(none, IsOk());
    EXPECT_THAT(ReadLocated(*none).value(), IsEmpty());
  }
}

TEST(OperationsTest, PyKmipLeadsAKeyThroughItsLife) {
  const std::vector<std::pair<std::string, std::string>> lives = {
      {"1.0", "2"}, {"1.2", "3"}, {"1.4", "4"}, {"2.0", "5"}};
  for (const auto& [version, id] : lives) {
    SCOPED_TRACE(version);
    const auto made = AskPyKmip("create", version, CreateRequest(256, "made"));
    ASSERT_THAT(made, IsOk());
    EXPECT_EQ(ReadKeyId(*made).value(), id);
    EXPECT_THAT(AskPyKmip("activate-" + id, version, ActivateRequest(id)), IsOk());
    EXPECT_THAT(AskPyKmip("destroy-active-" + id, version, DestroyRequest(id)),
                StatusIs(Code::kPermissionDenied));
    EXPECT_THAT(AskPyKmip("revoke-" + id, version, RevokeRequest(id)), IsOk());
    EXPECT_FALSE(AskPyKmip("encrypt-deactivated-" + id, version, Fields().Encrypt(id)).ok());
    EXPECT_THAT(AskPyKmip("destroy-" + id, version, DestroyRequest(id)), IsOk());
  }
}

TEST(OperationsTest, LifeOfAKeyInEveryVersion) {
  for (const Version& version : KnownVersions()) {
    SCOPED_TRACE(version.Text());
    FakeKmip server;
    const auto created = Ask(server, CreateRequest(192, "kek"), version);
    ASSERT_THAT(created, IsOk());
    const std::string id = ReadKeyId(*created).value();
    const auto located = Ask(server, LocateRequest("kek"), version);
    ASSERT_THAT(located, IsOk());
    EXPECT_THAT(ReadLocated(*located).value(), ElementsAre(id));
    ASSERT_THAT(Ask(server, ActivateRequest(id), version), IsOk());
    const auto told = Ask(server, GetAttributesRequest(id), version);
    ASSERT_THAT(told, IsOk());
    ASSERT_OK_AND_ASSIGN(const KeyAttributes key, ReadAttributes(*told));
    EXPECT_EQ(key.length_bits, 192);
    EXPECT_EQ(key.state, State::kActive);
    EXPECT_EQ(key.name, "kek");
    const auto got = Ask(server, GetRequest(id), version);
    ASSERT_THAT(got, IsOk());
    EXPECT_EQ(ReadKeyMaterial(*got).value().size(), 24U);
    ASSERT_THAT(Ask(server, RevokeRequest(id), version), IsOk());
    ASSERT_THAT(Ask(server, DestroyRequest(id), version), IsOk());
    EXPECT_EQ(server.keys().Find(id)->state, State::kDestroyed);
  }
}

// The Request Payload of a request.
struct Payload {
  Payload(const Request& request, Version version)
      : message(EncodeRequest(request, version, VectorId())),
        view(TtlvView::Parse(message.Reveal())
                 .value()
                 .Structure(Tag::kBatchItem)
                 .value()
                 .Structure(Tag::kRequestPayload)
                 .value()) {}

  const Secret message;
  const TtlvView view;
};

TEST(OperationsTest, FieldsOfAuthenticatedEncryptionAreOfOneFourAndLater) {
  const Fields fields;
  const Encrypted encrypted = {.data = Hex("00"), .iv = {}, .tag = Hex("11")};
  for (const Version& version : KnownVersions()) {
    const std::size_t count = version >= kOneFour ? 1 : 0;
    const Payload encrypt(fields.EncryptGcm(), version);
    EXPECT_EQ(encrypt.view.Count(Tag::kAeAdditionalData), count) << version.Text();
    const Payload decrypt(fields.DecryptGcm(encrypted), version);
    EXPECT_EQ(decrypt.view.Count(Tag::kAeAdditionalData), count) << version.Text();
    EXPECT_EQ(decrypt.view.Count(Tag::kAeTag), count) << version.Text();
  }
}

TEST(OperationsTest, WhatIsNotSetIsNotSent) {
  const Secret data(std::string_view("data"));
  const Payload payload(EncryptRequest({.key_id = "1", .parameters = {}, .data = data}), kOneFour);
  EXPECT_EQ(payload.view.Count(Tag::kIvCounterNonce), 0U);
  EXPECT_EQ(payload.view.Count(Tag::kAeAdditionalData), 0U);
  const TtlvView parameters = payload.view.Structure(Tag::kCryptographicParameters).value();
  EXPECT_TRUE(parameters.value().empty());
}

TEST(OperationsTest, OnlyWhatChangesAKeyIsNotRepeated) {
  const Fields fields;
  for (const Request& request :
       {DiscoverVersionsRequest({}), QueryRequest(), fields.Encrypt("1"), fields.Decrypt(),
        GetRequest("1"), GetAttributesRequest("1"), LocateRequest("n")}) {
    EXPECT_TRUE(request.is_idempotent) << NameOf(request.operation);
  }
  for (const Request& request :
       {CreateRequest(256, "n"), ActivateRequest("1"), RevokeRequest("1"), DestroyRequest("1")}) {
    EXPECT_FALSE(request.is_idempotent) << NameOf(request.operation);
  }
}

// A successful answer with that payload.
Answer Of(const std::function<void(TtlvWriter& payload)>& write) {
  TtlvWriter writer;
  writer.Begin(Tag::kResponsePayload);
  write(writer);
  writer.End();
  Secret bytes = std::move(writer).Take();
  const TtlvView view = TtlvView::Parse(bytes.Reveal()).value();
  return {std::move(bytes), view};
}

// A key as Get gives it, of which a test changes a part.
struct GivenKey {
  ObjectType object_type = ObjectType::kSymmetricKey;
  KeyFormatType format = KeyFormatType::kRaw;
  Bytes material = Bytes(32);
  std::optional<CryptographicAlgorithm> algorithm = CryptographicAlgorithm::kAes;
  std::optional<std::int32_t> bits = 256;
  bool is_wrapped = false;

  Answer Write() const {
    return Of([this](TtlvWriter& out) {
      out.Enum(Tag::kObjectType, object_type)
          .Text(Tag::kUniqueIdentifier, "1")
          .Begin(Tag::kSymmetricKey)
          .Begin(Tag::kKeyBlock)
          .Enum(Tag::kKeyFormatType, format)
          .Begin(Tag::kKeyValue)
          .Bytes(Tag::kKeyMaterial, material)
          .End();
      if (algorithm.has_value()) {
        out.Enum(Tag::kCryptographicAlgorithm, *algorithm);
      }
      if (bits.has_value()) {
        out.Integer(Tag::kCryptographicLength, *bits);
      }
      if (is_wrapped) {
        out.Begin(Tag::kKeyWrappingData).End();
      }
      out.End().End();
    });
  }
};

TEST(OperationsTest, KeyMaterialOfEachSizeIsTaken) {
  for (const std::size_t bytes : {16U, 24U, 32U}) {
    const GivenKey key = {.material = Bytes(bytes, std::byte{7}),
                          .bits = static_cast<std::int32_t>(bytes) * 8};
    EXPECT_EQ(BytesOf(ReadKeyMaterial(key.Write()).value()), key.material);
  }
  // Neither is said by every server.
  EXPECT_THAT(ReadKeyMaterial(GivenKey{.algorithm = {}, .bits = {}}.Write()), IsOk());
}

TEST(OperationsTest, AKeyThatIsNotForUsIsRefused) {
  const auto read = [](const GivenKey& key) { return ReadKeyMaterial(key.Write()); };
  EXPECT_THAT(read({.object_type = ObjectType::kSecretData}),
              StatusIs(Code::kFailedPrecondition, HasSubstr("Object Type 0x07")));
  EXPECT_THAT(read({.format = KeyFormatType::kTransparentSymmetricKey}),
              StatusIs(Code::kFailedPrecondition, HasSubstr("Key Format Type 0x07")));
  EXPECT_THAT(read({.is_wrapped = true}),
              StatusIs(Code::kFailedPrecondition, HasSubstr("wrapped")));
  EXPECT_THAT(
      read({.material = Bytes(24), .algorithm = CryptographicAlgorithm::kTripleDes, .bits = 192}),
      StatusIs(Code::kFailedPrecondition, HasSubstr("not for AES")));
  EXPECT_THAT(read({.material = Bytes(20), .bits = 160}),
              StatusIs(Code::kFailedPrecondition, HasSubstr("20 bytes")));
  EXPECT_THAT(read({.material = {}, .bits = {}}), StatusIs(Code::kFailedPrecondition));
}

TEST(OperationsTest, AKeyThatContradictsItselfIsDamaged) {
  const auto read = [](const GivenKey& key) { return ReadKeyMaterial(key.Write()); };
  EXPECT_THAT(read({.material = Bytes(16)}),
              StatusIs(Code::kDataLoss, HasSubstr("16 bytes, Cryptographic Length is 256")));
  EXPECT_THAT(read({.bits = -256}), StatusIs(Code::kDataLoss));
  EXPECT_THAT(read({.bits = 0}), StatusIs(Code::kDataLoss));
}

TEST(OperationsTest, FieldsThatLackAreNamed) {
  const Answer empty = Of([](TtlvWriter&) {});
  EXPECT_THAT(ReadEncrypted(empty), StatusIs(Code::kDataLoss, "Response Payload: Data is missing"));
  EXPECT_THAT(ReadDecrypted(empty), StatusIs(Code::kDataLoss, "Response Payload: Data is missing"));
  EXPECT_THAT(ReadKeyMaterial(empty),
              StatusIs(Code::kDataLoss, "Response Payload: Object Type is missing"));
  EXPECT_THAT(ReadKeyId(empty),
              StatusIs(Code::kDataLoss, "Response Payload: Unique Identifier is missing"));
  // Where nothing is an answer.
  EXPECT_THAT(ReadVersions(empty).value(), IsEmpty());
  EXPECT_THAT(ReadLocated(empty).value(), IsEmpty());
  EXPECT_THAT(ReadServerInformation(empty).value().operations, IsEmpty());
  EXPECT_FALSE(ReadAttributes(empty).value().state.has_value());
}

TEST(OperationsTest, FieldsOfTheWrongTypeAreNamed) {
  const auto text = [](Tag tag) {
    return Of([tag](TtlvWriter& out) { out.Begin(Tag::kName).End().Text(tag, "1"); });
  };
  const auto number = [](Tag tag) {
    return Of([tag](TtlvWriter& out) { out.Bytes(Tag::kData, {}).Integer(tag, 1); });
  };
  EXPECT_THAT(ReadEncrypted(text(Tag::kData)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(ReadEncrypted(number(Tag::kAeTag)), StatusIs(Code::kDataLoss, HasSubstr("Tag")));
  EXPECT_THAT(ReadEncrypted(number(Tag::kIvCounterNonce)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(ReadDecrypted(text(Tag::kData)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(ReadVersions(number(Tag::kProtocolVersion)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(ReadServerInformation(number(Tag::kOperation)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(ReadServerInformation(number(Tag::kVendorIdentification)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(ReadLocated(number(Tag::kUniqueIdentifier)), StatusIs(Code::kDataLoss));
  EXPECT_THAT(ReadKeyId(number(Tag::kUniqueIdentifier)), StatusIs(Code::kDataLoss));
}

TEST(OperationsTest, AttributesOfTheWrongTypeAreNamed) {
  for (const Tag tag : {Tag::kObjectType, Tag::kCryptographicAlgorithm, Tag::kCryptographicLength,
                        Tag::kCryptographicUsageMask, Tag::kState, Tag::kName}) {
    const Answer flat =
        Of([tag](TtlvWriter& out) { out.Begin(Tag::kAttributes).Boolean(tag, true).End(); });
    EXPECT_THAT(ReadAttributes(flat), StatusIs(Code::kDataLoss, HasSubstr(NameOf(tag))));
    const Answer named = Of([tag](TtlvWriter& out) {
      out.Begin(Tag::kAttribute)
          .Text(Tag::kAttributeName, NameOf(tag))
          .Boolean(Tag::kAttributeValue, true)
          .End();
    });
    EXPECT_THAT(ReadAttributes(named), StatusIs(Code::kDataLoss, HasSubstr(NameOf(tag))));
  }
}

TEST(OperationsTest, AttributesWithoutNameOrValueAreDamaged) {
  EXPECT_THAT(ReadAttributes(Of([](TtlvWriter& out) {
                out.Begin(Tag::kAttribute).Integer(Tag::kAttributeValue, 1).End();
              })),
              StatusIs(Code::kDataLoss));
  EXPECT_THAT(ReadAttributes(Of([](TtlvWriter& out) {
                out.Begin(Tag::kAttribute).Text(Tag::kAttributeName, "State").End();
              })),
              StatusIs(Code::kDataLoss));
}

TEST(OperationsTest, AttributesThatNobodyAskedForAreSkipped) {
  const Answer answer = Of([](TtlvWriter& out) {
    out.Begin(Tag::kAttribute)
        .Text(Tag::kAttributeName, "x-Vendor")
        .Boolean(Tag::kAttributeValue, true)
        .End()
        .Begin(Tag::kAttribute)
        .Text(Tag::kAttributeName, "State")
        .Integer(Tag::kAttributeIndex, 0)
        .Enum(Tag::kAttributeValue, State::kDeactivated)
        .End()
        .Begin(Tag::kAttributes)
        .DateTime(Tag::kActivationDate, 7)
        .End();
  });
  EXPECT_EQ(ReadAttributes(answer).value().state, State::kDeactivated);
}

TEST(OperationsTest, TheFirstOfSeveralNamesIsTaken) {
  const Answer answer = Of([](TtlvWriter& out) {
    out.Begin(Tag::kAttributes)
        .Begin(Tag::kName)
        .Text(Tag::kNameValue, "first")
        .End()
        .Begin(Tag::kName)
        .Text(Tag::kNameValue, "second")
        .End()
        .End();
  });
  EXPECT_EQ(ReadAttributes(answer).value().name, "first");
}

TEST(OperationsTest, TheVendorIsShortAndPrintable) {
  const Answer answer = Of([](TtlvWriter& out) {
    out.Text(Tag::kVendorIdentification, "\x1b[31m" + std::string(200, 'v'));
  });
  EXPECT_EQ(ReadServerInformation(answer).value().vendor, "[31m" + std::string(95, 'v'));
}

}  // namespace
}  // namespace rbdcrypt::kmip
