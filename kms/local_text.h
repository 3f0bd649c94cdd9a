// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::kms {

// A DEK wrapped by the provider "local", as it stands in the image's metadata: one compact JSON
// object, fields in this order, "sum" last.
//
//   field    value
//   format   1
//   ring     16 bytes in hexadecimal: which ring (a restored or wrong file is told apart)
//   key      version of the KEK in that ring, from 1; what a rewrap and a prune look at
//   nonce    base64 of 12 bytes
//   dek      base64 of the AES-GCM ciphertext of the DEK's text, and its 16-byte tag
//   sum      first 8 bytes, in hexadecimal, of the SHA-256 of everything before ,"sum"
//
// The sum is against accidents: it lets a damaged text be told from one whose KEK is gone. Against
// forgery stands the tag, which covers LocalAssociatedText() too.
struct LocalText {
  std::string ring_id;
  std::uint32_t key_version = 0;
  std::vector<std::byte> nonce;
  std::vector<std::byte> ciphertext;
};

std::string FormatLocalText(const LocalText& text);

// kDataLoss: not such a text, or damaged anywhere. kUnimplemented: a format newer than this build.
Result<LocalText> ParseLocalText(std::string_view text);

// What the tag covers beside the DEK: format, ring, key version and volume ID, in this order, each
// of the first three followed by one zero byte (safety E2).
std::string LocalAssociatedText(const LocalText& text, std::string_view volume_id);

}  // namespace rbdcrypt::kms
