// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/body_buffer.h"

#include <utility>

namespace rbdcrypt::net {

void BodyBuffer::Append(std::span<const std::byte> bytes) {
  if (is_public_) {
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else {
    secret_.Append(bytes);
  }
}

void BodyBuffer::Reserve(std::size_t size) {
  if (is_public_) {
    text_.reserve(size);
  } else {
    secret_.Reserve(size);
  }
}

void BodyBuffer::Clear() {
  text_ = std::string();
  secret_ = SecretBuffer();
}

void BodyBuffer::MoveTo(HttpAnswer& answer) {
  answer.text = std::exchange(text_, std::string());
  answer.body = secret_.Take();
}

}  // namespace rbdcrypt::net
