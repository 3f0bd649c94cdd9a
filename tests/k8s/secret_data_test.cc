// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/secret_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::StatusIs;

TEST(SecretDataTest, ValuesAreDecoded) {
  ASSERT_OK_AND_ASSIGN(const SecretObject secret, ParseSecretObject(R"({
    "kind": "Secret", "apiVersion": "v1",
    "metadata": {"name": "key", "namespace": "shop", "uid": "u", "resourceVersion": "5",
                 "annotations": {"last": "{\"data\":{}}"}},
    "type": "Opaque",
    "data": {"a": "c2VjcmV0", "b": "AP8=", "c": "", "esc\u0061ped": "c2Vjcm\u0056\u0030"}})"));
  EXPECT_EQ(secret.meta.name, "key");
  EXPECT_EQ(secret.meta.ns, "shop");
  EXPECT_EQ(secret.meta.uid, "u");
  EXPECT_EQ(secret.meta.resource_version, "5");
  EXPECT_TRUE(secret.meta.annotations.empty());
  EXPECT_EQ(secret.type, "Opaque");
  EXPECT_EQ(secret.data.at("a").RevealText(), "secret");
  EXPECT_EQ(secret.data.at("b").RevealText(), std::string_view("\0\xFF", 2));
  EXPECT_EQ(secret.data.at("c").size(), 0U);
  EXPECT_EQ(secret.data.at("escaped").RevealText(), "secret");
}

TEST(SecretDataTest, ASecretMayBeEmpty) {
  ASSERT_OK_AND_ASSIGN(const SecretObject none, ParseSecretObject(R"({"kind":"Secret"})"));
  EXPECT_TRUE(none.data.empty());
  ASSERT_OK_AND_ASSIGN(const SecretObject null,
                       ParseSecretObject(R"({"kind":"Secret","data":null})"));
  EXPECT_TRUE(null.data.empty());
}

TEST(SecretDataTest, AnythingElseIsNoSecretAndIsNotRepeated) {
  for (const char* answer :
       {"", "s3cr3t", R"({"kind":"ConfigMap","data":{"a":"s3cr3t"}})",
        R"({"kind":"Secret","data":{"a":7}})", R"({"kind":"Secret","data":["s3cr3t"]})",
        R"({"kind":"Secret","data":{"a":"s3cr3t!"}})"}) {
    EXPECT_THAT(ParseSecretObject(answer),
                StatusIs(Code::kInternal, AllOf(HasSubstr("no Secret"), Not(HasSubstr("s3cr3t")))))
        << answer;
  }
}

TEST(SecretDataTest, ABadValueIsNamedByItsKey) {
  EXPECT_THAT(ParseSecretObject(R"({"kind":"Secret","data":{"token":"?"}})"),
              StatusIs(Code::kInternal, HasSubstr("\"token\"")));
}

}  // namespace
}  // namespace rbdcrypt::k8s
