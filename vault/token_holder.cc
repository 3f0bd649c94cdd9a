// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/token_holder.h"

#include <algorithm>

#include "base/strings.h"

namespace rbdcrypt::vault {

Status CheckToken(const Secret& token, std::string_view what) {
  const bool is_good = !token.empty() && std::ranges::all_of(token.RevealText(), [](char c) {
    return c > ' ' && c <= '~';
  });
  return is_good ? OkStatus()
                 : InvalidArgument(Cat(what, " holds no token: it is empty, or has white space or ",
                                       "other characters that no token has"));
}

}  // namespace rbdcrypt::vault
