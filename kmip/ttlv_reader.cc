// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/ttlv_reader.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/strings.h"
#include "base/utf8.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::uint64_t kAlignmentBytes = 8;

// Of at most 8 bytes.
std::uint64_t BigEndian(std::span<const std::byte> bytes) {
  std::uint64_t number = 0;
  for (const std::byte byte : bytes) {
    number = number << 8U | std::to_integer<std::uint64_t>(byte);
  }
  return number;
}

// Offset  Size  Field, big-endian
//      0     3  Tag
//      3     1  Type
//      4     4  Length of the value, without padding
struct Header {
  Tag tag;
  Type type;
  std::uint64_t length;

  // Of the value with its padding.
  std::uint64_t padded() const {
    return (length + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
  }
};

// Of at least kItemHeaderBytes.
Header ReadHeader(std::span<const std::byte> bytes) {
  return {.tag = static_cast<Tag>(BigEndian(bytes.first(3))),
          .type = static_cast<Type>(bytes[3]),
          .length = BigEndian(bytes.subspan(4, 4))};
}

std::string_view AsChars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Status Broken(std::size_t offset, std::string_view rule) {
  return DataLoss(Cat("TTLV at byte ", offset, ": ", rule));
}

enum class LengthRule { kNoSuchType, kAny, kFour, kEight, kMultipleOfEight };

// By the type's number (KMIP 1.4, section 9.1.1.3).
constexpr std::array kLengthRules = {LengthRule::kNoSuchType,
                                     LengthRule::kMultipleOfEight,  // Structure
                                     LengthRule::kFour,             // Integer
                                     LengthRule::kEight,            // Long Integer
                                     LengthRule::kMultipleOfEight,  // Big Integer
                                     LengthRule::kFour,             // Enumeration
                                     LengthRule::kEight,            // Boolean
                                     LengthRule::kAny,              // Text String
                                     LengthRule::kAny,              // Byte String
                                     LengthRule::kEight,            // Date-Time
                                     LengthRule::kFour,             // Interval
                                     LengthRule::kEight};           // Date-Time Extended

LengthRule RuleOf(Type type) {
  const auto number = static_cast<std::size_t>(type);
  return number < kLengthRules.size() ? kLengthRules[number] : LengthRule::kNoSuchType;
}

// What is wrong with the length, or nullptr.
const char* LengthComplaint(const Header& header) {
  switch (RuleOf(header.type)) {
    case LengthRule::kFour:
      return header.length == 4 ? nullptr : "a number of 4 bytes has another length";
    case LengthRule::kEight:
      return header.length == 8 ? nullptr : "a number of 8 bytes has another length";
    case LengthRule::kMultipleOfEight: {
      const bool may_be_empty = header.type == Type::kStructure;
      const bool is_whole = header.length % kAlignmentBytes == 0;
      return is_whole && (header.length > 0 || may_be_empty) ? nullptr
                                                             : "a length that is no multiple of 8";
    }
    case LengthRule::kAny:
      return nullptr;
    case LengthRule::kNoSuchType:
      break;
  }
  return "a type that does not exist";
}

// What is wrong with a value of that type, or nullptr.
const char* ValueComplaint(Type type, std::span<const std::byte> value) {
  if (type == Type::kBoolean && BigEndian(value) > 1) {
    return "a Boolean is neither 0 nor 1";
  }
  if (type == Type::kTextString && !IsUtf8(AsChars(value))) {
    return "a text is no UTF-8";
  }
  return nullptr;
}

// Goes over the whole tree once.
class Checker {
 public:
  explicit Checker(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // Checks the item at `begin`, which must end by `end`; returns where it does. Structures around
  // it: `depth`.
  Result<std::size_t> Item(std::size_t begin, std::size_t end, int depth) const;

 private:
  Status Children(std::size_t begin, std::size_t end, int depth) const;

  const std::span<const std::byte> bytes_;
};

Result<std::size_t> Checker::Item(std::size_t begin, std::size_t end, int depth) const {
  if (end - begin < kItemHeaderBytes) {
    return Broken(begin, "too few bytes for an item");
  }
  const Header header = ReadHeader(bytes_.subspan(begin));
  if (const char* complaint = LengthComplaint(header)) {
    return Broken(begin, complaint);
  }
  // At most 2^32 + 7, whatever was announced.
  if (header.padded() > end - begin - kItemHeaderBytes) {
    return Broken(begin, "the length goes beyond what is around it");
  }
  const std::span<const std::byte> value =
      bytes_.subspan(begin + kItemHeaderBytes, static_cast<std::size_t>(header.padded()));
  const auto length = static_cast<std::size_t>(header.length);
  if (const char* complaint = ValueComplaint(header.type, value.first(length))) {
    return Broken(begin, complaint);
  }
  if (std::ranges::any_of(value.subspan(length), [](std::byte b) { return b != std::byte{0}; })) {
    return Broken(begin, "padding that is not zero");
  }
  const std::size_t item_end = begin + kItemHeaderBytes + value.size();
  if (header.type == Type::kStructure) {
    RETURN_IF_ERROR(Children(begin + kItemHeaderBytes, item_end, depth + 1));
  }
  return item_end;
}

Status Checker::Children(std::size_t begin, std::size_t end, int depth) const {
  if (depth > kMaxDepth) {
    return Broken(begin - kItemHeaderBytes, "structures are nested too deep");
  }
  while (begin < end) {
    ASSIGN_OR_RETURN(begin, Item(begin, end, depth));
  }
  return OkStatus();
}

// The value of `item`, which `structure` has under that tag.
template <typename Value>
Result<Value> Required(const TtlvView& structure,
                       Tag tag,
                       const std::optional<TtlvView>& item,
                       std::optional<Value> value) {
  if (!item.has_value()) {
    return DataLoss(Cat(NameOf(structure.tag()), ": ", NameOf(tag), " is missing"));
  }
  if (!value.has_value()) {
    return DataLoss(Cat(NameOf(structure.tag()), ": ", NameOf(tag), " has the wrong type"));
  }
  return *value;
}

}  // namespace

Result<TtlvView> TtlvView::Parse(std::span<const std::byte> bytes) {
  ASSIGN_OR_RETURN(const std::size_t end, Checker(bytes).Item(0, bytes.size(), 0));
  if (end != bytes.size()) {
    return Broken(end, "bytes behind the end");
  }
  return *Iterator(bytes);
}

Result<std::size_t> TtlvView::MessageBytes(std::span<const std::byte> header, Tag expected) {
  RBDCRYPT_CHECK(header.size() == kItemHeaderBytes);
  const Header first = ReadHeader(header);
  if (first.tag != expected || first.type != Type::kStructure) {
    return Broken(0, Cat("no ", NameOf(expected), " begins here"));
  }
  if (const char* complaint = LengthComplaint(first)) {
    return Broken(0, complaint);
  }
  if (first.length > kMaxMessageBytes - kItemHeaderBytes) {
    return Broken(0, Cat("a message of more than ", kMaxMessageBytes, " bytes"));
  }
  return kItemHeaderBytes + static_cast<std::size_t>(first.length);
}

std::optional<TtlvView> TtlvView::Find(Tag tag) const {
  for (const TtlvView& item : Items()) {
    if (item.tag() == tag) {
      return item;
    }
  }
  return std::nullopt;
}

std::size_t TtlvView::Count(Tag tag) const {
  std::size_t count = 0;
  for (const TtlvView& item : Items()) {
    count += item.tag() == tag ? 1 : 0;
  }
  return count;
}

TtlvView::Range TtlvView::Items() const {
  return Range(type_ == Type::kStructure ? value_ : std::span<const std::byte>());
}

std::optional<std::int32_t> TtlvView::AsInteger() const {
  return type_ == Type::kInteger ? std::optional(static_cast<std::int32_t>(
                                       static_cast<std::uint32_t>(BigEndian(value_))))
                                 : std::nullopt;
}

std::optional<std::int64_t> TtlvView::AsLongInteger() const {
  return type_ == Type::kLongInteger ? std::optional(static_cast<std::int64_t>(BigEndian(value_)))
                                     : std::nullopt;
}

std::optional<std::uint32_t> TtlvView::AsEnumeration() const {
  return type_ == Type::kEnumeration ? std::optional(static_cast<std::uint32_t>(BigEndian(value_)))
                                     : std::nullopt;
}

std::optional<bool> TtlvView::AsBoolean() const {
  return type_ == Type::kBoolean ? std::optional(BigEndian(value_) == 1) : std::nullopt;
}

std::optional<std::string_view> TtlvView::AsText() const {
  return type_ == Type::kTextString ? std::optional(AsChars(value_)) : std::nullopt;
}

std::optional<std::span<const std::byte>> TtlvView::AsBytes() const {
  return type_ == Type::kByteString ? std::optional(value_) : std::nullopt;
}

std::optional<std::int64_t> TtlvView::AsDateTime() const {
  return type_ == Type::kDateTime ? std::optional(static_cast<std::int64_t>(BigEndian(value_)))
                                  : std::nullopt;
}

std::optional<std::uint32_t> TtlvView::AsInterval() const {
  return type_ == Type::kInterval ? std::optional(static_cast<std::uint32_t>(BigEndian(value_)))
                                  : std::nullopt;
}

Result<TtlvView> TtlvView::Structure(Tag tag) const {
  const std::optional<TtlvView> item = Find(tag);
  return Required(*this, tag, item, item && item->type() == Type::kStructure ? item : std::nullopt);
}

Result<std::int32_t> TtlvView::Integer(Tag tag) const {
  const std::optional<TtlvView> item = Find(tag);
  return Required(*this, tag, item, item ? item->AsInteger() : std::nullopt);
}

Result<std::uint32_t> TtlvView::Enumeration(Tag tag) const {
  const std::optional<TtlvView> item = Find(tag);
  return Required(*this, tag, item, item ? item->AsEnumeration() : std::nullopt);
}

Result<std::string_view> TtlvView::Text(Tag tag) const {
  const std::optional<TtlvView> item = Find(tag);
  return Required(*this, tag, item, item ? item->AsText() : std::nullopt);
}

Result<std::span<const std::byte>> TtlvView::Bytes(Tag tag) const {
  const std::optional<TtlvView> item = Find(tag);
  return Required(*this, tag, item, item ? item->AsBytes() : std::nullopt);
}

TtlvView TtlvView::Iterator::operator*() const {
  const Header header = ReadHeader(rest_);
  return {header.tag, header.type,
          rest_.subspan(kItemHeaderBytes, static_cast<std::size_t>(header.length))};
}

TtlvView::Iterator& TtlvView::Iterator::operator++() {
  rest_ = rest_.subspan(kItemHeaderBytes + static_cast<std::size_t>(ReadHeader(rest_).padded()));
  return *this;
}

}  // namespace rbdcrypt::kmip
