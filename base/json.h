// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/status.h"

namespace rbdcrypt {

using Json = nlohmann::json;

// Parses without exceptions. kInvalidArgument names `what` and the byte offset, never the content.
Result<Json> ParseJson(std::string_view text, std::string_view what);

// Typed access: absent and null give nothing (StringArray: an empty one); a value of another type
// is kInvalidArgument naming "what.field". So is an `object` that is none.
Result<std::optional<std::string>> OptionalString(const Json& object,
                                                  std::string_view field,
                                                  std::string_view what);
Result<std::optional<std::int64_t>> OptionalInt(const Json& object,
                                                std::string_view field,
                                                std::string_view what);
Result<std::optional<bool>> OptionalBool(const Json& object,
                                         std::string_view field,
                                         std::string_view what);
Result<std::vector<std::string>> StringArray(const Json& object,
                                             std::string_view field,
                                             std::string_view what);

// As OptionalString, but absent is an error too.
Result<std::string> RequiredString(const Json& object,
                                   std::string_view field,
                                   std::string_view what);

}  // namespace rbdcrypt
