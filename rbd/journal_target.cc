// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/journal_target.h"

#include "base/encoding.h"
#include "base/strings.h"
#include "base/uuid.h"

namespace rbdcrypt::rbd {
namespace {

constexpr int kPoolIdDigits = 16;

}  // namespace

std::string PoolIdText(std::int64_t pool_id) {
  return HexUint(static_cast<std::uint64_t>(pool_id), kPoolIdDigits);
}

std::optional<std::int64_t> ParsePoolIdText(std::string_view text) {
  const auto number =
      text.size() == kPoolIdDigits ? ParseHexUint(text) : std::optional<std::uint64_t>();
  return number.has_value() ? std::optional(static_cast<std::int64_t>(*number)) : std::nullopt;
}

std::optional<JournalTarget> ParseJournalTarget(std::string_view value) {
  if (IsUuid(value)) {
    return JournalTarget{.pool_id = std::nullopt, .uuid = std::string(value)};
  }
  if (value.size() != kPoolIdDigits + 1 + kUuidChars || value[kPoolIdDigits] != '/') {
    return std::nullopt;
  }
  const auto pool_id = ParsePoolIdText(value.substr(0, kPoolIdDigits));
  const std::string_view uuid = value.substr(kPoolIdDigits + 1);
  if (!pool_id.has_value() || !IsUuid(uuid)) {
    return std::nullopt;
  }
  return JournalTarget{.pool_id = pool_id, .uuid = std::string(uuid)};
}

}  // namespace rbdcrypt::rbd
