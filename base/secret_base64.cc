// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/secret_base64.h"

#include <algorithm>

#include <openssl/evp.h>

#include "base/strings.h"

namespace rbdcrypt {
namespace {

unsigned char* Raw(Secret& secret) {
  return reinterpret_cast<unsigned char*>(secret.MutableBytes().data());
}

}  // namespace

Secret SecretToBase64(const Secret& bytes) {
  // EVP_EncodeBlock ends its output with a zero byte.
  Secret text((bytes.size() + 2) / 3 * 4 + 1);
  EVP_EncodeBlock(Raw(text), reinterpret_cast<const unsigned char*>(bytes.Reveal().data()),
                  static_cast<int>(bytes.size()));
  text.Shrink(text.size() - 1);
  return text;
}

Result<Secret> SecretFromBase64(std::string_view text) {
  const std::string_view encoded = Trim(text);
  if (encoded.empty()) {
    return Secret();
  }
  Secret bytes(encoded.size() / 4 * 3 + 1);
  const int length =
      EVP_DecodeBlock(Raw(bytes), reinterpret_cast<const unsigned char*>(encoded.data()),
                      static_cast<int>(encoded.size()));
  if (length <= 0 || encoded.size() % 4 != 0) {
    return InvalidArgument("not base64");
  }
  // The decoder counts the padding as bytes.
  const auto padding = std::min<std::size_t>(2, encoded.size() - 1 - encoded.find_last_not_of('='));
  bytes.Shrink(static_cast<std::size_t>(length) - padding);
  return bytes;
}

}  // namespace rbdcrypt
