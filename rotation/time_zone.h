// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <string_view>

#include <absl/time/time.h>

#include "base/status.h"

namespace rbdcrypt::rotation {

// Where Debian's package tzdata has the IANA data base.
inline constexpr std::string_view kZoneFolder = "/usr/share/zoneinfo";

// A civil time zone, as far as a schedule needs it: when its clocks differ from UTC by how much.
//
// A value, cheap to copy; without a name it is UTC. What was loaded stays in memory for the life of
// the process, so a package that is updated counts after a restart. Thread safe.
//
// Exists because g++ 12 has no std::chrono::tzdb.
class TimeZone {
 public:
  // A time during which the clocks do not change.
  struct Period {
    // Local time minus UTC.
    std::chrono::seconds offset;
    // Its first moment no more; the largest value where no change follows.
    std::chrono::sys_seconds end;
  };

  // UTC.
  TimeZone() : zone_(absl::UTCTimeZone()) {}

  // The zone with an IANA name, "Europe/Berlin", case sensitive. As Go's time.LoadLocation does, it
  // takes "" and "UTC" as UTC, and "Local" as this process's own, which in csi-addons' image, and
  // always here, is UTC.
  //
  // kInvalidArgument: it is no such name, or kZoneFolder has no such zone. A name is looked for
  // below that folder only, and one that is not there takes no memory.
  static Result<TimeZone> Load(std::string_view name);

  Period PeriodAt(std::chrono::sys_seconds time) const;

 private:
  explicit TimeZone(absl::TimeZone zone) : zone_(zone) {}

  absl::TimeZone zone_;
};

}  // namespace rbdcrypt::rotation
