// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "kmip/tags.h"

namespace rbdcrypt::kmip {

// Limits for what a server sends (kmip.md 15). A message of ours, or an answer to one, has a few
// hundred bytes and a depth of 8.
inline constexpr std::size_t kMaxMessageBytes = std::size_t{64} * 1024;
inline constexpr int kMaxDepth = 16;
// Tag, type and length, before every value.
inline constexpr std::size_t kItemHeaderBytes = 8;

// One item of a TTLV text and, of a structure, those in it; a view: the bytes must outlive it.
//
// Parse() checks the whole tree before anything is looked at: each length against its parent's end
// in 64 bits, the lengths of fixed-size types, Booleans of 0 and 1, UTF-8 of texts, padding, depth.
// So nothing below can fail for the bytes' sake. Unknown tags are no error. Thread safe.
class TtlvView {
 public:
  // `bytes` are one item and nothing behind it.
  // kDataLoss: they are not; the text names the rule and the offset, never a value.
  static Result<TtlvView> Parse(std::span<const std::byte> bytes);

  // How many bytes a message has, of its first kItemHeaderBytes; `expected` is its tag.
  // kDataLoss: another tag, no structure, a length that is no multiple of 8, or over
  // kMaxMessageBytes in all.
  static Result<std::size_t> MessageBytes(std::span<const std::byte> header, Tag expected);

  Tag tag() const { return tag_; }

  Type type() const { return type_; }

  // The value as it stands, without padding.
  std::span<const std::byte> value() const { return value_; }

  // The first item of that tag in this structure, or nothing (also where this is none).
  std::optional<TtlvView> Find(Tag tag) const;

  // How many items of that tag are in this structure.
  std::size_t Count(Tag tag) const;

  // The items of a structure, in order: for (const TtlvView& item : view.Items()).
  class Iterator;
  class Range;
  Range Items() const;

  // The value, where the type is that one.
  std::optional<std::int32_t> AsInteger() const;
  std::optional<std::int64_t> AsLongInteger() const;
  std::optional<std::uint32_t> AsEnumeration() const;
  std::optional<bool> AsBoolean() const;
  std::optional<std::string_view> AsText() const;
  std::optional<std::span<const std::byte>> AsBytes() const;
  // Seconds since 1970-01-01 UTC.
  std::optional<std::int64_t> AsDateTime() const;
  std::optional<std::uint32_t> AsInterval() const;

  // The value of the first item of that tag. kDataLoss: there is none, or of another type; names
  // both tags: "Response Payload: Data is missing".
  Result<TtlvView> Structure(Tag tag) const;
  Result<std::int32_t> Integer(Tag tag) const;
  Result<std::uint32_t> Enumeration(Tag tag) const;
  Result<std::string_view> Text(Tag tag) const;
  Result<std::span<const std::byte>> Bytes(Tag tag) const;

 private:
  TtlvView(Tag tag, Type type, std::span<const std::byte> value)
      : tag_(tag), type_(type), value_(value) {}

  Tag tag_;
  Type type_;
  std::span<const std::byte> value_;
};

// Goes over checked bytes of items that stand one after the other.
class TtlvView::Iterator {
 public:
  explicit Iterator(std::span<const std::byte> rest) : rest_(rest) {}

  TtlvView operator*() const;
  Iterator& operator++();

  bool operator!=(const Iterator& other) const { return rest_.size() != other.rest_.size(); }

 private:
  std::span<const std::byte> rest_;
};

class TtlvView::Range {
 public:
  explicit Range(std::span<const std::byte> items) : items_(items) {}

  Iterator begin() const { return Iterator(items_); }

  Iterator end() const { return Iterator(items_.last(0)); }

 private:
  std::span<const std::byte> items_;
};

}  // namespace rbdcrypt::kmip
