// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/go_text.h"

#include <array>
#include <cstddef>
#include <limits>
#include <utility>

namespace rbdcrypt::rotation {
namespace {

// unicode.IsSpace in UTF-8: White_Space of the Unicode Character Database (PropList.txt).
constexpr std::array<std::string_view, 25> kSpaces = {" ",
                                                      "\t",
                                                      "\n",
                                                      "\v",
                                                      "\f",
                                                      "\r",
                                                      "\xC2\x85",
                                                      "\xC2\xA0",
                                                      "\xE1\x9A\x80",
                                                      "\xE2\x80\x80",
                                                      "\xE2\x80\x81",
                                                      "\xE2\x80\x82",
                                                      "\xE2\x80\x83",
                                                      "\xE2\x80\x84",
                                                      "\xE2\x80\x85",
                                                      "\xE2\x80\x86",
                                                      "\xE2\x80\x87",
                                                      "\xE2\x80\x88",
                                                      "\xE2\x80\x89",
                                                      "\xE2\x80\x8A",
                                                      "\xE2\x80\xA8",
                                                      "\xE2\x80\xA9",
                                                      "\xE2\x80\xAF",
                                                      "\xE2\x81\x9F",
                                                      "\xE3\x80\x80"};

// How many bytes of white space `text` begins with; of one character.
std::size_t SpaceAtFront(std::string_view text) {
  for (const std::string_view space : kSpaces) {
    if (text.starts_with(space)) {
      return space.size();
    }
  }
  return 0;
}

std::size_t SpaceAtBack(std::string_view text) {
  for (const std::string_view space : kSpaces) {
    if (text.ends_with(space)) {
      return space.size();
    }
  }
  return 0;
}

// A magnitude may be one more than the largest duration, for the sake of the smallest.
constexpr std::uint64_t kLargest = 1ULL << 63;

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};

constexpr std::array<Unit, 8> kUnits = {{{"ns", 1},
                                         {"us", 1'000},
                                         {"\xC2\xB5s", 1'000},
                                         {"\xCE\xBCs", 1'000},
                                         {"ms", 1'000'000},
                                         {"s", 1'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000}}};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes a sign off the front; true for a minus.
bool TakeSign(std::string_view& text) {
  if (text.empty() || (text.front() != '+' && text.front() != '-')) {
    return false;
  }
  const bool is_negative = text.front() == '-';
  text.remove_prefix(1);
  return is_negative;
}

// Takes leading characters for which `wanted` holds.
template <typename Predicate>
std::string_view Take(std::string_view& text, Predicate wanted) {
  std::size_t count = 0;
  while (count < text.size() && wanted(text[count])) {
    ++count;
  }
  const std::string_view taken = text.substr(0, count);
  text.remove_prefix(count);
  return taken;
}

// The value of decimal digits, at most `most`.
std::optional<std::uint64_t> Value(std::string_view digits, std::uint64_t most) {
  std::uint64_t value = 0;
  for (const char c : digits) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > most / 10 || value * 10 > most - digit) {
      return std::nullopt;
    }
    value = value * 10 + digit;
  }
  return value;
}

// What digits behind a point are worth in `unit`, in Go's own floating point and its order, so that
// the last nanosecond is the same. Digits beyond 63 bits do not count.
std::uint64_t Fraction(std::string_view digits, std::uint64_t unit) {
  std::uint64_t value = 0;
  double scale = 1;
  for (std::size_t count = 1; count <= digits.size(); ++count) {
    const auto longer = Value(digits.substr(0, count), kLargest - 1);
    if (!longer.has_value()) {
      break;
    }
    value = *longer;
    scale *= 10;
  }
  const double nanoseconds_each = static_cast<double>(unit) / scale;
  return static_cast<std::uint64_t>(static_cast<double>(value) * nanoseconds_each);
}

// Takes one number with its unit.
std::optional<std::uint64_t> TakeTerm(std::string_view& text) {
  const std::string_view whole = Take(text, IsDigit);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = Take(text, IsDigit);
  }
  const std::string_view name = Take(text, [](char c) { return c != '.' && !IsDigit(c); });
  for (const Unit& unit : kUnits) {
    if (unit.name == name && !(whole.empty() && fraction.empty())) {
      const auto value = Value(whole, kLargest / unit.nanoseconds);
      if (!value.has_value()) {
        return std::nullopt;
      }
      return *value * unit.nanoseconds + Fraction(fraction, unit.nanoseconds);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view TrimGoSpace(std::string_view text) {
  while (const std::size_t size = SpaceAtFront(text)) {
    text.remove_prefix(size);
  }
  while (const std::size_t size = SpaceAtBack(text)) {
    text.remove_suffix(size);
  }
  return text;
}

std::vector<std::string_view> GoFields(std::string_view text) {
  std::vector<std::string_view> fields;
  for (text = TrimGoSpace(text); !text.empty(); text = TrimGoSpace(text)) {
    std::size_t size = 0;
    while (size < text.size() && SpaceAtFront(text.substr(size)) == 0) {
      ++size;
    }
    fields.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return fields;
}

std::optional<std::int64_t> ParseGoInt(std::string_view text) {
  const bool is_negative = TakeSign(text);
  const std::string_view digits = Take(text, IsDigit);
  if (digits.empty() || !text.empty()) {
    return std::nullopt;
  }
  const auto value = Value(digits, is_negative ? kLargest : kLargest - 1);
  if (!value.has_value()) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(is_negative ? 0 - *value : *value);
}

std::optional<std::chrono::nanoseconds> ParseGoDuration(std::string_view text) {
  const bool is_negative = TakeSign(text);
  if (text == "0") {
    return std::chrono::nanoseconds::zero();
  }
  if (text.empty()) {
    return std::nullopt;
  }
  std::uint64_t sum = 0;
  while (!text.empty()) {
    const auto term = TakeTerm(text);
    if (!term.has_value() || *term > kLargest - sum) {
      return std::nullopt;
    }
    sum += *term;
  }
  if (!is_negative && sum == kLargest) {
    return std::nullopt;
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(is_negative ? 0 - sum : sum));
}

}  // namespace rbdcrypt::rotation
