// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/metadata.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/strings.h"

namespace rbdcrypt::rbd::luks {
namespace {

constexpr std::uint64_t kAlignment = 4096;

Status Damaged(std::string_view what) {
  return DataLoss(Cat("the header's JSON area is damaged: ", what));
}

// The same error, told as damage: whoever wrote this text was no LUKS2 tool.
template <typename T>
Result<T> OrDamaged(Result<T> result) {
  return result.ok() ? std::move(result) : Result<T>(Damaged(Message(result.status())));
}

Result<const Json*> Child(const Json& object, std::string_view field, std::string_view what) {
  const auto found = object.is_object() ? object.find(field) : object.end();
  if (found == object.end() || !found->is_object()) {
    return Damaged(Cat(what, ".", field, " is no object"));
  }
  return &*found;
}

Result<std::string> Text(const Json& object, std::string_view field, std::string_view what) {
  return OrDamaged(RequiredString(object, field, what));
}

Result<std::string> TextOrEmpty(const Json& object, std::string_view field, std::string_view what) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text,
                   OrDamaged(OptionalString(object, field, what)));
  return text.value_or("");
}

// Numbers of 64 bits are JSON strings in this format (section 3.1).
Result<std::uint64_t> TextNumber(const Json& object,
                                 std::string_view field,
                                 std::string_view what) {
  ASSIGN_OR_RETURN(const std::string text, Text(object, field, what));
  const std::optional<std::uint64_t> number = ParseUint64(text);
  if (!number) {
    return Damaged(Cat(what, ".", field, " is no number"));
  }
  return *number;
}

// Numbers of 32 bits are JSON numbers.
Result<std::uint64_t> NumberOr(std::uint64_t fallback,
                               const Json& object,
                               std::string_view field,
                               std::string_view what) {
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> number,
                   OrDamaged(OptionalInt(object, field, what)));
  if (number && (*number < 0 || *number > UINT32_MAX)) {
    return Damaged(Cat(what, ".", field, " is out of range"));
  }
  return number ? static_cast<std::uint64_t>(*number) : fallback;
}

// The key of a keyslot, segment or digest object: a small decimal number.
Result<int> ParseNumber(std::string_view name, std::string_view what) {
  const std::optional<std::uint64_t> number = ParseUint64(name);
  if (!number || *number >= kMaxKeyslots) {
    return Damaged(Cat(what, " has a number outside 0 to ", kMaxKeyslots - 1));
  }
  return static_cast<int>(*number);
}

Result<std::vector<int>> NumberList(const Json& object,
                                    std::string_view field,
                                    std::string_view what) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   OrDamaged(StringArray(object, field, what)));
  std::vector<int> numbers;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(numbers.emplace_back(), ParseNumber(name, what));
  }
  return numbers;
}

Result<Kdf> ParseKdf(const Json& slot, std::string_view what) {
  Kdf kdf;
  if (!slot.contains("kdf")) {
    return kdf;
  }
  ASSIGN_OR_RETURN(const Json* const object, Child(slot, "kdf", what));
  ASSIGN_OR_RETURN(kdf.type, Text(*object, "type", what));
  const std::string_view cost_field = kdf.type == "pbkdf2" ? "iterations" : "time";
  ASSIGN_OR_RETURN(kdf.cost, NumberOr(0, *object, cost_field, what));
  ASSIGN_OR_RETURN(kdf.memory_kib, NumberOr(0, *object, "memory", what));
  ASSIGN_OR_RETURN(kdf.cpus, NumberOr(0, *object, "cpus", what));
  ASSIGN_OR_RETURN(kdf.salt, TextOrEmpty(*object, "salt", what));
  return kdf;
}

Result<Keyslot> ParseKeyslot(const std::string& name, const Json& object) {
  const std::string what = Cat("keyslots.", name);
  Keyslot slot;
  ASSIGN_OR_RETURN(slot.number, ParseNumber(name, "keyslots"));
  ASSIGN_OR_RETURN(slot.type, Text(object, "type", what));
  ASSIGN_OR_RETURN(slot.key_bytes, NumberOr(0, object, "key_size", what));
  ASSIGN_OR_RETURN(const Json* const area, Child(object, "area", what));
  ASSIGN_OR_RETURN(slot.area.offset_bytes, TextNumber(*area, "offset", what));
  ASSIGN_OR_RETURN(slot.area.length_bytes, TextNumber(*area, "size", what));
  ASSIGN_OR_RETURN(slot.kdf, ParseKdf(object, what));
  ASSIGN_OR_RETURN(const std::uint64_t priority, NumberOr(1, object, "priority", what));
  if (priority > 2) {
    return Damaged(Cat(what, ".priority is none of 0, 1, 2"));
  }
  slot.priority = static_cast<Priority>(priority);
  return slot;
}

Result<Segment> ParseSegment(const std::string& name, const Json& object) {
  const std::string what = Cat("segments.", name);
  Segment segment;
  ASSIGN_OR_RETURN(segment.number, ParseNumber(name, "segments"));
  ASSIGN_OR_RETURN(segment.type, Text(object, "type", what));
  ASSIGN_OR_RETURN(segment.offset_bytes, TextNumber(object, "offset", what));
  ASSIGN_OR_RETURN(const std::string size, Text(object, "size", what));
  if (size != "dynamic") {
    ASSIGN_OR_RETURN(segment.size_bytes, TextNumber(object, "size", what));
  }
  ASSIGN_OR_RETURN(segment.cipher, TextOrEmpty(object, "encryption", what));
  ASSIGN_OR_RETURN(segment.sector_bytes, NumberOr(512, object, "sector_size", what));
  if (object.contains("integrity")) {
    ASSIGN_OR_RETURN(const Json* const integrity, Child(object, "integrity", what));
    ASSIGN_OR_RETURN(segment.integrity, Text(*integrity, "type", what));
  }
  return segment;
}

Result<Digest> ParseDigest(const std::string& name, const Json& object) {
  const std::string what = Cat("digests.", name);
  Digest digest;
  ASSIGN_OR_RETURN(digest.number, ParseNumber(name, "digests"));
  ASSIGN_OR_RETURN(digest.type, Text(object, "type", what));
  ASSIGN_OR_RETURN(digest.hash, TextOrEmpty(object, "hash", what));
  ASSIGN_OR_RETURN(digest.iterations, NumberOr(0, object, "iterations", what));
  ASSIGN_OR_RETURN(digest.keyslots, NumberList(object, "keyslots", what));
  ASSIGN_OR_RETURN(digest.segments, NumberList(object, "segments", what));
  return digest;
}

// Reads every member of the object `field` with `parse`, sorted by number.
template <typename T>
Result<std::vector<T>> ParseAll(const Json& root,
                                std::string_view field,
                                Result<T> (*parse)(const std::string&, const Json&)) {
  ASSIGN_OR_RETURN(const Json* const objects, Child(root, field, "header"));
  std::vector<T> all;
  for (const auto& [name, object] : objects->items()) {
    ASSIGN_OR_RETURN(all.emplace_back(), parse(name, object));
  }
  const auto by_number = [](const T& left, const T& right) { return left.number < right.number; };
  std::sort(all.begin(), all.end(), by_number);
  const auto same = [](const T& left, const T& right) { return left.number == right.number; };
  if (std::adjacent_find(all.begin(), all.end(), same) != all.end()) {
    return Damaged(Cat(field, " has a number twice"));
  }
  return all;
}

Status ParseConfig(const Json& root, std::uint64_t copy_bytes, Metadata& metadata) {
  ASSIGN_OR_RETURN(const Json* const config, Child(root, "config", "header"));
  ASSIGN_OR_RETURN(const std::uint64_t json_bytes, TextNumber(*config, "json_size", "config"));
  if (json_bytes != copy_bytes - kAlignment) {
    return Damaged(Cat("config.json_size, ", json_bytes, ", does not fit the copy's size"));
  }
  ASSIGN_OR_RETURN(metadata.keyslots_bytes, TextNumber(*config, "keyslots_size", "config"));
  if (metadata.keyslots_bytes > kMaxMetadataBytes - 2 * copy_bytes ||
      metadata.keyslots_bytes % kAlignment != 0) {
    return Damaged(Cat("config.keyslots_size, ", metadata.keyslots_bytes, ", is out of range"));
  }
  if (!config->contains("requirements")) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const Json* const requirements, Child(*config, "requirements", "config"));
  ASSIGN_OR_RETURN(metadata.requirements,
                   OrDamaged(StringArray(*requirements, "mandatory", "config.requirements")));
  return OkStatus();
}

// Everything later steered by these numbers stays inside the keyslots' space.
Status CheckAreas(const Metadata& metadata, std::uint64_t copy_bytes) {
  const ByteRange space = {2 * copy_bytes, metadata.keyslots_bytes};
  for (const Keyslot& slot : metadata.keyslots) {
    const ByteRange& area = slot.area;
    const bool is_inside = area.offset_bytes >= space.offset_bytes && area.length_bytes > 0 &&
                           area.length_bytes <= space.length_bytes &&
                           area.offset_bytes <= space.end_bytes() - area.length_bytes;
    if (!is_inside) {
      return Damaged(Cat("keyslots.", slot.number, ".area lies outside the keyslots' space"));
    }
  }
  std::vector<ByteRange> areas;
  for (const Keyslot& slot : metadata.keyslots) {
    const auto overlaps = [&](const ByteRange& other) { return slot.area.Overlaps(other); };
    if (std::any_of(areas.begin(), areas.end(), overlaps)) {
      return Damaged(Cat("keyslots.", slot.number, ".area overlaps another's"));
    }
    areas.push_back(slot.area);
  }
  return OkStatus();
}

Result<std::string_view> JsonText(std::span<const std::byte> json_area) {
  const auto end = std::find(json_area.begin(), json_area.end(), std::byte{0});
  if (end == json_area.end()) {
    return Damaged("its text has no end");
  }
  return std::string_view(reinterpret_cast<const char*>(json_area.data()),
                          static_cast<std::size_t>(end - json_area.begin()));
}

}  // namespace

Result<Metadata> ParseMetadata(std::span<const std::byte> json_area, std::uint64_t copy_bytes) {
  ASSIGN_OR_RETURN(const std::string_view text, JsonText(json_area));
  ASSIGN_OR_RETURN(const Json root, OrDamaged(ParseJson(text, "header")));
  Metadata metadata;
  RETURN_IF_ERROR(ParseConfig(root, copy_bytes, metadata));
  ASSIGN_OR_RETURN(metadata.keyslots, ParseAll<Keyslot>(root, "keyslots", ParseKeyslot));
  ASSIGN_OR_RETURN(metadata.segments, ParseAll<Segment>(root, "segments", ParseSegment));
  ASSIGN_OR_RETURN(metadata.digests, ParseAll<Digest>(root, "digests", ParseDigest));
  RETURN_IF_ERROR(CheckAreas(metadata, copy_bytes));
  return metadata;
}

}  // namespace rbdcrypt::rbd::luks
