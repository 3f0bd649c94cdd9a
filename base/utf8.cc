// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/utf8.h"

#include <algorithm>

#include "base/strings.h"

namespace rbdcrypt {
namespace {

bool IsControl(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  // UTF-8 writes C1, U+0080 to U+009F, as C2 80 to C2 9F.
  return first < 0x20 || first == 0x7f ||
         (first == 0xc2 && static_cast<unsigned char>(character[1]) <= 0x9f);
}

}  // namespace

std::size_t Utf8Length(std::string_view text) {
  const auto at = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&at](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
  const unsigned first = at(0);
  const unsigned second = at(1);
  if (first < 0x80) {
    return text.empty() ? 0 : 1;
  }
  if (first >= 0xc2 && first < 0xe0) {
    return follows(1) ? 2 : 0;
  }
  if (first >= 0xe0 && first < 0xf0) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    const bool overlong = first == 0xf0 && second < 0x90;
    const bool beyond = first == 0xf4 && second >= 0x90;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

std::string Printable(std::string_view text, std::size_t max_characters) {
  std::string out;
  for (std::size_t count = 0; count < max_characters && !text.empty(); ++count) {
    const std::size_t length = Utf8Length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    out += length == 0 || IsControl(character) ? " " : character;
    text.remove_prefix(character.size());
  }
  return std::string(Trim(out));
}

}  // namespace rbdcrypt
