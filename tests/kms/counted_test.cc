// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/counted.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_kms.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using testing::FakeKms;
using testing::FakeWrappingKms;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

TEST(CountedTest, CountsWhatAStoreAnswers) {
  Metrics metrics;
  const auto kms = Counted(std::make_shared<FakeKms>(FakeKms::Options{.id = "vault-1"}), metrics);
  EXPECT_EQ(kms->id(), "vault-1");
  EXPECT_EQ(kms->wrapper(), nullptr);
  const Context context = Context::Background();
  EXPECT_THAT(kms->store()->Fetch(context, "v"), StatusIs(Code::kNotFound));
  EXPECT_THAT(kms->store()->Create(context, "v", Secret("dek")), IsOk());
  EXPECT_THAT(kms->store()->Fetch(context, "v"), IsOk());
  EXPECT_THAT(kms->store()->Fetch(context, "v"), IsOk());
  const std::string text = metrics.TextForTest();
  EXPECT_THAT(text, HasSubstr(R"(code="NOT_FOUND",operation="fetch")"));
  EXPECT_THAT(text, ::testing::ContainsRegex(
                        R"(kms_requests_total\{code="OK",operation="fetch",[^}]*\} 2)"));
  EXPECT_THAT(text, ::testing::ContainsRegex(
                        R"(kms_requests_total\{code="OK",operation="create",[^}]*\} 1)"));
}

TEST(CountedTest, CountsWhatAWrapperAnswers) {
  Metrics metrics;
  const auto kms = Counted(std::make_shared<FakeWrappingKms>("wrap"), metrics);
  EXPECT_EQ(kms->store(), nullptr);
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       kms->wrapper()->WrapDek(Context::Background(), "v", Secret("dek")));
  EXPECT_THAT(kms->wrapper()->UnwrapDek(Context::Background(), "v", text), IsOk());
  EXPECT_THAT(metrics.TextForTest(), ::testing::ContainsRegex(R"(operation="unwrap",[^}]*\} 1)"));
  EXPECT_THAT(metrics.TextForTest(), ::testing::ContainsRegex(R"(operation="wrap",[^}]*\} 1)"));
}

}  // namespace
}  // namespace rbdcrypt::kms
