// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

namespace rbdcrypt {

// The place a status was made, for the log line of whoever reports it.
//
// Taken by a default argument, so a call site costs its author nothing. Built on the compiler's
// builtins because clang-tidy 14 cannot parse std::source_location.
struct SourceLocation {
  const char* file = "";
  int line = 0;

  static constexpr SourceLocation Current(const char* file = __builtin_FILE(),
                                          int line = __builtin_LINE()) {
    return SourceLocation{.file = file, .line = line};
  }
};

}  // namespace rbdcrypt
