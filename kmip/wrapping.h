// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kmip/abilities.h"
#include "kmip/client.h"
#include "kmip/family.h"
#include "kmip/key_state.h"
#include "kmip/server_cipher.h"

namespace rbdcrypt::kmip {

// How DEKs of one entry are wrapped at one server.
struct WrapWay {
  enum class Kind {
    // ceph-csi's: AES-CBC by the server.
    kServerCbc,
    // Ours, mode "gcm": AES-GCM by the server.
    kServerGcm,
    // Ours, mode "cbc": a one-time key, wrapped by AES-CBC of the server.
    kServerOneTimeKey,
    // Either format: the KEK is fetched and used here.
    kHere,
  };

  Kind kind = Kind::kHere;
  GcmDialect dialect = {};
};

// Wraps one DEK in one session, for the work of Client::Run. One thread.
//
//   USE_CRYPTO_RPC   WRAP_FORMAT   way
//   "false"          either        kHere
//   "true", unset    "ceph-csi"    kServerCbc
//   "true", unset    "aead"        kServerGcm; where the server has no AES-GCM with additional
//   data,
//                                  kServerOneTimeKey
//   unset            either        kHere, where the server cannot do that
//
// Errors of every call: those of Abilities and ServerCipher; kUnimplemented: the server cannot do
// what the entry wants, and the text says what to change. kFailedPrecondition: a KEK that is to be
// fetched may not wrap by its state (a server enforces that only for its own Encrypt).
class Wrapping {
 public:
  // All must outlive it.
  Wrapping(const Context& context, Session& session, const OpenedEntry& entry)
      : context_(context),
        session_(session),
        entry_(entry),
        abilities_(context, session, entry.kept->memory) {}

  Result<WrapWay> Choose();

  // The text to store. `dek` is not empty.
  Result<std::string> Wrap(std::string_view volume_id, const Secret& dek);

  // Whether the key's state and kind let it wrap, by Get Attributes. For a KEK that is fetched, Get
  // gives it out in any state. OK, too, of a server that does not tell.
  Status CheckMayWrap(KeyUse use);

  // What the key was wanted for last, to explain a refusal.
  KeyUse use() const { return use_; }

 private:
  Result<std::optional<WrapWay>> ChooseOfServer();
  Result<WrapWay> ChooseHere();
  Result<std::string> WrapByServer(const WrapWay& way,
                                   std::string_view volume_id,
                                   const Secret& dek);
  Result<std::string> WrapHere(std::string_view volume_id, const Secret& dek);

  const Context& context_;
  Session& session_;
  const OpenedEntry& entry_;
  Abilities abilities_;
  KeyUse use_ = KeyUse::kEncrypt;
};

}  // namespace rbdcrypt::kmip
