// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/ttlv_writer.h"

#include <array>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/status.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::size_t kAlignmentBytes = 8;
constexpr std::array<std::byte, kAlignmentBytes> kZeros = {};

template <typename Number>
std::array<std::byte, sizeof(Number)> BigEndian(Number number) {
  auto rest = static_cast<std::make_unsigned_t<Number>>(number);
  std::array<std::byte, sizeof(Number)> bytes = {};
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
    *byte = static_cast<std::byte>(rest & 0xFFU);
    rest >>= 8U;
  }
  return bytes;
}

std::array<std::byte, sizeof(std::uint32_t)> Length(std::size_t bytes) {
  RBDCRYPT_CHECK(bytes <= std::numeric_limits<std::uint32_t>::max());
  return BigEndian(static_cast<std::uint32_t>(bytes));
}

// How many zeros `bytes` lack to a multiple of 8.
std::size_t Lacking(std::size_t bytes) {
  return (kAlignmentBytes - bytes % kAlignmentBytes) % kAlignmentBytes;
}

void AppendHeader(SecretBuffer& out, Tag tag, Type type, std::size_t length) {
  const auto number = static_cast<std::uint32_t>(tag);
  RBDCRYPT_CHECK(number <= 0xFFFFFF);
  out.Append(BigEndian(number << 8U | static_cast<std::uint32_t>(type)));
  out.Append(Length(length));
}

void AppendItem(SecretBuffer& out, Tag tag, Type type, std::span<const std::byte> value) {
  AppendHeader(out, tag, type, value.size());
  out.Append(value);
  out.Append(std::span(kZeros).first(Lacking(value.size())));
}

}  // namespace

TtlvWriter& TtlvWriter::Begin(Tag structure) {
  AppendHeader(buffer_, structure, Type::kStructure, 0);
  open_.push_back(buffer_.size());
  return *this;
}

TtlvWriter& TtlvWriter::End() {
  RBDCRYPT_CHECK(!open_.empty());
  const std::size_t begin = open_.back();
  open_.pop_back();
  const auto length = Length(buffer_.size() - begin);
  buffer_.Overwrite(begin - length.size(), length);
  return *this;
}

TtlvWriter& TtlvWriter::Integer(Tag tag, std::int32_t value) {
  AppendItem(buffer_, tag, Type::kInteger, BigEndian(value));
  return *this;
}

TtlvWriter& TtlvWriter::LongInteger(Tag tag, std::int64_t value) {
  AppendItem(buffer_, tag, Type::kLongInteger, BigEndian(value));
  return *this;
}

TtlvWriter& TtlvWriter::BigInteger(Tag tag, std::span<const std::byte> value) {
  RBDCRYPT_CHECK(!value.empty());
  const bool is_negative = (value[0] & std::byte{0x80}) != std::byte{0};
  std::array<std::byte, kAlignmentBytes> sign = {};
  sign.fill(is_negative ? std::byte{0xFF} : std::byte{0});
  const std::size_t lacking = Lacking(value.size());
  AppendHeader(buffer_, tag, Type::kBigInteger, lacking + value.size());
  buffer_.Append(std::span<const std::byte>(sign).first(lacking));
  buffer_.Append(value);
  return *this;
}

TtlvWriter& TtlvWriter::Enumeration(Tag tag, std::uint32_t value) {
  AppendItem(buffer_, tag, Type::kEnumeration, BigEndian(value));
  return *this;
}

TtlvWriter& TtlvWriter::Boolean(Tag tag, bool value) {
  AppendItem(buffer_, tag, Type::kBoolean, BigEndian(std::uint64_t{value}));
  return *this;
}

TtlvWriter& TtlvWriter::Text(Tag tag, std::string_view value) {
  AppendItem(buffer_, tag, Type::kTextString, std::as_bytes(std::span(value)));
  return *this;
}

TtlvWriter& TtlvWriter::Bytes(Tag tag, std::span<const std::byte> value) {
  AppendItem(buffer_, tag, Type::kByteString, value);
  return *this;
}

TtlvWriter& TtlvWriter::DateTime(Tag tag, std::int64_t seconds) {
  AppendItem(buffer_, tag, Type::kDateTime, BigEndian(seconds));
  return *this;
}

TtlvWriter& TtlvWriter::DateTimeExtended(Tag tag, std::int64_t microseconds) {
  AppendItem(buffer_, tag, Type::kDateTimeExtended, BigEndian(microseconds));
  return *this;
}

TtlvWriter& TtlvWriter::Interval(Tag tag, std::uint32_t seconds) {
  AppendItem(buffer_, tag, Type::kInterval, BigEndian(seconds));
  return *this;
}

Secret TtlvWriter::Take() && {
  RBDCRYPT_CHECK(open_.empty());
  return buffer_.Take();
}

}  // namespace rbdcrypt::kmip
