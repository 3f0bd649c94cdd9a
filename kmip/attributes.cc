// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/attributes.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace rbdcrypt::kmip {
namespace {

bool IsKnown(Tag tag) {
  return std::ranges::find(kKeyAttributes, tag) != kKeyAttributes.end();
}

std::optional<Tag> FindByName(std::string_view name) {
  const auto* tag =
      std::ranges::find(kKeyAttributes, name, [](Tag known) { return NameOf(known); });
  return tag != kKeyAttributes.end() ? std::optional(*tag) : std::nullopt;
}

// Of 1.x: Attribute {Attribute Name, Attribute Index?, Attribute Value}
Status VisitNamed(const TtlvView& attribute, const AttributeVisitor& found) {
  ASSIGN_OR_RETURN(const std::string_view name, attribute.Text(Tag::kAttributeName));
  const std::optional<TtlvView> value = attribute.Find(Tag::kAttributeValue);
  if (!value.has_value()) {
    return DataLoss("an Attribute has no Attribute Value");
  }
  const std::optional<Tag> tag = FindByName(name);
  return tag.has_value() ? found(*tag, *value) : OkStatus();
}

// Of 2.x: Attributes {…}
Status VisitTagged(const TtlvView& attributes, const AttributeVisitor& found) {
  for (const TtlvView& value : attributes.Items()) {
    if (IsKnown(value.tag())) {
      RETURN_IF_ERROR(found(value.tag(), value));
    }
  }
  return OkStatus();
}

// Takes an item's value, which has to be of that type.
template <typename Field, typename Value>
Status Take(Field& field, Tag tag, std::optional<Value> value) {
  if (!value.has_value()) {
    return DataLoss(Cat(NameOf(tag), " has the wrong type"));
  }
  field = static_cast<typename Field::value_type>(*value);
  return OkStatus();
}

Status TakeName(KeyAttributes& key, const TtlvView& value) {
  ASSIGN_OR_RETURN(const std::string_view name, value.Text(Tag::kNameValue));
  if (key.name.empty()) {
    key.name = name;
  }
  return OkStatus();
}

Status TakeAttribute(KeyAttributes& key, Tag tag, const TtlvView& value) {
  switch (tag) {
    case Tag::kObjectType:
      return Take(key.object_type, tag, value.AsEnumeration());
    case Tag::kCryptographicAlgorithm:
      return Take(key.algorithm, tag, value.AsEnumeration());
    case Tag::kCryptographicLength:
      return Take(key.length_bits, tag, value.AsInteger());
    case Tag::kCryptographicUsageMask:
      return Take(key.usage_mask, tag, value.AsInteger());
    case Tag::kState:
      return Take(key.state, tag, value.AsEnumeration());
    case Tag::kName:
      return TakeName(key, value);
    default:
      return OkStatus();
  }
}

}  // namespace

AttributeWriter::AttributeWriter(Version version, TtlvWriter& out, bool is_template)
    : is_flat_(version >= kFlatAttributes), is_wrapped_(is_flat_ || is_template), out_(out) {
  if (is_wrapped_) {
    out_.Begin(is_flat_ ? Tag::kAttributes : Tag::kTemplateAttribute);
  }
}

AttributeWriter& AttributeWriter::Enumeration(Tag tag, std::uint32_t value) {
  out_.Enumeration(Begin(tag), value);
  return End();
}

AttributeWriter& AttributeWriter::Integer(Tag tag, std::int32_t value) {
  out_.Integer(Begin(tag), value);
  return End();
}

AttributeWriter& AttributeWriter::Name(std::string_view name) {
  out_.Begin(Begin(Tag::kName))
      .Text(Tag::kNameValue, name)
      .Enum(Tag::kNameType, NameType::kUninterpretedTextString)
      .End();
  return End();
}

void AttributeWriter::Finish() {
  if (is_wrapped_) {
    out_.End();
  }
}

Tag AttributeWriter::Begin(Tag tag) {
  if (is_flat_) {
    return tag;
  }
  out_.Begin(Tag::kAttribute).Text(Tag::kAttributeName, NameOf(tag));
  return Tag::kAttributeValue;
}

AttributeWriter& AttributeWriter::End() {
  if (!is_flat_) {
    out_.End();
  }
  return *this;
}

Status ForEachAttribute(const TtlvView& payload, const AttributeVisitor& found) {
  for (const TtlvView& item : payload.Items()) {
    if (item.tag() == Tag::kAttribute) {
      RETURN_IF_ERROR(VisitNamed(item, found));
    } else if (item.tag() == Tag::kAttributes) {
      RETURN_IF_ERROR(VisitTagged(item, found));
    } else if (item.tag() == Tag::kTemplateAttribute) {
      RETURN_IF_ERROR(ForEachAttribute(item, found));
    }
  }
  return OkStatus();
}

Result<KeyAttributes> ReadKeyAttributes(const TtlvView& payload) {
  KeyAttributes key;
  RETURN_IF_ERROR(ForEachAttribute(
      payload, [&key](Tag tag, const TtlvView& value) { return TakeAttribute(key, tag, value); }));
  return key;
}

}  // namespace rbdcrypt::kmip
