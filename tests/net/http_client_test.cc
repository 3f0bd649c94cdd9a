// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/http_client.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::net {
namespace {

using ::testing::Optional;

TEST(HttpAnswerTest, FindsTheFirstHeaderInWhateverCase) {
  HttpAnswer answer;
  answer.headers = {{.name = "Retry-After", .value = "1"},
                    {.name = "retry-after", .value = "2"},
                    {.name = "X-Empty", .value = ""}};
  EXPECT_THAT(answer.Find("RETRY-AFTER"), Optional(std::string("1")));
  EXPECT_THAT(answer.Find("x-empty"), Optional(std::string()));
  EXPECT_EQ(answer.Find("Retry"), std::nullopt);
  EXPECT_EQ(answer.Find("Retry-After2"), std::nullopt);
  EXPECT_EQ(answer.Find(""), std::nullopt);
}

TEST(MayHaveArrivedTest, IsTrueUnlessSaidOtherwise) {
  EXPECT_TRUE(MayHaveArrived(Unavailable("lost")));
  EXPECT_TRUE(MayHaveArrived(OkStatus()));
  EXPECT_FALSE(MayHaveArrived(NeverArrived(Unavailable("nobody listens"))));
}

TEST(MayHaveArrivedTest, SurvivesAnnotation) {
  const Status status = NeverArrived(Unavailable("nobody listens"));
  EXPECT_EQ(status.code(), Code::kUnavailable);
  const Status annotated = Annotate(Annotate(status, "log in"), "fetch a key");
  EXPECT_FALSE(MayHaveArrived(annotated));
  EXPECT_EQ(Message(annotated), "fetch a key: log in: nobody listens");
}

TEST(MayHaveArrivedTest, SuccessStaysSuccess) {
  EXPECT_TRUE(NeverArrived(OkStatus()).ok());
}

}  // namespace
}  // namespace rbdcrypt::net
