// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/fields.h"

#include <limits>
#include <utility>

#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

constexpr std::uint64_t kMostInt = std::numeric_limits<std::int64_t>::max();

}  // namespace

Fields::Fields(const Json& object, std::string_view what) : what_(what) {
  if (object.is_object()) {
    object_ = &object;
  } else if (!object.is_null()) {
    Check(InvalidArgument(Cat(what, " is no JSON object")));
  }
}

void Fields::Check(const Status& status) {
  if (status_.ok()) {
    status_ = status;
  }
}

const Json* Fields::Find(std::string_view field) const {
  if (object_ == nullptr) {
    return nullptr;
  }
  const auto found = object_->find(std::string(field));
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

Status Fields::WrongType(std::string_view field, std::string_view expected) const {
  return InvalidArgument(Cat(what_, '.', field, " is not ", expected));
}

Fields Fields::Part(std::string_view field) {
  const Json* value = Find(field);
  if (value != nullptr) {
    return Fields(*value, Cat(what_, '.', field));
  }
  return {};
}

std::vector<Fields> Fields::Parts(std::string_view field) {
  const Json* value = Find(field);
  if (value == nullptr) {
    return {};
  }
  if (!value->is_array()) {
    Check(WrongType(field, "an array"));
    return {};
  }
  std::vector<Fields> parts;
  for (const Json& item : *value) {
    parts.emplace_back(item, Cat(what_, '.', field, "[]"));
  }
  return parts;
}

std::optional<std::string> Fields::OptionalText(std::string_view field) {
  const Json* value = Find(field);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_string()) {
    Check(WrongType(field, "a string"));
    return std::nullopt;
  }
  return value->get_ref<const std::string&>();
}

std::string Fields::Text(std::string_view field) {
  return OptionalText(field).value_or("");
}

std::int64_t Fields::Int(std::string_view field) {
  return OptionalInt(field).value_or(0);
}

std::optional<std::int64_t> Fields::OptionalInt(std::string_view field) {
  const Json* value = Find(field);
  if (value == nullptr) {
    return std::nullopt;
  }
  // To the parser, whatever is not negative is unsigned.
  const bool is_too_large = value->is_number_unsigned() && value->get<std::uint64_t>() > kMostInt;
  if (!value->is_number_integer() || is_too_large) {
    Check(WrongType(field, "a whole number of 64 bits"));
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

bool Fields::Bool(std::string_view field) {
  const Json* value = Find(field);
  if (value != nullptr && !value->is_boolean()) {
    Check(WrongType(field, "true or false"));
    return false;
  }
  return value != nullptr && value->get<bool>();
}

std::optional<WallTime> Fields::Time(std::string_view field) {
  const std::optional<std::string> text = OptionalText(field);
  if (!text.has_value()) {
    return std::nullopt;
  }
  const std::optional<WallTime> time = ParseTime(*text);
  if (!time.has_value()) {
    Check(WrongType(field, "an RFC 3339 time"));
  }
  return time;
}

StringMap Fields::Texts(std::string_view field) {
  Fields part = Part(field);
  StringMap texts;
  if (part.present()) {
    for (const auto& item : part.object_->items()) {
      texts.emplace(item.key(), part.Text(item.key()));
    }
  }
  Check(part.status());
  return texts;
}

}  // namespace rbdcrypt::k8s
