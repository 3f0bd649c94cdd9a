// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/yaml.h"

#include <cstddef>
#include <string>
#include <utility>

#include <openssl/crypto.h>
#include <yaml.h>

#include "base/secret_json.h"
#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

// One event of the parser; a scalar is wiped with it.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  ~Event() {
    if (event_.type == YAML_SCALAR_EVENT) {
      OPENSSL_cleanse(event_.data.scalar.value, event_.data.scalar.length);
    }
    yaml_event_delete(&event_);
  }

  yaml_event_t* get() { return &event_; }

  yaml_event_type_t type() const { return event_.type; }

  std::size_t line() const { return event_.start_mark.line + 1; }

  std::string_view Scalar() const {
    return {reinterpret_cast<const char*>(event_.data.scalar.value), event_.data.scalar.length};
  }

  bool IsPlain() const { return event_.data.scalar.style == YAML_PLAIN_SCALAR_STYLE; }

  // An anchor or a tag of its own.
  bool IsMarked() const {
    switch (event_.type) {
      case YAML_SCALAR_EVENT:
        return event_.data.scalar.anchor != nullptr || event_.data.scalar.tag != nullptr;
      case YAML_SEQUENCE_START_EVENT:
        return event_.data.sequence_start.anchor != nullptr ||
               event_.data.sequence_start.tag != nullptr;
      case YAML_MAPPING_START_EVENT:
        return event_.data.mapping_start.anchor != nullptr ||
               event_.data.mapping_start.tag != nullptr;
      default:
        return event_.type == YAML_ALIAS_EVENT;
    }
  }

 private:
  yaml_event_t event_ = {};
};

class Converter {
 public:
  Converter(std::string_view text, std::string_view what) : what_(what) {
    RBDCRYPT_CHECK(yaml_parser_initialize(&parser_) == 1);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }

  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  ~Converter() {
    OPENSSL_cleanse(parser_.buffer.start,
                    static_cast<std::size_t>(parser_.buffer.end - parser_.buffer.start));
    OPENSSL_cleanse(parser_.raw_buffer.start,
                    static_cast<std::size_t>(parser_.raw_buffer.end - parser_.raw_buffer.start));
    yaml_parser_delete(&parser_);
  }

  Result<Secret> Run() {
    RETURN_IF_ERROR(Expect(YAML_STREAM_START_EVENT, "a text"));
    RETURN_IF_ERROR(Expect(YAML_DOCUMENT_START_EVENT, "a document"));
    Event root;
    RETURN_IF_ERROR(Next(root));
    RETURN_IF_ERROR(Value(root, 0));
    RETURN_IF_ERROR(Expect(YAML_DOCUMENT_END_EVENT, "the end of the document"));
    RETURN_IF_ERROR(Expect(YAML_STREAM_END_EVENT, "a single document"));
    return std::move(writer_).Take();
  }

 private:
  Status Error(std::size_t line, std::string_view why) const {
    return InvalidArgument(Cat(what_, ", line ", line, ": ", why));
  }

  Status Next(Event& event) {
    if (yaml_parser_parse(&parser_, event.get()) != 1) {
      return Error(parser_.problem_mark.line + 1,
                   Cat("no YAML: ", parser_.problem == nullptr ? "" : parser_.problem));
    }
    if (event.IsMarked()) {
      return Error(event.line(), "anchors, aliases and tags are not supported: write it out");
    }
    return OkStatus();
  }

  Status Expect(yaml_event_type_t type, std::string_view expected) {
    Event event;
    RETURN_IF_ERROR(Next(event));
    return event.type() == type ? OkStatus() : Error(event.line(), Cat("expected ", expected));
  }

  Status Value(const Event& event, int depth) {
    if (depth > kMaxYamlDepth) {
      return Error(event.line(), "nested too deeply");
    }
    switch (event.type()) {
      case YAML_SCALAR_EVENT:
        WriteScalar(event);
        return OkStatus();
      case YAML_SEQUENCE_START_EVENT:
        return Sequence(depth);
      case YAML_MAPPING_START_EVENT:
        return Mapping(depth);
      default:
        return Error(event.line(), "expected a value");
    }
  }

  void WriteScalar(const Event& event) {
    const std::string_view text = event.Scalar();
    if (event.IsPlain() && (text == "true" || text == "false")) {
      writer_.Value(text == "true");
    } else if (event.IsPlain() && (text == "null" || text == "~")) {
      writer_.Value(std::string_view());
    } else {
      writer_.Value(text);
    }
  }

  Status Sequence(int depth) {
    writer_.BeginArray();
    while (true) {
      Event item;
      RETURN_IF_ERROR(Next(item));
      if (item.type() == YAML_SEQUENCE_END_EVENT) {
        writer_.EndArray();
        return OkStatus();
      }
      RETURN_IF_ERROR(Value(item, depth + 1));
    }
  }

  Status Mapping(int depth) {
    writer_.BeginObject();
    while (true) {
      Event key;
      RETURN_IF_ERROR(Next(key));
      if (key.type() == YAML_MAPPING_END_EVENT) {
        writer_.EndObject();
        return OkStatus();
      }
      if (key.type() != YAML_SCALAR_EVENT) {
        return Error(key.line(), "a key must be a word");
      }
      writer_.Key(key.Scalar());
      Event value;
      RETURN_IF_ERROR(Next(value));
      RETURN_IF_ERROR(Value(value, depth + 1));
    }
  }

  std::string what_;
  yaml_parser_t parser_ = {};
  SecretJsonWriter writer_;
};

}  // namespace

Result<Secret> YamlToJson(std::string_view text, std::string_view what) {
  return Converter(text, what).Run();
}

}  // namespace rbdcrypt::k8s
