// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <type_traits>

#include <gmock/gmock.h>

#include "base/status.h"

namespace rbdcrypt::testing {

inline const Status& StatusOf(const Status& status) {
  return status;
}

template <typename T>
const Status& StatusOf(const Result<T>& result) {
  return result.status();
}

// EXPECT_THAT(status_or_result, IsOk()); says the whole status where it is an error.
MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

// EXPECT_THAT(result, IsOkAndHolds(7)) or any matcher for the value.
MATCHER_P(IsOkAndHolds,
          inner,
          "is OK and holds a value that " +
              ::testing::DescribeMatcher<const typename std::decay_t<arg_type>::value_type&>(
                  inner, negation)) {
  if (!arg.ok()) {
    *result_listener << "whose status is " << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(inner, *arg, result_listener);
}

// EXPECT_THAT(status_or_result, StatusIs(Code::kAborted)).
MATCHER_P(StatusIs, code, (negation ? "is not " : "is ") + CodeName(code)) {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

// EXPECT_THAT(status_or_result, StatusIs(Code::kAborted, HasSubstr("volume"))).
MATCHER_P2(StatusIs,
           code,
           message,
           (negation ? "is not " : "is ") + CodeName(code) + " with a text that " +
               ::testing::DescribeMatcher<std::string>(message, negation)) {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(message, Message(StatusOf(arg)), result_listener);
}

// Declares or assigns `left` from a Result's value; an error ends the test.
#define ASSERT_OK_AND_ASSIGN(left, expression) \
  ASSERT_OK_AND_ASSIGN_INNER(RBDCRYPT_CONCAT(asserted_, __LINE__), left, expression)
#define ASSERT_OK_AND_ASSIGN_INNER(result, left, expression) \
  auto result = (expression);                                \
  ASSERT_THAT(result, ::rbdcrypt::testing::IsOk());          \
  left = *std::move(result)

}  // namespace rbdcrypt::testing
