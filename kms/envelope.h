// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::kms {

// A wrapped DEK as ceph-csi stores it in image metadata (ceph-csi-compat 6.3, 6.8):
//
//   {"dek":"<base64>","nonce":"<base64>"}
//
// written compact and in this order, read in any order, unknown fields ignored. For "metadata" the
// nonce has 12 bytes and `ciphertext` is AES-256-GCM with its tag; for "kmip" 16 bytes and CBC.
struct Envelope {
  std::vector<std::byte> ciphertext;
  std::vector<std::byte> nonce;
};

std::string FormatEnvelope(const Envelope& envelope);

// kDataLoss: not such a text, or base64 that no encoder writes.
Result<Envelope> ParseEnvelope(std::string_view text);

// Wraps by AES-256-GCM without associated data, as ceph-csi does: what binds the text to its
// volume is `key`, derived from the volume's ID (kms/scrypt). `nonce`: 12 fresh random bytes.
Result<Envelope> SealEnvelope(const Secret& key,
                              std::span<const std::byte> nonce,
                              const Secret& dek);

// Undoes SealEnvelope. kDataLoss: another key (passphrase or volume), or damaged; the cipher
// cannot tell which.
Result<Secret> OpenEnvelope(const Secret& key, const Envelope& envelope);

}  // namespace rbdcrypt::kms
