// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/encoding.h"

#include "base/strings.h"

namespace rbdcrypt {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  const char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Up to three bytes, left-aligned, as 24 bits.
std::uint32_t Group(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t bits = 0;
  for (std::size_t i = at; i < at + 3; ++i) {
    bits = bits << 8 | (i < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i]) : 0U);
  }
  return bits;
}

// Neither a branch nor a table that depends on the value: x >> 8 of a negative x is all ones.
char Base64UrlDigit(int value) {
  int digit = 'A' + value;
  digit += ((25 - value) >> 8) & ('a' - 26 - 'A');
  digit += ((51 - value) >> 8) & ('0' - 52 - ('a' - 26));
  digit += ((61 - value) >> 8) & ('-' - 62 - ('0' - 52));
  digit += ((62 - value) >> 8) & ('_' - 63 - ('-' - 62));
  return static_cast<char>(digit);
}

// Appends the three bytes of four digits; false if one is none.
bool AppendGroup(std::string_view digits, std::vector<std::byte>& out) {
  std::uint32_t bits = 0;
  for (const char digit : digits) {
    const std::size_t value = kBase64Digits.find(digit);
    if (value == std::string_view::npos) {
      return false;
    }
    bits = bits << 6 | static_cast<std::uint32_t>(value);
  }
  for (const int shift : {16, 8, 0}) {
    out.push_back(static_cast<std::byte>(bits >> shift & 0xff));
  }
  return true;
}

}  // namespace

std::string HexEncode(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    const auto value = std::to_integer<std::size_t>(byte);
    text.push_back(kHexDigits[value >> 4]);
    text.push_back(kHexDigits[value & 0xf]);
  }
  return text;
}

Result<std::vector<std::byte>> HexDecode(std::string_view text) {
  if (text.size() % 2 != 0) {
    return InvalidArgument(Cat("an odd number of hexadecimal digits: ", text.size()));
  }
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = HexValue(text[i]);
    const int low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) {
      return InvalidArgument(Cat("no hexadecimal digit at offset ", high < 0 ? i : i + 1));
    }
    bytes.push_back(static_cast<std::byte>(high << 4 | low));
  }
  return bytes;
}

std::string HexUint(std::uint64_t value, int digits) {
  RBDCRYPT_CHECK(digits >= 1 && digits <= 16);
  std::string text(static_cast<std::size_t>(digits), '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit) {
    *digit = kHexDigits[value & 0xf];
    value >>= 4;
  }
  RBDCRYPT_CHECK(value == 0);
  return text;
}

std::optional<std::uint64_t> ParseHexUint(std::string_view text) {
  if (text.empty() || text.size() > 16) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char digit : text) {
    const int bits = HexValue(digit);
    if (bits < 0) {
      return std::nullopt;
    }
    value = value << 4 | static_cast<std::uint64_t>(bits);
  }
  return value;
}

std::string Base64Encode(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::uint32_t bits = Group(bytes, at);
    for (const int shift : {18, 12, 6, 0}) {
      text.push_back(kBase64Digits[bits >> shift & 0x3f]);
    }
  }
  const std::size_t padding = (3 - bytes.size() % 3) % 3;
  return text.replace(text.size() - padding, padding, padding, '=');
}

Result<std::vector<std::byte>> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0) {
    return InvalidArgument(Cat("base64 text of ", text.size(), " characters, no multiple of 4"));
  }
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') {
    ++padding;
  }
  std::string digits(text);
  digits.replace(digits.size() - padding, padding, padding, 'A');
  std::vector<std::byte> bytes;
  bytes.reserve(digits.size() / 4 * 3);
  for (std::size_t at = 0; at < digits.size(); at += 4) {
    if (!AppendGroup(std::string_view(digits).substr(at, 4), bytes)) {
      return InvalidArgument(Cat("no base64 digit within offsets ", at, " to ", at + 3));
    }
  }
  for (std::size_t i = 0; i < padding; ++i) {
    // Bits no byte carries: two texts would stand for one value.
    if (bytes.back() != std::byte{0}) {
      return InvalidArgument("base64 text with stray bits before its padding");
    }
    bytes.pop_back();
  }
  return bytes;
}

Secret Base64UrlEncode(const Secret& bytes) {
  const auto in = bytes.Reveal();
  Secret text((in.size() + 2) / 3 * 4);
  auto out = text.MutableBytes();
  for (std::size_t at = 0, to = 0; at < in.size(); at += 3, to += 4) {
    const std::uint32_t bits = Group(in, at);
    for (std::size_t i = 0; i < 4; ++i) {
      const int value = static_cast<int>(bits >> (18 - 6 * i) & 0x3f);
      out[to + i] = static_cast<std::byte>(Base64UrlDigit(value));
    }
  }
  const std::size_t padding = (3 - in.size() % 3) % 3;
  for (std::size_t i = 0; i < padding; ++i) {
    out[out.size() - 1 - i] = std::byte{'='};
  }
  return text;
}

}  // namespace rbdcrypt
