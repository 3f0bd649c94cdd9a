// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/secret_json.h"

#include <charconv>
#include <utility>

#include "base/json_scanner.h"
#include "base/strings.h"

namespace rbdcrypt {
namespace {

Secret UnescapedSecret(std::string_view quoted) {
  Secret text(quoted.size() - 2);
  if (!text.empty()) {
    char* const start = reinterpret_cast<char*>(text.MutableBytes().data());
    text.Shrink(static_cast<std::size_t>(UnescapeJson(quoted, start) - start));
  }
  return text;
}

bool HasEscapes(std::string_view quoted) {
  return quoted.find('\\') != std::string_view::npos;
}

bool SameName(std::string_view quoted, std::string_view name) {
  if (HasEscapes(quoted)) {
    return UnescapedSecret(quoted).RevealText() == name;
  }
  return quoted.substr(1, quoted.size() - 2) == name;
}

// The last field of that name in an object, or "".
std::string_view FindField(std::string_view object, std::string_view name) {
  std::string_view found;
  if (object.front() == '{') {
    JsonScanner(object, SecretJson::kMaxDepth)
        .SkipItems(1, [&](std::string_view quoted, std::string_view value) {
          if (SameName(quoted, name)) {
            found = value;
          }
          return true;
        });
  }
  return found;
}

}  // namespace

Result<SecretJson> SecretJson::Parse(std::string_view text, std::string_view what) {
  JsonScanner scanner(text, kMaxDepth);
  scanner.SkipSpace();
  const std::size_t start = scanner.position();
  const bool is_value = scanner.SkipValue();
  if (scanner.too_deep()) {
    return InvalidArgument(
        Cat(what, " is nested deeper than ", kMaxDepth, " levels at byte ", scanner.position()));
  }
  const std::string_view raw = scanner.Since(start);
  scanner.SkipSpace();
  if (!is_value || !scanner.AtEnd()) {
    return InvalidArgument(Cat(what, " is not JSON from byte ", scanner.position()));
  }
  return SecretJson(raw);
}

SecretJson::Type SecretJson::type() const {
  switch (raw_.front()) {
    case '{':
      return Type::kObject;
    case '[':
      return Type::kArray;
    case '"':
      return Type::kString;
    case 't':
    case 'f':
      return Type::kBool;
    case 'n':
      return Type::kNull;
    default:
      return Type::kNumber;
  }
}

std::optional<SecretJson> SecretJson::Find(std::initializer_list<std::string_view> path) const {
  std::string_view value = raw_;
  for (const std::string_view name : path) {
    value = FindField(value, name);
    if (value.empty() || value == "null") {
      return std::nullopt;
    }
  }
  return SecretJson(value);
}

Status SecretJson::ForEach(
    const std::function<Status(std::string_view name, const SecretJson& value)>& visit) const {
  Status status;
  if (type() == Type::kObject || type() == Type::kArray) {
    JsonScanner(raw_, kMaxDepth).SkipItems(1, [&](std::string_view quoted, std::string_view value) {
      if (HasEscapes(quoted)) {
        status = visit(UnescapedSecret(quoted).RevealText(), SecretJson(value));
      } else {
        status =
            visit(quoted.empty() ? quoted : quoted.substr(1, quoted.size() - 2), SecretJson(value));
      }
      return status.ok();
    });
  }
  return status;
}

std::optional<Secret> SecretJson::AsSecret() const {
  if (type() != Type::kString) {
    return std::nullopt;
  }
  return UnescapedSecret(raw_);
}

std::optional<std::string> SecretJson::AsText() const {
  if (type() != Type::kString) {
    return std::nullopt;
  }
  std::string text(raw_.size() - 2, '\0');
  text.resize(static_cast<std::size_t>(UnescapeJson(raw_, text.data()) - text.data()));
  return text;
}

std::optional<std::int64_t> SecretJson::AsInt() const {
  std::string_view digits = raw_;
  if (type() == Type::kString) {
    digits = raw_.substr(1, raw_.size() - 2);
  }
  std::int64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

std::optional<bool> SecretJson::AsBool() const {
  return type() == Type::kBool ? std::optional(raw_ == "true") : std::nullopt;
}

SecretJsonWriter& SecretJsonWriter::BeginObject() {
  return Open('{');
}

SecretJsonWriter& SecretJsonWriter::EndObject() {
  return Close('}');
}

SecretJsonWriter& SecretJsonWriter::BeginArray() {
  return Open('[');
}

SecretJsonWriter& SecretJsonWriter::EndArray() {
  return Close(']');
}

SecretJsonWriter& SecretJsonWriter::Key(std::string_view name) {
  Separate();
  AppendQuoted(name);
  buffer_.Append(":");
  needs_comma_ = false;
  return *this;
}

SecretJsonWriter& SecretJsonWriter::Value(const Secret& text) {
  return Value(text.RevealText());
}

SecretJsonWriter& SecretJsonWriter::Value(std::string_view text) {
  Separate();
  AppendQuoted(text);
  return *this;
}

SecretJsonWriter& SecretJsonWriter::Value(std::int64_t number) {
  return Word(Cat(number));
}

Secret SecretJsonWriter::Take() && {
  needs_comma_ = false;
  return buffer_.Take();
}

// Puts the comma that belongs before the next item, and expects one before that behind it.
void SecretJsonWriter::Separate() {
  if (needs_comma_) {
    buffer_.Append(",");
  }
  needs_comma_ = true;
}

SecretJsonWriter& SecretJsonWriter::Open(char bracket) {
  Separate();
  buffer_.Append(std::string_view(&bracket, 1));
  needs_comma_ = false;
  return *this;
}

SecretJsonWriter& SecretJsonWriter::Close(char bracket) {
  buffer_.Append(std::string_view(&bracket, 1));
  needs_comma_ = true;
  return *this;
}

SecretJsonWriter& SecretJsonWriter::Word(std::string_view text) {
  Separate();
  buffer_.Append(text);
  return *this;
}

void SecretJsonWriter::AppendQuoted(std::string_view text) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  buffer_.Append("\"");
  for (const char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      const char escape[] = {'\\', 'u', '0', '0', kHexDigits[byte >> 4], kHexDigits[byte & 0xf]};
      buffer_.Append(std::string_view(escape, sizeof escape));
      continue;
    }
    if (c == '"' || c == '\\') {
      buffer_.Append("\\");
    }
    buffer_.Append(std::string_view(&c, 1));
  }
  buffer_.Append("\"");
}

}  // namespace rbdcrypt
