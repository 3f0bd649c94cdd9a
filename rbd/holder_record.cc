// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/holder_record.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/strings.h"

namespace rbdcrypt::rbd {
namespace {

constexpr char kHolderPrefix[] = "rbdcrypt.holder/";
constexpr char kSeenPrefix[] = "rbdcrypt.seen/";

Result<HolderRecord> Parse(const std::string& text, const std::string& what) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, what));
  HolderRecord record;
  ASSIGN_OR_RETURN(record.addresses, StringArray(json, "addresses", what));
  if (record.addresses.empty()) {
    return InvalidArgument(Cat(what, " names no address"));
  }
  ASSIGN_OR_RETURN(record.identity, RequiredString(json, "identity", what));
  ASSIGN_OR_RETURN(record.process, RequiredString(json, "process", what));
  ASSIGN_OR_RETURN(const auto since, OptionalInt(json, "since", what));
  record.since_unix_seconds = since.value_or(0);
  return record;
}

std::string SeenKey(std::string_view address) {
  return Cat(kSeenPrefix, address);
}

}  // namespace

bool HolderRecord::Names(std::string_view address) const {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

std::string HolderKey(std::string_view own_address) {
  return Cat(kHolderPrefix, own_address);
}

std::string FormatHolderRecord(const HolderRecord& record) {
  const Json json = {{"addresses", record.addresses},
                     {"identity", record.identity},
                     {"process", record.process},
                     {"since", record.since_unix_seconds}};
  return json.dump();
}

Result<std::vector<FoundHolder>> ReadHolders(Omap& omap, std::string_view object) {
  std::vector<FoundHolder> found;
  const Result<OmapValues> values = omap.List(object, kHolderPrefix);
  if (values.status().code() == Code::kNotFound) {
    return found;
  }
  RETURN_IF_ERROR(values.status());
  for (const auto& [key, value] : *values) {
    Result<HolderRecord> record = Parse(value, key);
    if (!record.ok()) {
      return FailedPrecondition(Cat("object ", object, ": ", Message(record.status()),
                                    "; make sure that no process works on the volume any more, ",
                                    "then remove this omap key"));
    }
    found.push_back({.record = *std::move(record), .key = key, .value = value});
  }
  return found;
}

Result<std::int64_t> SeenSince(Omap& omap,
                               std::string_view object,
                               std::string_view address,
                               std::int64_t now_unix_seconds) {
  const Status noted = omap.SetNew(object, SeenKey(address), Cat(now_unix_seconds));
  if (noted.code() != Code::kAlreadyExists) {
    RETURN_IF_ERROR(noted);
    return now_unix_seconds;
  }
  ASSIGN_OR_RETURN(const std::string text, omap.Get(object, SeenKey(address)));
  const auto seconds = ParseUint64(text);
  // What cannot be read counts as seen now: the wait is longer, never shorter.
  return seconds.has_value() ? static_cast<std::int64_t>(*seconds) : now_unix_seconds;
}

Status ForgetHolder(Omap& omap, std::string_view object, const FoundHolder& holder) {
  for (const std::string& address : holder.record.addresses) {
    const Result<std::string> seen = omap.Get(object, SeenKey(address));
    if (seen.ok()) {
      RETURN_IF_ERROR(omap.RemoveKey(object, SeenKey(address), *seen));
    } else if (seen.status().code() != Code::kNotFound) {
      return seen.status();
    }
  }
  return omap.RemoveKey(object, holder.key, holder.value);
}

}  // namespace rbdcrypt::rbd
