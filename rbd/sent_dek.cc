// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/sent_dek.h"

#include <algorithm>

#include "base/strings.h"
#include "rbd/first_metadata.h"
#include "rbd/names.h"

namespace rbdcrypt::rbd {

using std::chrono::seconds;

seconds UnixTime(const Clock& clock) {
  return std::chrono::duration_cast<seconds>(clock.Wall().time_since_epoch());
}

std::optional<seconds> AgeOf(const std::string& text, seconds now) {
  const std::optional<std::uint64_t> then = ParseUint64(text);
  if (!then.has_value() || *then > static_cast<std::uint64_t>(now.count())) {
    return std::nullopt;
  }
  return now - seconds(*then);
}

Result<std::optional<seconds>> SentDek::TimeLeft(const Clock& clock) {
  ASSIGN_OR_RETURN(const std::string text, FirstMetadata(image_, {kMetaDekSentAt}));
  if (text.empty()) {
    return std::optional<seconds>();
  }
  const std::optional<seconds> age = AgeOf(text, UnixTime(clock));
  if (!age.has_value()) {
    RETURN_IF_ERROR(Record(clock));
  }
  return std::max(grace_ - age.value_or(seconds::zero()), seconds::zero());
}

Status SentDek::Record(const Clock& clock) {
  return image_.SetMetadata(kMetaDekSentAt, std::to_string(UnixTime(clock).count()));
}

Status SentDek::Forget() {
  return image_.RemoveMetadata(kMetaDekSentAt);
}

}  // namespace rbdcrypt::rbd
