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

// A parsed value. Its own members throw where a type is wrong; the functions here do not, so what
// comes from outside is read through them. Nothing of it is wiped: no secret is parsed as JSON.
using Json = nlohmann::json;

// Parses the whole of `text`, without exceptions; of a key that occurs twice the last one counts.
// kInvalidArgument: it is no JSON; the text names `what` and the byte offset, never the content.
// Which type it has is for the caller to check (is_object(), is_array()).
Result<Json> ParseJson(std::string_view text, std::string_view what);

// Typed access: absent and null give nothing (StringArray: an empty one), as in Go, from where most
// formats here come. kInvalidArgument: the value has another type, or `object` is none; the text
// names "what.field", never the value. Unknown fields are nobody's error here.
//
// OptionalInt takes whole numbers of 64 bits with a sign; 1.0 and "1" are none.
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

// As OptionalString, but absent and null are kInvalidArgument, too. An empty string is a value.
Result<std::string> RequiredString(const Json& object,
                                   std::string_view field,
                                   std::string_view what);

}  // namespace rbdcrypt
