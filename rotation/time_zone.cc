// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/time_zone.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>
#include <system_error>

#include "base/strings.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// What names in the data base are made of (tz, theory.html, "Timezone identifiers"). No point, so
// no way out of the folder, and no colon, which absl gives meanings of its own.
bool IsNameCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '+' || c == '-' ||
         c == '/';
}

// absl remembers each name that it was asked for, so none of a stranger's choice gets there.
bool IsZoneFile(std::string_view name) {
  const bool is_name =
      name.front() != '/' && std::all_of(name.begin(), name.end(), &IsNameCharacter);
  std::error_code ignored;
  return is_name && std::filesystem::is_regular_file(Cat(kZoneFolder, '/', name), ignored);
}

}  // namespace

Result<TimeZone> TimeZone::Load(std::string_view name) {
  if (name.empty() || name == "UTC" || name == "Local") {
    return TimeZone();
  }
  absl::TimeZone zone;
  if (!IsZoneFile(name) || !absl::LoadTimeZone(std::string(name), &zone)) {
    return InvalidArgument(Cat("there is no time zone \"", name, "\" in ", kZoneFolder));
  }
  return TimeZone(zone);
}

TimeZone::Period TimeZone::PeriodAt(sys_seconds time) const {
  const absl::Time instant = absl::FromUnixSeconds(time.time_since_epoch().count());
  const absl::TimeZone::CivilInfo now = zone_.At(instant);
  Period period = {.offset = seconds(now.offset), .end = sys_seconds::max()};
  absl::TimeZone::CivilTransition change;
  if (zone_.NextTransition(instant, &change)) {
    period.end = time + seconds(change.from - now.cs);
  }
  return period;
}

}  // namespace rbdcrypt::rotation
