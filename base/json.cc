// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/json.h"

#include <limits>

#include "base/strings.h"

namespace rbdcrypt {
namespace {

// Walks a text for the place where it stops being JSON; the parser keeps that to its exceptions.
class ErrorFinder final : public nlohmann::json_sax<Json> {
 public:
  std::size_t offset() const { return offset_; }

  bool null() override { return true; }

  bool boolean(bool) override { return true; }

  bool number_integer(number_integer_t) override { return true; }

  bool number_unsigned(number_unsigned_t) override { return true; }

  bool number_float(number_float_t, const string_t&) override { return true; }

  bool string(string_t&) override { return true; }

  bool binary(binary_t&) override { return true; }

  bool start_object(std::size_t) override { return true; }

  bool key(string_t&) override { return true; }

  bool end_object() override { return true; }

  bool start_array(std::size_t) override { return true; }

  bool end_array() override { return true; }

  bool parse_error(std::size_t position,
                   const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    offset_ = position;
    return false;
  }

 private:
  std::size_t offset_ = 0;
};

Status WrongType(std::string_view what, std::string_view field, std::string_view wanted) {
  return InvalidArgument(Cat(what, ".", field, " is not ", wanted));
}

// The field's value; null (as in Go, from where the formats come) and absent give nullptr.
Result<const Json*> Find(const Json& object, std::string_view field, std::string_view what) {
  if (!object.is_object()) {
    return InvalidArgument(Cat(what, " is not a JSON object"));
  }
  const auto found = object.find(field);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool FitsInt64(const Json& value) {
  if (value.is_number_unsigned()) {
    return value.get<std::uint64_t>() <=
           static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  }
  return value.is_number_integer();
}

}  // namespace

Result<Json> ParseJson(std::string_view text, std::string_view what) {
  Json value = Json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!value.is_discarded()) {
    return value;
  }
  ErrorFinder finder;
  Json::sax_parse(text, &finder);
  return InvalidArgument(Cat(what, " is not valid JSON at byte ", finder.offset()));
}

Result<std::optional<std::string>> OptionalString(const Json& object,
                                                  std::string_view field,
                                                  std::string_view what) {
  ASSIGN_OR_RETURN(const Json* value, Find(object, field, what));
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_string()) {
    return WrongType(what, field, "a string");
  }
  return value->get<std::string>();
}

Result<std::optional<std::int64_t>> OptionalInt(const Json& object,
                                                std::string_view field,
                                                std::string_view what) {
  ASSIGN_OR_RETURN(const Json* value, Find(object, field, what));
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!FitsInt64(*value)) {
    return WrongType(what, field, "a whole number of 64 bits");
  }
  return value->get<std::int64_t>();
}

Result<std::optional<bool>> OptionalBool(const Json& object,
                                         std::string_view field,
                                         std::string_view what) {
  ASSIGN_OR_RETURN(const Json* value, Find(object, field, what));
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_boolean()) {
    return WrongType(what, field, "true or false");
  }
  return value->get<bool>();
}

Result<std::vector<std::string>> StringArray(const Json& object,
                                             std::string_view field,
                                             std::string_view what) {
  ASSIGN_OR_RETURN(const Json* value, Find(object, field, what));
  std::vector<std::string> strings;
  if (value == nullptr) {
    return strings;
  }
  if (!value->is_array()) {
    return WrongType(what, field, "an array of strings");
  }
  for (const Json& element : *value) {
    if (!element.is_string()) {
      return WrongType(what, field, "an array of strings");
    }
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

Result<std::string> RequiredString(const Json& object,
                                   std::string_view field,
                                   std::string_view what) {
  ASSIGN_OR_RETURN(std::optional<std::string> value, OptionalString(object, field, what));
  if (!value.has_value()) {
    return InvalidArgument(Cat(what, ".", field, " is missing"));
  }
  return *std::move(value);
}

}  // namespace rbdcrypt
