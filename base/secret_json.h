// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/secret_buffer.h"
#include "base/status.h"

namespace rbdcrypt {

// A JSON text (RFC 8259) in which secrets may stand, read in place: nothing is copied but what is
// asked for, and a secret goes straight into a Secret. nlohmann's parser copies every token into
// buffers that nobody wipes, so it never sees such a text.
//
// A view: `text` must outlive it. The whole text is checked when it is made, so that later calls
// cannot meet bad syntax. Thread safe.
class SecretJson {
 public:
  enum class Type { kObject, kArray, kString, kNumber, kBool, kNull };

  // Nesting beyond this is refused: an answer of a key manager has five levels.
  static constexpr int kMaxDepth = 32;

  // kInvalidArgument: no JSON, trailing bytes, no UTF-8, or too deep; the text names `what` and the
  // byte offset, never the content.
  static Result<SecretJson> Parse(std::string_view text, std::string_view what);

  Type type() const;

  // The value at a path of object fields, {"auth", "client_token"}; of a name that occurs twice the
  // last one counts. Nothing where a field is absent, null, or looked for in what is no object.
  std::optional<SecretJson> Find(std::initializer_list<std::string_view> path) const;

  // Calls `visit` for each item of an array (with "" for a name), or of an object with its
  // (unescaped) name, in order, and for nothing else. The name lasts as long as the call. An error
  // of `visit` ends it and is returned.
  Status ForEach(
      const std::function<Status(std::string_view name, const SecretJson& value)>& visit) const;

  // The string's characters, unescaped. Nothing where this is no string.
  std::optional<Secret> AsSecret() const;

  // The same for what is no secret.
  std::optional<std::string> AsText() const;

  // A whole number that fits, or a string of one ("read leniently"): nothing otherwise.
  std::optional<std::int64_t> AsInt() const;

  std::optional<bool> AsBool() const;

  // The value's own text, as it stands in the whole.
  std::string_view Raw() const { return raw_; }

 private:
  explicit SecretJson(std::string_view raw) : raw_(raw) {}

  std::string_view raw_;
};

// Composes a JSON text around secrets without an ordinary string of it:
//
//   SecretJsonWriter body;
//   body.BeginObject().Key("jwt").Value(token).Key("role").Value("csi").EndObject();
//   request.body = std::move(body).Take();
//
// Separators are put by itself; the caller sees to it that keys stand in objects. Not thread safe.
class SecretJsonWriter {
 public:
  SecretJsonWriter& BeginObject();
  SecretJsonWriter& EndObject();
  SecretJsonWriter& BeginArray();
  SecretJsonWriter& EndArray();
  SecretJsonWriter& Key(std::string_view name);

  // Quoted and escaped. What is no UTF-8 is written as it is, and refused by whoever reads it: text
  // of unknown origin is checked, or encoded, before.
  SecretJsonWriter& Value(const Secret& text);
  SecretJsonWriter& Value(std::string_view text);

  SecretJsonWriter& Value(const char* text) { return Value(std::string_view(text)); }

  SecretJsonWriter& Value(std::int64_t number);

  // Of a bool and nothing that merely converts to one: pointers and numbers would.
  template <std::same_as<bool> Flag>
  SecretJsonWriter& Value(Flag flag) {
    return Word(flag ? "true" : "false");
  }

  // What was written; the writer is empty after it.
  Secret Take() &&;

 private:
  void Separate();
  SecretJsonWriter& Open(char bracket);
  SecretJsonWriter& Close(char bracket);
  SecretJsonWriter& Word(std::string_view text);
  void AppendQuoted(std::string_view text);

  SecretBuffer buffer_;
  bool needs_comma_ = false;
};

}  // namespace rbdcrypt
