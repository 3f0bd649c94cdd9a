// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/json_scanner.h"

#include <cstdint>
#include <optional>

#include "base/encoding.h"
#include "base/utf8.h"

namespace rbdcrypt {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsHighSurrogate(std::uint32_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}

bool IsLowSurrogate(std::uint32_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

// The value of the "\uXXXX" that `text` begins with.
std::optional<std::uint32_t> Unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') {
    return std::nullopt;
  }
  const auto value = ParseHexUint(text.substr(2, 4));
  return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
}

// Writes one code point as UTF-8 and returns the place behind it.
char* PutUtf8(std::uint32_t point, char* out) {
  const auto put = [&out](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
    return out;
  }
  if (point < 0x800) {
    put(0xc0 | point >> 6);
  } else {
    if (point < 0x10000) {
      put(0xe0 | point >> 12);
    } else {
      put(0xf0 | point >> 18);
      put(0x80 | (point >> 12 & 0x3f));
    }
    put(0x80 | (point >> 6 & 0x3f));
  }
  put(0x80 | (point & 0x3f));
  return out;
}

std::uint32_t HexUnit(std::string_view digits) {
  return static_cast<std::uint32_t>(ParseHexUint(digits).value_or(0));
}

char Unescaped(char letter) {
  constexpr std::string_view kLetters = "bfnrt";
  constexpr std::string_view kMeanings = "\b\f\n\r\t";
  const std::size_t at = kLetters.find(letter);
  return at == std::string_view::npos ? letter : kMeanings[at];
}

}  // namespace

void JsonScanner::SkipSpace() {
  while (!AtEnd() && std::string_view(" \t\n\r").find(Peek()) != std::string_view::npos) {
    ++position_;
  }
}

bool JsonScanner::SkipValue(int depth) {
  switch (Peek()) {
    case '{':
    case '[':
      return SkipItems(depth + 1, [](std::string_view, std::string_view) { return true; });
    case '"':
      return SkipString();
    case 't':
      return SkipWord("true");
    case 'f':
      return SkipWord("false");
    case 'n':
      return SkipWord("null");
    default:
      return SkipNumber();
  }
}

bool JsonScanner::SkipItems(int depth, const Visit& visit) {
  too_deep_ = depth > max_depth_;
  if (too_deep_) {
    return false;
  }
  const bool named = Peek() == '{';
  const char end = named ? '}' : ']';
  ++position_;
  SkipSpace();
  if (Skip(end)) {
    return true;
  }
  do {
    if (!SkipItem(named, depth, visit)) {
      return false;
    }
  } while (Skip(','));
  return Skip(end);
}

bool JsonScanner::Skip(char wanted) {
  if (AtEnd() || Peek() != wanted) {
    return false;
  }
  ++position_;
  return true;
}

bool JsonScanner::SkipItem(bool named, int depth, const Visit& visit) {
  std::string_view name;
  SkipSpace();
  if (named) {
    const std::size_t start = position_;
    if (!SkipString()) {
      return false;
    }
    name = Since(start);
    SkipSpace();
    if (!Skip(':')) {
      return false;
    }
    SkipSpace();
  }
  const std::size_t start = position_;
  if (!SkipValue(depth)) {
    return false;
  }
  const std::string_view value = Since(start);
  SkipSpace();
  return visit(name, value);
}

bool JsonScanner::SkipString() {
  if (!Skip('"')) {
    return false;
  }
  while (!AtEnd() && Peek() != '"') {
    if (!(Peek() == '\\' ? SkipEscape() : SkipCharacter())) {
      return false;
    }
  }
  return Skip('"');
}

bool JsonScanner::SkipCharacter() {
  const std::size_t length = Utf8Length(text_.substr(position_));
  if (length == 0 || static_cast<unsigned char>(Peek()) < 0x20) {
    return false;
  }
  position_ += length;
  return true;
}

bool JsonScanner::SkipEscape() {
  const std::string_view rest = text_.substr(position_);
  if (rest.size() < 2) {
    return false;
  }
  if (rest[1] != 'u') {
    const bool known = std::string_view("\"\\/bfnrt").find(rest[1]) != std::string_view::npos;
    position_ += known ? 2 : 0;
    return known;
  }
  const auto unit = Unit(rest);
  if (!unit || IsLowSurrogate(*unit)) {
    return false;
  }
  if (!IsHighSurrogate(*unit)) {
    position_ += 6;
    return true;
  }
  const auto second = Unit(rest.substr(6));
  const bool paired = second && IsLowSurrogate(*second);
  position_ += paired ? 12 : 0;
  return paired;
}

bool JsonScanner::SkipWord(std::string_view word) {
  for (const char c : word) {
    if (!Skip(c)) {
      return false;
    }
  }
  return true;
}

bool JsonScanner::SkipDigits() {
  const std::size_t start = position_;
  while (IsDigit(Peek())) {
    ++position_;
  }
  return position_ > start;
}

bool JsonScanner::SkipNumber() {
  Skip('-');
  if (!Skip('0') && !SkipDigits()) {
    return false;
  }
  if (Skip('.') && !SkipDigits()) {
    return false;
  }
  if (Skip('e') || Skip('E')) {
    if (!Skip('+')) {
      Skip('-');
    }
    return SkipDigits();
  }
  return true;
}

char* UnescapeJson(std::string_view quoted, char* out) {
  std::string_view rest = quoted.substr(1, quoted.size() - 2);
  while (!rest.empty()) {
    if (rest[0] != '\\') {
      *out++ = rest[0];
      rest.remove_prefix(1);
    } else if (rest[1] != 'u') {
      *out++ = Unescaped(rest[1]);
      rest.remove_prefix(2);
    } else {
      std::uint32_t point = HexUnit(rest.substr(2, 4));
      const bool paired = IsHighSurrogate(point);
      if (paired) {
        point = 0x10000 + ((point - 0xd800) << 10) + (HexUnit(rest.substr(8, 4)) - 0xdc00);
      }
      out = PutUtf8(point, out);
      rest.remove_prefix(paired ? 12 : 6);
    }
  }
  return out;
}

}  // namespace rbdcrypt
