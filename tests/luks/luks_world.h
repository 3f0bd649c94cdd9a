// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "rbd/luks/header.h"
#include "rbd/luks/header_io.h"
#include "rbd/luks/layout.h"
#include "tests/fakes/fake_header_io.h"

namespace rbdcrypt::rbd::luks {

// What the tests of this folder have in common.

// Three keys as a DEK looks: 28 characters.
inline constexpr std::string_view kK0 = "K0-random-text-of-28-chars-=";
inline constexpr std::string_view kK1 = "K1-random-text-of-28-chars-=";
inline constexpr std::string_view kWrong = "no-slot-answers-to-this-one=";

inline constexpr std::string_view kUuid = "6f0ad5cc-8f51-4a4a-9a5b-1f1d3c1c0a11";

// Formats the image with `key` in slot 0 and writes it back.
Status FormatImage(HeaderIo& io, std::string_view key);

// Adds `added` in a slot of its own and writes it back; returns the slot.
Result<int> AddKey(HeaderIo& io, std::string_view known, std::string_view added);

// Drops `slot` and writes it back.
Status DropSlot(HeaderIo& io, int slot);

// A fresh load's TestPassphrase.
Result<int> Opens(HeaderIo& io, std::string_view key);

// A header with K0 in slot 0; made once, copied out.
testing::FakeHeaderIo ImageWithK0();

// The same with K1 in slot 1.
testing::FakeHeaderIo ImageWithK0AndK1();

// Both copies of ImageWithK0, as bytes.
std::vector<std::byte> CopiesWithK0();

// The JSON text of the first copy in `copies`.
std::string JsonOf(const std::vector<std::byte>& copies);

// Both copies of the default size around `json`, sealed, sequence number 7. `json` may be any text
// that fits; longer ones are cut off.
std::vector<std::byte> SealedCopies(std::string_view json);

// A recorded header of tests/vectors/luks, in an image of 64 MiB.
testing::FakeHeaderIo RecordedImage(std::string_view name);

// Turns over one bit of the image, as another client would.
void FlipBit(testing::FakeHeaderIo& io, std::uint64_t offset_bytes);

}  // namespace rbdcrypt::rbd::luks
