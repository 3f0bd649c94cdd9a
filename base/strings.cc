// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/strings.h"

#include <charconv>

namespace rbdcrypt {

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> fields;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text.find(separator, begin);
    fields.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) {
      return fields;
    }
    begin = end + 1;
  }
}

std::string Join(const std::vector<std::string>& fields, std::string_view separator) {
  std::string joined;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    joined.append(i == 0 ? std::string_view() : separator).append(fields[i]);
  }
  return joined;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::optional<std::uint64_t> ParseUint64(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stopped != end) {
    return std::nullopt;
  }
  return value;
}

}  // namespace rbdcrypt
