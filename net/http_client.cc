// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/http_client.h"

#include <algorithm>
#include <utility>

namespace rbdcrypt::net {
namespace {

char ToLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool SameName(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return ToLower(a) == ToLower(b); });
}

}  // namespace

std::optional<std::string> HttpAnswer::Find(std::string_view name) const {
  for (const Header& header : headers) {
    if (SameName(header.name, name)) {
      return header.value;
    }
  }
  return std::nullopt;
}

}  // namespace rbdcrypt::net
