// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kmip/abilities.h"
#include "kmip/client.h"
#include "kmip/dek_text.h"
#include "kmip/family.h"
#include "kmip/key_state.h"
#include "kmip/server_cipher.h"

namespace rbdcrypt::kmip {

// The key that `text` was wrapped by: the one it names, else the entry's.
const std::string& KeyOf(const DekText& text, const OpenedEntry& entry);

// Unwraps one DEK in one session, for the work of Client::Run. The text says how it was wrapped,
// the options of the entry do not count. One thread.
//
//   text              first                             else
//   ceph-csi, CBC     Decrypt                           Get, and AES here
//   ceph-csi, GCM     Get, and AES here, as it was      Decrypt, where the server keeps the key to
//                     wrapped                           itself
//   ours, "gcm"       Decrypt with additional data      Get, and AES here
//   ours, "cbc"       Decrypt                           Get, and AES here
//
// "Else" is where the server has no such operation or cipher (kmip/abilities.h). To learn its
// dialect of AES-GCM takes a key that encrypts: the entry's own, or that of the text. Where neither
// does, the dialect is taken to be as specified.
//
// Errors: those of Abilities, ServerCipher and FetchKek(); kDataLoss, from here or the server: the
// text does not verify. kUnimplemented: the server has neither operation. kFailedPrecondition, too:
// the text does not verify, but perhaps for a dialect that could not be learnt.
class Unwrapping {
 public:
  // All must outlive it.
  Unwrapping(const Context& context, Session& session, const OpenedEntry& entry)
      : context_(context),
        session_(session),
        entry_(entry),
        abilities_(context, session, entry.kept->memory) {}

  // `key_id`: KeyOf(), or another one to try.
  Result<Secret> Unwrap(const std::string& key_id, std::string_view volume_id, const DekText& text);

  // What the key was wanted for last, to explain a refusal.
  KeyUse use() const { return use_; }

 private:
  Result<std::optional<Secret>> OpenCbc(const std::string& key_id,
                                        std::span<const std::byte> iv,
                                        std::span<const std::byte> data);
  Result<Secret> CbcEnvelope(const std::string& key_id, const kms::Envelope& envelope);
  Result<Secret> GcmEnvelope(const std::string& key_id, const kms::Envelope& envelope);
  Result<Secret> WithheldGcm(const std::string& key_id, const kms::Envelope& envelope);
  Result<Secret> AeadCbc(const std::string& key_id,
                         std::string_view volume_id,
                         const AeadText& text);
  Result<Secret> AeadGcm(const std::string& key_id,
                         std::string_view volume_id,
                         const AeadText& text);
  Result<Secret> Here(const std::string& key_id, std::string_view volume_id, const DekText& text);
  Result<std::optional<GcmDialect>> Dialect(const std::string& key_id, GcmUse gcm_use);
  Result<Secret> OpenGcm(const std::string& key_id,
                         const GcmDialect& dialect,
                         std::string_view additional_data,
                         const kms::Envelope& sealed);

  const Context& context_;
  Session& session_;
  const OpenedEntry& entry_;
  Abilities abilities_;
  KeyUse use_ = KeyUse::kDecrypt;
  // Why the dialect could not be learnt; OK if it was.
  Status unlearnt_;
};

}  // namespace rbdcrypt::kmip
