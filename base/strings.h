// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace rbdcrypt {

namespace strings_internal {

inline void Append(std::string& out, std::string_view piece) {
  out.append(piece);
}

inline void Append(std::string& out, char piece) {
  out.push_back(piece);
}

template <typename Number>

requires(std::is_arithmetic_v<Number> &&
         !std::is_same_v<Number, char>) void Append(std::string& out, Number piece) {
  out.append(std::to_string(piece));
}

}  // namespace strings_internal

// Joins text, characters and numbers. Exists because Debian's absl strings refuse std::string_view
// and g++ 12 has no <format>.
template <typename... Pieces>
std::string Cat(const Pieces&... pieces) {
  std::string out;
  (strings_internal::Append(out, pieces), ...);
  return out;
}

// Splits at every `separator`; "a,,b" gives three fields, "" gives one empty field.
std::vector<std::string> Split(std::string_view text, char separator);

// Joins with `separator` between the fields.
std::string Join(const std::vector<std::string>& fields, std::string_view separator);

// Without leading and trailing ASCII white space.
std::string_view Trim(std::string_view text);

// A whole decimal number without sign; nothing if anything else is in `text` or it overflows.
std::optional<std::uint64_t> ParseUint64(std::string_view text);

}  // namespace rbdcrypt
