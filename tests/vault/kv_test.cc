// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/kv.h"

#include <fstream>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "net/http_client.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::HasSubstr;
using vault::Answer;
using vault::KvRead;

Answer Of(int status, std::string_view body) {
  return Answer::From(FakeHttpClient::Answer(status, body));
}

Json Recorded() {
  std::ifstream file(RBDCRYPT_VECTORS "/vault/recorded.json");
  return Json::parse(file);
}

TEST(KvTest, BodiesAreCephCsis) {
  EXPECT_EQ(vault::Kv1Body(Secret("dek"), {}).RevealText(), R"({"data":{"passphrase":"dek"}})");
  EXPECT_EQ(vault::Kv2Body(Secret("dek"), 3).RevealText(),
            R"({"data":{"data":{"passphrase":"dek"}},"options":{"cas":3}})");
}

TEST(KvTest, MarksStandBesideWhatCephCsiReads) {
  EXPECT_EQ(vault::Kv1Body(Secret("dek"), {.revision = "r", .previous = "a"}).RevealText(),
            R"({"data":{"passphrase":"dek"},"rbdcrypt-revision":"r","rbdcrypt-previous":"a"})");
}

TEST(KvTest, ReadsWhatCephCsiStored) {
  const Json recorded = Recorded();
  int read_count = 0;
  for (const char* phase : {"prepared", "rotated"}) {
    for (const auto& [path, data] : recorded[phase].items()) {
      const Answer answer = Of(200, Json{{"data", data}}.dump());
      const bool is_v1 = path.starts_with("kv1/");
      ASSERT_OK_AND_ASSIGN(const KvRead read,
                           is_v1 ? vault::ParseKv1Read(answer) : vault::ParseKv2Read(answer));
      const Json& object = is_v1 ? data : data["data"];
      EXPECT_EQ(read.passphrase.RevealText(), object["data"]["passphrase"].get<std::string>());
      EXPECT_EQ(read.version, is_v1 ? 0U : data["metadata"]["version"].get<std::uint64_t>());
      EXPECT_EQ(read.deletion_time, "");
      ++read_count;
    }
  }
  EXPECT_EQ(read_count, 6);
}

TEST(KvTest, TheThreeKindsOfAbsenceAreToldApart) {
  ASSERT_OK_AND_ASSIGN(KvRead read, vault::ParseKv2Read(Of(404, R"({"errors":[]})")));
  EXPECT_EQ(read.state, KvRead::State::kNever);
  ASSERT_OK_AND_ASSIGN(
      read, vault::ParseKv2Read(
                Of(404, R"({"data":{"data":null,"metadata":{"version":4,)"
                        R"("deletion_time":"2026-01-01T00:00:00Z","destroyed":false}}})")));
  EXPECT_EQ(read.state, KvRead::State::kDeleted);
  EXPECT_EQ(read.version, 4U);
  EXPECT_EQ(read.deletion_time, "2026-01-01T00:00:00Z");
  EXPECT_THAT(vault::ParseKv1Read(
                  Of(404, R"({"data":null,"warnings":["Invalid path for a versioned K/V"]})")),
              StatusIs(Code::kFailedPrecondition, HasSubstr("vaultBackend")));
}

TEST(KvTest, SecretWithoutAPassphraseIsDamaged) {
  for (const char* body :
       {R"({"data":{"passphrase":"at the wrong level"}})", R"({"data":{"data":{}}})",
        R"({"data":{"data":{"passphrase":7}}})", R"({"data":{"data":{"passphrase":""}}})"}) {
    EXPECT_THAT(vault::ParseKv1Read(Of(200, body)), StatusIs(Code::kDataLoss)) << body;
  }
  EXPECT_THAT(vault::ParseKv2Read(Of(200, R"({"data":{"data":{"x":1},"metadata":{"version":1}}})")),
              StatusIs(Code::kDataLoss));
}

TEST(KvTest, AnswersOfTheOtherVersionAreConfigurationErrors) {
  EXPECT_THAT(vault::ParseKv2Read(Of(200, R"({"data":{"data":{"passphrase":"p"}}})")),
              StatusIs(Code::kFailedPrecondition, HasSubstr("vaultBackend")));
  EXPECT_THAT(vault::ParseKv2Write(Of(204, "")), StatusIs(Code::kFailedPrecondition));
  EXPECT_FALSE(net::MayHaveArrived(vault::ParseKv2Write(Of(204, "")).status()));
}

TEST(KvTest, WriteAnswersGiveVersionOrConflict) {
  ASSERT_OK_AND_ASSIGN(vault::KvWritten written,
                       vault::ParseKv2Write(Of(200, R"({"data":{"version":5}})")));
  EXPECT_EQ(written.version, 5U);
  EXPECT_FALSE(written.is_conflict);
  ASSERT_OK_AND_ASSIGN(written,
                       vault::ParseKv2Write(Of(400, R"({"errors":["check-and-set parameter"]})")));
  EXPECT_TRUE(written.is_conflict);
  EXPECT_THAT(vault::ParseKv2Write(Of(200, R"({"data":{}})")), StatusIs(Code::kUnavailable));
}

}  // namespace
}  // namespace rbdcrypt::testing
