// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "kmip/tags.h"
#include "kmip/ttlv_reader.h"
#include "kmip/ttlv_writer.h"
#include "kmip/version.h"

namespace rbdcrypt::kmip {

// Attributes of an object, which stand in a payload in one of two shapes (kmip.md 6):
//
//   1.x  Attribute {Attribute Name "State", Attribute Value 2}, each; Template-Attribute {…}
//        around them in some payloads
//   2.x  Attributes {State 2, Name {…}, …}
//
// The names are those of the tags (KMIP 1.4, section 3).

// The first version with the second shape.
inline constexpr Version kFlatAttributes = {.major = 2, .minor = 0};

// Those of a key that this client knows; what it asks for.
inline constexpr std::array kKeyAttributes = {Tag::kObjectType,
                                              Tag::kCryptographicAlgorithm,
                                              Tag::kCryptographicLength,
                                              Tag::kCryptographicUsageMask,
                                              Tag::kState,
                                              Tag::kName};

// Writes attributes in the shape of a version; Finish() after the last.
//
//   AttributeWriter(version, payload).Name("kek").Finish();
class AttributeWriter {
 public:
  // `out` must outlive the object.
  AttributeWriter(Version version, TtlvWriter& out) : AttributeWriter(version, out, false) {}

  // With Template-Attribute around them in 1.x.
  static AttributeWriter Template(Version version, TtlvWriter& out) { return {version, out, true}; }

  AttributeWriter& Enumeration(Tag tag, std::uint32_t value);
  AttributeWriter& Integer(Tag tag, std::int32_t value);
  // Name {Name Value `name`, Name Type Uninterpreted Text String}
  AttributeWriter& Name(std::string_view name);
  void Finish();

 private:
  AttributeWriter(Version version, TtlvWriter& out, bool is_template);

  // Under which tag the value goes.
  Tag Begin(Tag tag);
  AttributeWriter& End();

  const bool is_flat_;
  const bool is_wrapped_;
  TtlvWriter& out_;
};

using AttributeVisitor = std::function<Status(Tag tag, const TtlvView& value)>;

// Calls `found` with each attribute of kKeyAttributes that a payload of either shape has, in order,
// and passes its error on. Others are skipped. kDataLoss: an Attribute without name or value.
Status ForEachAttribute(const TtlvView& payload, const AttributeVisitor& found);

// What the server tells of a key; what it does not tell is not set.
struct KeyAttributes {
  std::optional<ObjectType> object_type = {};
  std::optional<CryptographicAlgorithm> algorithm = {};
  std::optional<std::int32_t> length_bits = {};
  std::optional<std::uint32_t> usage_mask = {};
  std::optional<State> state = {};
  // The first Name.
  std::string name = {};
};

// kDataLoss: one of them has the wrong type.
Result<KeyAttributes> ReadKeyAttributes(const TtlvView& payload);

}  // namespace rbdcrypt::kmip
