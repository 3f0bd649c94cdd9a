// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/records.h"

#include <cstdint>
#include <vector>

#include "base/crash_point.h"
#include "base/strings.h"
#include "rbd/first_metadata.h"
#include "rbd/names.h"
#include "rbd/sent_dek.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::seconds;

std::optional<seconds> ParseTime(const std::string& text) {
  const std::optional<std::uint64_t> time = ParseUint64(text);
  if (!time.has_value()) {
    return std::nullopt;
  }
  return seconds(*time);
}

}  // namespace

Result<std::optional<RotationRecord>> Records::Begun() {
  ASSIGN_OR_RETURN(const std::string text, rbd::FirstMetadata(image_, {rbd::kMetaRotation}));
  const std::vector<std::string> fields = Split(text, ' ');
  const std::optional<seconds> made_at = ParseTime(fields[0]);
  if (fields.size() != 3 || !made_at.has_value() || fields[1] != image_.Id()) {
    return std::optional<RotationRecord>();
  }
  return std::optional(RotationRecord{.fingerprint = fields[2], .made_at = *made_at});
}

Status Records::Begin(const RotationRecord& record) {
  return image_.SetMetadata(rbd::kMetaRotation,
                            Cat(record.made_at.count(), " ", image_.Id(), " ", record.fingerprint));
}

Result<seconds> Records::UnexplainedFor(const std::string& fingerprint, seconds now) {
  has_unexplained_ = true;
  ASSIGN_OR_RETURN(const std::string text,
                   rbd::FirstMetadata(image_, {rbd::kMetaUnexplainedKeyslot}));
  const std::vector<std::string> fields = Split(text, ' ');
  if (fields.size() == 2 && fields[1] == fingerprint) {
    if (const std::optional<seconds> age = rbd::AgeOf(fields[0], now)) {
      return *age;
    }
  }
  RETURN_IF_ERROR(AfterEffect(
      "rotation.unexplained-seen",
      image_.SetMetadata(rbd::kMetaUnexplainedKeyslot, Cat(now.count(), " ", fingerprint))));
  return seconds::zero();
}

Result<std::optional<seconds>> Records::DekMadeAt() {
  ASSIGN_OR_RETURN(const std::string text, rbd::FirstMetadata(image_, {rbd::kMetaDekMadeAt}));
  return ParseTime(text);
}

Status Records::SetTimes(seconds made_at, seconds now) {
  return AfterEffect("rotation.recorded",
                     image_.SetAllMetadata({{rbd::kMetaDekMadeAt, std::to_string(made_at.count())},
                                            {rbd::kMetaRotatedAt, std::to_string(now.count())}}));
}

Status Records::Forget() {
  if (has_unexplained_) {
    RETURN_IF_ERROR(image_.RemoveMetadata(rbd::kMetaUnexplainedKeyslot));
  }
  return image_.RemoveMetadata(rbd::kMetaRotation);
}

Status Records::End() {
  return AfterEffect("rotation.ended", Forget());
}

}  // namespace rbdcrypt::rotation
