// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "rbd/image.h"

namespace rbdcrypt::rbd {

// After this time no write to a key manager is on its way any more (safety C, "orphanGrace").
inline constexpr std::chrono::seconds kLateWriteGrace = std::chrono::minutes(15);

// Wall time as image metadata has it.
std::chrono::seconds UnixTime(const Clock& clock);

// How long ago the time in `text` was; nothing for a text that is no time, or one of a clock that
// is ahead of `now`.
std::optional<std::chrono::seconds> AgeOf(const std::string& text, std::chrono::seconds now);

// When a DEK was last sent to a key manager that cannot compare and set, in the metadata of its
// volume's image (safety B5).
//
// There a write that got no answer may land late and take the place of a later one. So the time is
// recorded before a DEK is sent, and no other DEK is sent, and no keyslot dropped because its DEK
// is not stored, before the grace is over. Key managers that compare and set refuse such a
// write by themselves and need none of this. One thread per object; `image` must outlive it.
class SentDek {
 public:
  // Another `grace` than the usual is for crash tests.
  explicit SentDek(Image& image, std::chrono::seconds grace = kLateWriteGrace)
      : image_(image), grace_(grace) {}

  // For how much longer a DEK that was sent may land; nothing where none was, zero where it is too
  // late for it. A record that cannot be read, or is of a clock that is ahead, counts from now on
  // and is written anew.
  Result<std::optional<std::chrono::seconds>> TimeLeft(const Clock& clock);

  // Before a DEK is sent.
  Status Record(const Clock& clock);

  // The DEK that was sent is known to be stored, or never will be.
  Status Forget();

 private:
  Image& image_;
  const std::chrono::seconds grace_;
};

}  // namespace rbdcrypt::rbd
