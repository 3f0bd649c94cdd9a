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

// What Cat can join; call Cat.
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

// Joins text, characters and numbers: Cat("keyslot ", 1, ':'). Numbers are written as
// std::to_string does, decimal and in full, a bool as 0 or 1. Never for secrets: what it makes is
// an ordinary string that nobody wipes.
//
// Exists because Debian's absl strings refuse std::string_view and g++ 12 has no <format>.
template <typename... Pieces>
std::string Cat(const Pieces&... pieces) {
  std::string out;
  (strings_internal::Append(out, pieces), ...);
  return out;
}

// Splits at every `separator` into copies; "a,,b" gives three fields, "" gives one empty field, so
// the result is never empty. Nothing is trimmed.
std::vector<std::string> Split(std::string_view text, char separator);

// Joins with `separator` between the fields; none give "". Undoes Split where no field has one.
std::string Join(const std::vector<std::string>& fields, std::string_view separator);

// Without leading and trailing ASCII white space; a view into `text`, valid as long as that.
std::string_view Trim(std::string_view text);

// A whole decimal number without sign, leading zeros allowed; nothing if anything else is in
// `text`, white space included, or it overflows 64 bits.
std::optional<std::uint64_t> ParseUint64(std::string_view text);

}  // namespace rbdcrypt
