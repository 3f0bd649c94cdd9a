// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/watch_stream.h"

#include <array>
#include <cstring>
#include <string>

#include "base/secret_json.h"
#include "base/strings.h"
#include "k8s/fields.h"

namespace rbdcrypt::k8s {
namespace {

constexpr std::string_view kErrorEvent = "ERROR";

constexpr std::array<std::string_view, 6> kIdentityFields = {
    "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"};

std::optional<WatchEvent::Type> TypeOf(std::string_view text) {
  if (text == "ADDED") {
    return WatchEvent::Type::kAdded;
  }
  if (text == "MODIFIED") {
    return WatchEvent::Type::kModified;
  }
  if (text == "DELETED") {
    return WatchEvent::Type::kDeleted;
  }
  if (text == "BOOKMARK") {
    return WatchEvent::Type::kBookmark;
  }
  return std::nullopt;
}

Status NoEvent(std::string_view why) {
  return Internal(Cat("the API server's answer is no watch event: ", why));
}

void CopyText(const SecretJson& from, std::string_view field, Json& to) {
  const std::optional<SecretJson> value = from.Find({field});
  const std::optional<std::string> text = value.has_value() ? value->AsText() : std::nullopt;
  if (text.has_value()) {
    to[std::string(field)] = *text;
  }
}

}  // namespace

Status LineSplitter::Feed(std::span<const std::byte> bytes,
                          const std::function<Status(std::string_view line)>& line) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view piece = text.substr(0, end);
    if (rest_.size() + piece.size() > max_bytes_) {
      return Internal(Cat("the API server sent a line longer than ", max_bytes_, " bytes"));
    }
    if (end == std::string_view::npos) {
      rest_.Append(piece);
      return OkStatus();
    }
    text.remove_prefix(end + 1);
    if (rest_.size() == 0) {
      RETURN_IF_ERROR(line(piece));
      continue;
    }
    rest_.Append(piece);
    RETURN_IF_ERROR(line(rest_.written()));
    rest_.Clear();
  }
  return OkStatus();
}

Status WatchDecoder::Feed(std::span<const std::byte> bytes,
                          const std::function<Status(WatchEvent event)>& sink) {
  return lines_.Feed(bytes, [&](std::string_view line) { return TakeLine(line, sink); });
}

Status WatchDecoder::TakeLine(std::string_view line,
                              const std::function<Status(WatchEvent event)>& sink) {
  if (Trim(line).empty()) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(auto type_and_object, ReadLine(line));
  auto& [type_text, object] = type_and_object;
  if (type_text == kErrorEvent) {
    return ErrorOfStatusObject(call_, object);
  }
  const std::optional<WatchEvent::Type> type = TypeOf(type_text);
  if (!type.has_value()) {
    return OkStatus();
  }
  if (!object.is_object()) {
    return NoEvent("\"object\" is no JSON object");
  }
  return sink({.type = *type, .object = std::move(object)});
}

Result<std::pair<std::string, Json>> WatchDecoder::ReadLine(std::string_view line) const {
  if (!identity_only_) {
    Result<Json> event = ParseJson(line, "the event");
    if (!event.ok() || !event->is_object()) {
      return NoEvent(event.ok() ? "it is no object" : Message(event.status()));
    }
    return std::make_pair(Fields(*event, "event").Text("type"), std::move((*event)["object"]));
  }
  const Result<SecretJson> event = SecretJson::Parse(line, "the event");
  if (!event.ok()) {
    return NoEvent(Message(event.status()));
  }
  const std::optional<SecretJson> type = event->Find({"type"});
  const std::optional<SecretJson> object = event->Find({"object"});
  const std::string type_text = type.has_value() ? type->AsText().value_or("") : "";
  if (!object.has_value()) {
    return NoEvent("it has no \"object\"");
  }
  // The one object of a Secret's watch that is none.
  Result<Json> read =
      type_text == kErrorEvent ? ParseJson(object->Raw(), "the event") : IdentityOf(object->Raw());
  if (!read.ok()) {
    return NoEvent(Message(read.status()));
  }
  return std::make_pair(type_text, *std::move(read));
}

Result<Json> IdentityOf(std::string_view text) {
  const Result<SecretJson> object = SecretJson::Parse(text, "the object");
  const std::optional<SecretJson> meta = object.ok() ? object->Find({"metadata"}) : std::nullopt;
  if (!meta.has_value()) {
    return Internal("the API server's answer is no object with metadata");
  }
  Json identity = {{"metadata", Json::object()}};
  CopyText(*object, "apiVersion", identity);
  CopyText(*object, "kind", identity);
  for (const std::string_view field : kIdentityFields) {
    CopyText(*meta, field, identity["metadata"]);
  }
  return identity;
}

}  // namespace rbdcrypt::k8s
