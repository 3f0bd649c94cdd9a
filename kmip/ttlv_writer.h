// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/secret_buffer.h"
#include "kmip/tags.h"

namespace rbdcrypt::kmip {

// Composes TTLV (KMIP 1.4, section 9.1; table in kmip.md 1): big-endian, every item padded with
// zeros to a multiple of 8 bytes. In wiped memory, since a DEK may be among the items.
//
//   TtlvWriter writer;
//   writer.Begin(Tag::kProtocolVersion).Integer(Tag::kProtocolVersionMajor, 1).End();
//   const Secret message = std::move(writer).Take();
//
// Begin and End must match; a message is small, at most a few KiB. Not thread safe.
class TtlvWriter {
 public:
  TtlvWriter() { buffer_.Reserve(kUsualBytes); }

  TtlvWriter& Begin(Tag structure);
  TtlvWriter& End();

  TtlvWriter& Integer(Tag tag, std::int32_t value);
  TtlvWriter& LongInteger(Tag tag, std::int64_t value);
  // Already two's complement, big-endian; sign-extended to a multiple of 8 here.
  TtlvWriter& BigInteger(Tag tag, std::span<const std::byte> value);
  TtlvWriter& Enumeration(Tag tag, std::uint32_t value);
  TtlvWriter& Boolean(Tag tag, bool value);
  TtlvWriter& Text(Tag tag, std::string_view value);
  TtlvWriter& Bytes(Tag tag, std::span<const std::byte> value);
  // Seconds since 1970-01-01 UTC.
  TtlvWriter& DateTime(Tag tag, std::int64_t seconds);
  // Microseconds since then; 2.0 and later.
  TtlvWriter& DateTimeExtended(Tag tag, std::int64_t microseconds);
  TtlvWriter& Interval(Tag tag, std::uint32_t seconds);

  // Of one of the enumerations of kmip/tags.h.
  template <typename E>
  TtlvWriter& Enum(Tag tag, E value) {
    return Enumeration(tag, static_cast<std::uint32_t>(value));
  }

  // What was written; every structure must have ended.
  Secret Take() &&;

 private:
  // More than a request of ours has, so that it is composed where it stands.
  static constexpr std::size_t kUsualBytes = 512;

  SecretBuffer buffer_;
  // Offsets of the length fields of the open structures.
  std::vector<std::size_t> open_;
};

}  // namespace rbdcrypt::kmip
