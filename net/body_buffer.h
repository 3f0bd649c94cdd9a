// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/secret_buffer.h"
#include "net/http_client.h"

namespace rbdcrypt::net {

// A body under composition: in a SecretBuffer, or, of an answer without secrets, in ordinary
// memory, of which there is more. Not thread safe.
class BodyBuffer {
 public:
  explicit BodyBuffer(bool is_public) : is_public_(is_public) {}

  void Append(std::span<const std::byte> bytes);

  void Append(std::string_view text) { Append(std::as_bytes(std::span(text))); }

  // Makes room for `size` bytes in all.
  void Reserve(std::size_t size);

  std::size_t size() const { return is_public_ ? text_.size() : secret_.size(); }

  // What was appended so far; valid until the next change.
  std::string_view written() const { return is_public_ ? text_ : secret_.written(); }

  // Forgets, and of secrets wipes, what was appended; the memory is given back.
  void Clear();

  // Makes it the answer's body, or its text; the buffer is empty after it.
  void MoveTo(HttpAnswer& answer);

 private:
  const bool is_public_;
  std::string text_;
  SecretBuffer secret_;
};

}  // namespace rbdcrypt::net
