// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/mounts.h"

#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::HasSubstr;
using vault::KvMount;

vault::Answer Of(std::string_view body) {
  return vault::Answer::From(FakeHttpClient::Answer(200, body));
}

TEST(MountsTest, UiMountTellsVersionAndWhatIsBelowIt) {
  ASSERT_OK_AND_ASSIGN(
      const KvMount mount,
      vault::ParseUiMount(
          Of(R"({"data":{"path":"secret/","type":"kv","options":{"version":"2"}}})"),
          "secret/team"));
  EXPECT_EQ(mount.version, 2);
  EXPECT_EQ(mount.path, "secret");
  EXPECT_EQ(mount.prefix, "team");
}

TEST(MountsTest, OptionsMayBeNullAndMeanVersionOne) {
  ASSERT_OK_AND_ASSIGN(
      const KvMount mount,
      vault::ParseUiMount(Of(R"({"data":{"path":"kv1/","type":"kv","options":null}})"), "kv1"));
  EXPECT_EQ(mount.version, 1);
}

TEST(MountsTest, AnotherEngineOrAnotherMountIsNone) {
  EXPECT_THAT(vault::ParseUiMount(Of(R"({"data":{"path":"pki/","type":"pki"}})"), "pki"),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultBackendPath")));
  EXPECT_THAT(vault::ParseUiMount(Of(R"({"data":{"path":"sec/","type":"kv"}})"), "secret"),
              StatusIs(Code::kUnavailable));
  EXPECT_THAT(vault::ParseUiMount(Of("{}"), "secret"), StatusIs(Code::kUnavailable));
}

TEST(MountsTest, ListedMountsMustBeExact) {
  const auto listed = [](const char* path) {
    return vault::ParseMounts(Of(R"({"data":{"secret/":{"type":"kv","options":{"version":"2"}},)"
                                 R"("old/":{"type":"generic","options":null}}})"),
                              path);
  };
  EXPECT_EQ(listed("secret")->version, 2);
  EXPECT_EQ(listed("old")->version, 1);
  EXPECT_THAT(listed("secret/team"), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace rbdcrypt::testing
