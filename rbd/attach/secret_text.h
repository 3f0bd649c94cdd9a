// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/secret.h"

namespace rbdcrypt::rbd::attach {

// Composes a text that has secrets in it, in memory that is wiped (safety E1).
//
//   SecretText line;
//   line.Append("{\"data\":\"");
//   line.AppendBase64(dek);
class SecretText {
 public:
  // As it is: the caller escapes.
  void Append(std::string_view text);

  // RFC 4648 section 4, padded.
  void AppendBase64(const Secret& bytes);

  // Everything so far; the object is empty after.
  Secret Take();

 private:
  std::span<std::byte> Extend(std::size_t size);

  Secret buffer_;
  std::size_t used_ = 0;
};

// The bytes behind padded base64 text, white space around it ignored (a Ceph key comes so).
// kInvalidArgument: it is no base64; the text itself is not quoted.
Result<Secret> DecodeBase64(const Secret& text);

}  // namespace rbdcrypt::rbd::attach
