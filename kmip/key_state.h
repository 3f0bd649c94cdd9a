// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "base/context.h"
#include "base/status.h"
#include "kmip/client.h"
#include "kmip/operations.h"
#include "kms/limiter.h"

namespace rbdcrypt::kmip {

// What a KEK is wanted for.
enum class KeyUse {
  // Encrypt by the server.
  kEncrypt,
  // Decrypt by the server, which refused it.
  kDecrypt,
  // Get, to wrap a DEK here.
  kGetToWrap,
  // Get, to unwrap one here, which the server refused.
  kGetToUnwrap,
};

// Whether a key of these attributes serves that use; what the server does not tell counts as right.
// Each error names the key and the next step. kNotFound: destroyed. kFailedPrecondition: its state
// is another than Active (to decrypt, the specification wants no more than that it was active, but
// servers differ: kmip.md 11), its usage mask lacks a bit, or it is no AES key.
Status CheckKey(const KeyAttributes& key, KeyUse use, const std::string& key_id);

// Whether a server says that it has no such key (any more), or shows us none.
bool IsGone(const Status& status);

// The key that a refusal is about, and whom to ask of it.
struct KeyQuestion {
  Client& client;
  kms::Urgency urgency = kms::Urgency::kMount;
  const std::string& key_id;
  KeyUse use = KeyUse::kEncrypt;
};

// Says what a server's refusal to use a key means, by what Get Attributes, asked once, says of that
// key: servers give one and the same reason for a wrong state, a wrong mask and a client without
// permission (kmip.md 11, 13). Errors that are no refusals come back as they are.
//
//   kNotFound            there is no such key, or it is hidden from this client, or destroyed
//   kFailedPrecondition  as CheckKey(), or for a reason of the server's
//   kPermissionDenied    the key is as it should be
//   kDataLoss            so it is, and what was to be decrypted does not verify
//   kInternal            so it is, and Encrypt or Get failed for no reason that the server gave
Status ExplainRefusal(const Context& context, const KeyQuestion& question, const Status& refusal);

}  // namespace rbdcrypt::kmip
