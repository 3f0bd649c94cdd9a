// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace rbdcrypt::rbd {

// The input of a RADOS object class's method, in Ceph's encoding (Ceph, doc/dev/encoding.rst):
// numbers are little-endian, a text is its length as uint32 and its bytes.
class ClassInput {
 public:
  ClassInput& Byte(std::uint8_t value) {
    bytes_.push_back(static_cast<char>(value));
    return *this;
  }

  ClassInput& Uint32(std::uint64_t value) {
    for (unsigned int shift = 0; shift < 32; shift += 8) {
      Byte(static_cast<std::uint8_t>((value >> shift) & 0xffU));
    }
    return *this;
  }

  ClassInput& Text(std::string_view text) {
    Uint32(text.size());
    bytes_.append(text);
    return *this;
  }

  // What was added so far as the body of a versioned struct (ENCODE_START with 1, 1).
  ClassInput& AsVersionOne() {
    ClassInput whole;
    whole.Byte(1).Byte(1).Text(bytes_);
    bytes_ = std::move(whole.bytes_);
    return *this;
  }

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace rbdcrypt::rbd
