// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/uuid.h"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt {
namespace {

using ::testing::HasSubstr;

TEST(UuidTest, IsUuidWantsTheCanonicalForm) {
  EXPECT_TRUE(IsUuid("b0285c97-a0ce-11eb-8c66-0242ac110002"));
  EXPECT_TRUE(IsUuid("B0285C97-A0CE-11EB-8C66-0242AC110002"));
  EXPECT_FALSE(IsUuid(""));
  EXPECT_FALSE(IsUuid("b0285c97a0ce11eb8c660242ac110002"));
  EXPECT_FALSE(IsUuid("b0285c97-a0ce-11eb-8c66-0242ac11000g"));
  EXPECT_FALSE(IsUuid("b0285c97-a0ce-11eb-8c66-0242ac1100020"));
  EXPECT_FALSE(IsUuid("------------------------------------"));
}

TEST(UuidTest, NewUuidsAreVersionFourAndDifferent) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = NewUuid();
    EXPECT_TRUE(IsUuid(uuid)) << uuid;
    EXPECT_EQ(uuid[14], '4');
    EXPECT_THAT(std::string("89ab"), HasSubstr(uuid.substr(19, 1)));
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

}  // namespace
}  // namespace rbdcrypt
