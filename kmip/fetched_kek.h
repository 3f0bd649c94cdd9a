// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kmip/client.h"
#include "kmip/config.h"
#include "kmip/dek_text.h"
#include "kmip/kek_cache.h"

namespace rbdcrypt::kmip {

// DEKs wrapped and unwrapped here, with a KEK that the server gave out by Get: for servers without
// Encrypt and Decrypt (IBM GKLM, kmip.md 16), and where the entry wants it so. The KEK is in this
// process's memory then, in a Secret, for as long as the call takes, or KEK_CACHE_SECONDS.

// The KEK, from the cache or by Get.
// kFailedPrecondition: it is no AES key in the clear. Else what the server says, as FromReason()
// (kmip/reasons.h) has it, and the session's errors.
Result<std::shared_ptr<const Secret>> FetchKek(const Context& context,
                                               Session& session,
                                               KekCache& cache,
                                               const std::string& key_id);

// What a DEK is wrapped with: the name of a KEK, and its 16, 24 or 32 bytes.
struct NamedKek {
  const std::string& id;
  const Secret& kek;
};

// The text that is stored: with ceph-csi's format AES-GCM without additional data, with ours mode
// "gcm". `dek` is not empty. kInternal: OpenSSL failed, or no randomness.
Result<std::string> WrapWithKek(const NamedKek& kek,
                                WrapFormat format,
                                std::string_view volume_id,
                                const Secret& dek);

// The DEK in a text of either format and any mode.
// kDataLoss: damaged, of another volume, or wrapped by another KEK. kInternal: OpenSSL failed.
Result<Secret> UnwrapWithKek(const Secret& kek, std::string_view volume_id, const DekText& text);

// The last step of mode "cbc": opens the DEK with the one-time key that the KEK opened. kDataLoss:
// it is none, or the text is damaged or another volume's.
Result<Secret> UnwrapWithOneTimeKey(const Secret& one_time_key,
                                    std::string_view volume_id,
                                    const AeadText& text);

// Fills nonce and data of `text`, whose key and mode are set: seals `dek` with `key`, bound to both
// and the volume.
Status SealInto(AeadText& text, const Secret& key, std::string_view volume_id, const Secret& dek);

}  // namespace rbdcrypt::kmip
