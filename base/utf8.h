// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rbdcrypt {

// The bytes of the well-formed sequence that `text` begins with (Unicode, table 3-7): 1 to 4, or 0
// where it begins with none or is empty.
std::size_t Utf8Length(std::string_view text);

// Whether `text` is well-formed throughout; NUL is a character like others.
bool IsUtf8(std::string_view text);

// What may stand in a log or an error of a text that came from outside: at most `max_characters`
// of it, each byte that belongs to no character and each control character (C0, DEL, C1) a space,
// none at either end.
std::string Printable(std::string_view text, std::size_t max_characters);

}  // namespace rbdcrypt
