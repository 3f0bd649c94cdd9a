// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kmip/client.h"
#include "kmip/operations.h"

namespace rbdcrypt::kmip {

// From here on a server has fields for additional data and tag (kmip.md 6).
inline constexpr Version kAeadSince = {.major = 1, .minor = 4};

// In what servers differ with AES-GCM (kmip.md 10). As specified, unless learnt otherwise
// (kmip/abilities.h).
struct GcmDialect {
  // IV Length and Tag Length are among the parameters: PyKMIP needs them.
  bool announces_lengths = true;
  // The tag is a field of its own, and not the end of Data.
  bool has_tag_field = true;

  bool operator==(const GcmDialect&) const = default;
};

struct CbcSealed {
  // 16 bytes.
  std::vector<std::byte> iv;
  std::vector<std::byte> data;
};

struct GcmSealed {
  // 12 bytes.
  std::vector<std::byte> nonce = {};
  // Ciphertext and 16-byte tag, wherever the server had it.
  std::vector<std::byte> data = {};
  bool had_tag_field = true;
};

// Encrypt and Decrypt with one key at one server; each call is one request. One thread.
//
// Errors of every call: what the server says, as FromReason() (kmip/reasons.h) has it, and the
// session's; kInternal: its answer is none, or is not what was asked for.
class ServerCipher {
 public:
  // Both must outlive it.
  ServerCipher(const Context& context, Session& session, std::string key_id)
      : context_(context), session_(session), key_id_(std::move(key_id)) {}

  // AES-CBC with PKCS#5 padding, in ceph-csi's words (kmip.md 8). The IV is random, or the server's
  // own, if it insists on one.
  Result<CbcSealed> CbcSeal(const Secret& plaintext);
  Result<Secret> CbcOpen(std::span<const std::byte> iv, std::span<const std::byte> data);

  // AES-GCM. Additional data needs a session of kAeadSince or later: kUnimplemented.
  Result<GcmSealed> GcmSeal(const GcmDialect& dialect,
                            std::string_view additional_data,
                            const Secret& plaintext);
  // `sealed` has at least a tag and one byte.
  Result<Secret> GcmOpen(const GcmDialect& dialect,
                         std::string_view additional_data,
                         std::span<const std::byte> nonce,
                         std::span<const std::byte> sealed);

 private:
  Result<Encrypted> Encrypt(const EncryptFields& fields);
  Result<Secret> Decrypt(const DecryptFields& fields);
  Status CheckVersion(std::string_view additional_data) const;

  const Context& context_;
  Session& session_;
  const std::string key_id_;
};

}  // namespace rbdcrypt::kmip
