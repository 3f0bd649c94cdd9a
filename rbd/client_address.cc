// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/client_address.h"

#include <algorithm>

#include "base/strings.h"

namespace rbdcrypt::rbd {

std::vector<std::string> ParseClientAddresses(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    text = text.substr(1, text.size() - 2);
  }
  std::vector<std::string> addresses;
  for (const std::string& field : Split(text, ',')) {
    std::string_view address = Trim(field);
    for (const std::string_view type : {"v1:", "v2:", "any:"}) {
      if (address.starts_with(type)) {
        address.remove_prefix(type.size());
      }
    }
    if (!address.empty() && address != "-" && std::ranges::count(addresses, address) == 0) {
      addresses.emplace_back(address);
    }
  }
  return addresses;
}

std::string ParseClientAddress(std::string_view text) {
  std::vector<std::string> addresses = ParseClientAddresses(text);
  return addresses.empty() ? std::string() : std::move(addresses.front());
}

}  // namespace rbdcrypt::rbd
