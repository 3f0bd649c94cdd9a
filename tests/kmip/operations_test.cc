// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/operations.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "kmip/reasons.h"
#include "tests/fakes/fake_kmip.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using testing::FakeKmip;

// Asks a server that stands behind no connection.
Result<Answer> Ask(FakeKmip& server, const Request& request, Version version) {
  ASSIGN_OR_RETURN(const ItemId id, NewItemId());
  const Secret message = EncodeRequest(request, version, id);
  const std::vector<std::byte> answer = server.Answer(message.Reveal());
  return DecodeAnswer(Secret(answer), request, version, id);
}

TEST(OperationsTest, LifeOfAKeyInEveryVersion) {
  for (const Version& version : KnownVersions()) {
    SCOPED_TRACE(version.Text());
    FakeKmip server;
    const auto created = Ask(server, CreateRequest(256, "kek"), version);
    ASSERT_TRUE(created.ok()) << created.status();
    const auto id = ReadKeyId(*created);
    ASSERT_TRUE(id.ok());
    const auto located = Ask(server, LocateRequest("kek"), version);
    ASSERT_TRUE(located.ok()) << located.status();
    EXPECT_EQ(*ReadLocated(*located), std::vector<std::string>{*id});
    ASSERT_TRUE(Ask(server, ActivateRequest(*id), version).ok());
    const auto told = Ask(server, GetAttributesRequest(*id), version);
    ASSERT_TRUE(told.ok()) << told.status();
    const auto key = ReadAttributes(*told);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->object_type, ObjectType::kSymmetricKey);
    EXPECT_EQ(key->algorithm, CryptographicAlgorithm::kAes);
    EXPECT_EQ(key->length_bits, 256);
    EXPECT_EQ(key->usage_mask, 0x0CU);
    EXPECT_EQ(key->state, State::kActive);
    EXPECT_EQ(key->name, "kek");
    const auto got = Ask(server, GetRequest(*id), version);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(ReadKeyMaterial(*got)->size(), 32U);
    ASSERT_TRUE(Ask(server, RevokeRequest(*id), version).ok());
    ASSERT_TRUE(Ask(server, DestroyRequest(*id), version).ok());
  }
}

}  // namespace
}  // namespace rbdcrypt::kmip
