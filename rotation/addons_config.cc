// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/addons_config.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/strings.h"
#include "rotation/go_text.h"
#include "rotation/names.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::hours;

std::optional<SchedulePrecedence> ParsePrecedence(std::string_view text) {
  if (text.empty() || text == kPrecedencePvc) {
    return SchedulePrecedence::kPvc;
  }
  if (text == kPrecedenceStorageClass || text == kPrecedenceStorageClassOnly) {
    return SchedulePrecedence::kStorageClass;
  }
  return std::nullopt;
}

// Negative is off, as zero.
std::optional<hours> ParseWindow(std::string_view text) {
  const std::optional<std::int64_t> number = ParseGoInt(text);
  if (!number.has_value()) {
    return std::nullopt;
  }
  return hours(std::clamp<std::int64_t>(*number, 0, kLongestStaggerWindow.count()));
}

// Sets `field` to what `parse` makes of the key's value, if it is there and makes sense.
template <typename Field, typename Parse>
void ReadKey(const k8s::StringMap& data,
             std::string_view key,
             Parse parse,
             Field& field,
             std::vector<std::string>& warnings) {
  const auto found = data.find(key);
  if (found == data.end()) {
    return;
  }
  const std::optional<Field> value = parse(found->second);
  if (value.has_value()) {
    field = *value;
  } else {
    warnings.push_back(Cat("ConfigMap ", kAddonsConfigMap, ", ", key, ": \"", found->second,
                           "\" is not understood; the default counts"));
  }
}

}  // namespace

AddonsConfig ReadAddonsConfig(const k8s::StringMap& data) {
  AddonsConfig config;
  ReadKey(data, kPrecedenceKey, ParsePrecedence, config.precedence, config.warnings);
  ReadKey(data, kStaggerWindowKey, ParseWindow, config.stagger_window, config.warnings);
  return config;
}

}  // namespace rbdcrypt::rotation
