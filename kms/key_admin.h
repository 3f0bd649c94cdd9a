// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt::kms {

// What an administrator does with the KEKs of one KMS entry, beyond using them: only the verbs
// `rbdcrypt kms create-key` and `destroy-key` come here, never a call of a sidecar or kubelet. One
// thread per object.
//
// Errors of every call beside those named: kUnavailable: the key manager cannot be reached now, and
// the text says whether it may have acted. kPermissionDenied: it says no. kInvalidArgument: the
// entry is wrong. kUnimplemented: the server has no such operation. kDataLoss: its answer is none.
// kCancelled, kDeadlineExceeded.
class KeyAdmin {
 public:
  virtual ~KeyAdmin() = default;

  struct NewKey {
    // What the key manager calls it.
    std::string id;
    // Where to put that, for a person.
    std::string next_step;
  };

  // Makes an AES key of 128, 192 or 256 bits, ready to wrap with. Where the outcome of a try is
  // unknown, a key of that name is looked for before another is made.
  // kAlreadyExists: there is a key of that name, which must be new.
  virtual Result<NewKey> CreateKey(const Context& context, int bits, std::string_view name) = 0;

  // Whether `wrapped`, the text of that volume's image, needs the key `key_id` to be unwrapped.
  // What cannot be told, as while the key manager is down, is an error and never "no".
  virtual Result<bool> IsWrappedBy(const Context& context,
                                   std::string_view volume_id,
                                   std::string_view wrapped,
                                   std::string_view key_id) = 0;

  // Destroys that key for good; ok if it is destroyed. Safety B7 is the caller's: nothing may be
  // wrapped by it. kNotFound: there is no such key. kFailedPrecondition: it is the one that the
  // entry wraps with.
  virtual Status DestroyKey(const Context& context, std::string_view key_id) = 0;
};

}  // namespace rbdcrypt::kms
