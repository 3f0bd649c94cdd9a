// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/status.h"
#include "rbd/image.h"

namespace rbdcrypt::rotation {

// The keyslot that a rotation was about to add: it is ours, whatever became of it since.
struct RotationRecord {
  // rbd::KeyslotInfo.
  std::string fingerprint;
  // When its DEK was made, in Unix time.
  std::chrono::seconds made_at{0};
};

// What rotations leave in the image's metadata. Written under the volume lock only; times are Unix
// times in decimal seconds, fields are separated by one space.
//
//   key                           value                         from, to
//   rbdcrypt/rotation             time, image ID, fingerprint   before a keyslot is added, to the
//   end rbdcrypt/unexplained-keyslot  time, fingerprint             its first sight, until it is
//   dropped rbdcrypt/dek-made-at          time                          the end of create or
//   rotation, on rbdcrypt/rotated-at           time                          the end of a rotation,
//   on
//
// The image's ID makes a record that RBD copied into a clone nobody's. A record that cannot be read
// counts as none: then a keyslot is taken for somebody else's, which is waited for. One thread per
// object; `image` must outlive it.
class Records {
 public:
  explicit Records(rbd::Image& image) : image_(image) {}

  // Of the rotation that did not end; nothing: the last one did.
  Result<std::optional<RotationRecord>> Begun();

  Status Begin(const RotationRecord& record);

  // For how long that keyslot has been there without an explanation, as far as it was seen; zero,
  // and recorded, if this is the first sight, or the record is of a clock that is ahead.
  Result<std::chrono::seconds> UnexplainedFor(const std::string& fingerprint,
                                              std::chrono::seconds now);

  // When the current DEK was made; nothing: not known.
  Result<std::optional<std::chrono::seconds>> DekMadeAt();

  // The current DEK is of `made_at`, and a rotation to it ended `now`; what Begin() left stays.
  Status SetTimes(std::chrono::seconds made_at, std::chrono::seconds now);

  // Forgets what Begin() left, and the unexplained keyslot if this object was asked for one.
  Status End();

 private:
  Status Forget();

  rbd::Image& image_;
  bool has_unexplained_ = false;
};

}  // namespace rbdcrypt::rotation
