// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kms_check.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace rbdcrypt::cmd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

kms::CheckReport Failed() {
  return {.kms_id = "vault",
          .provider = "vaulttokens",
          .tenant = "shop",
          .steps = {{.name = "read the entry", .took = std::chrono::microseconds(1500)},
                    {.name = "log in", .status = PermissionDenied("put a new token there")}}};
}

TEST(KmsCheckTest, PrintsEachStepWithItsTimeAndWhatToDo) {
  std::ostringstream out;
  PrintReport(Failed(), out);
  EXPECT_THAT(
      out.str(),
      AllOf(HasSubstr("KMS \"vault\", provider vaulttokens, tenant shop"),
            HasSubstr("ok      read the entry"), HasSubstr("1.5 ms"), HasSubstr("FAILED  log in"),
            HasSubstr("PERMISSION_DENIED: put a new token there"), Not(HasSubstr("left out"))));
}

TEST(KmsCheckTest, SaysWhatItLeftOut) {
  std::ostringstream out;
  PrintReport({.kms_id = "a", .left_out = "the rest needs a tenant"}, out);
  EXPECT_THAT(out.str(), HasSubstr("left out: the rest needs a tenant"));
}

TEST(KmsCheckTest, JsonHasTheSame) {
  const Json report = ReportJson(Failed());
  EXPECT_EQ(report["kmsId"], "vault");
  EXPECT_EQ(report["ok"], false);
  ASSERT_EQ(report["steps"].size(), 2U);
  EXPECT_EQ(report["steps"][0]["ok"], true);
  EXPECT_EQ(report["steps"][0]["milliseconds"], 1.5);
  EXPECT_EQ(report["steps"][1]["code"], "PERMISSION_DENIED");
  EXPECT_EQ(report["steps"][1]["message"], "put a new token there");
}

}  // namespace
}  // namespace rbdcrypt::cmd
