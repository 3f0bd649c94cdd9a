// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "kms/envelope.h"

namespace rbdcrypt::kmip {

// A wrapped DEK of provider "kmip", as it stands in the image's metadata. Why there are these and
// what each protects from: ADR 20.
//
// ceph-csi's (ceph-csi-compat 6.8, 6.10) is a kms::Envelope, {"dek":"<base64>","nonce":"<base64>"};
// how it was wrapped is told by the nonce alone:
//
//   nonce      "dek"
//   16 bytes   AES-CBC with PKCS#5 padding, by Encrypt of the server; the nonce is the IV
//   12 bytes   AES-GCM ciphertext and 16-byte tag, by a fetched KEK, without additional data
//
// Ours is one compact JSON object, no spaces, fields in this order:
//
//   {"dek":{"format":1,"key":"…","mode":"gcm","nonce":"…","data":"…","sum":"…"}}
//   {"dek":{"format":1,"key":"…","mode":"cbc","iv":"…","onetime":"…","nonce":"…",
//           "data":"…","sum":"…"}}
//
//   field     value
//   format    1
//   key       the KEK's Unique Identifier
//   mode      "gcm": the KEK sealed "data"; "cbc": a one-time key did, and the KEK wrapped that
//   iv        base64 of 16 bytes; "cbc" only, as the next one
//   onetime   base64 of 48 bytes: the 32-byte one-time key in AES-CBC with PKCS#5 padding
//   nonce     base64 of 12 bytes
//   data      base64 of the AES-GCM ciphertext of the DEK's text and its 16-byte tag
//   sum       first 8 bytes, in hexadecimal, of the SHA-256 of everything before ,"sum"
//
// The additional data of "data" is AeadAdditionalData(). The sum is against accidents: it lets a
// damaged text be told from one whose KEK is gone. That "dek" is an object is on purpose: ceph-csi
// wants a string there, fails at reading the text, and asks its server to decrypt nothing.

inline constexpr std::size_t kCbcIvBytes = 16;
inline constexpr std::size_t kAesBlockBytes = 16;
inline constexpr std::size_t kOneTimeKeyBytes = 32;

// A DEK is 28 to 44 characters of text, a passphrase that a person chose at most 512 (cryptsetup,
// DEFAULT_PASSPHRASE_SIZE_MAX).
inline constexpr std::size_t kMaxDekBytes = 512;

// Longer ones are refused unread.
inline constexpr std::size_t kMaxDekTextBytes = 4096;

struct AeadText {
  enum class Mode { kGcm, kCbc };

  // IsKeyId() (kmip/credentials.h).
  std::string key_id;
  Mode mode = Mode::kGcm;
  // Both empty in mode kGcm.
  std::vector<std::byte> iv = {};
  std::vector<std::byte> one_time_key = {};
  std::vector<std::byte> nonce = {};
  // Ciphertext and tag.
  std::vector<std::byte> data = {};
};

using DekText = std::variant<kms::Envelope, AeadText>;

// Of ceph-csi's texts also those with fields in another order, or further ones, as it reads them;
// of ours the one spelling that FormatAeadText() writes. Lengths are checked, too.
// kDataLoss: neither, or damaged. kUnimplemented: a format of ours that is newer than this build.
Result<DekText> ParseDekText(std::string_view text);

// `text` has a key_id that IsKeyId().
std::string FormatAeadText(const AeadText& text);

// What the tag covers beside the DEK (safety E2): "rbdcrypt-kmip-1", mode ("gcm" or "cbc"), the
// KEK's identifier and the volume ID, in this order, a zero byte after each of the first three. No
// identifier has a zero byte, so no two sets of these make the same bytes.
std::string AeadAdditionalData(const AeadText& text, std::string_view volume_id);

}  // namespace rbdcrypt::kmip
