// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::rotation {

// The five fields of a cron expression, each as a set: bit n stands for n.
struct CronFields {
  std::uint64_t minutes = 0;
  std::uint64_t hours = 0;
  std::uint64_t days = 0;
  std::uint64_t months = 0;
  // 0 is Sunday.
  std::uint64_t weekdays = 0;
  // Whether a day must be in `days` and `weekdays`, as where one of the two was "*"; else, both
  // restricted, one is enough.
  bool both_days = false;

  // Whether it has a day, and a time of day, at all.
  bool HasDay(std::chrono::year_month_day date) const;
  bool HasMonth(std::chrono::month month) const;
  bool HasHour(std::chrono::hours hour) const;
  bool HasMinute(std::chrono::minutes minute) const;

  bool operator==(const CronFields&) const = default;
};

// Reads "minute hour day month weekday" as csi-addons does, which takes the standard parser of
// robfig/cron v3.0.1 (parser.go; csi-and-addons 4.4):
//
//   minute 0-59, hour 0-23, day 1-31, month 1-12 or jan-dec, weekday 0-6 or sun-sat, in any case; 7
//   is no Sunday. A field is a list, by commas, of
//     *      ?          all
//     a      a-b        one number or name; a range, which must not go backwards
//     */n    a/n a-b/n  every n-th of those; a/n goes up to the largest
//
// Its leniencies are ours: empty items of a list are skipped, so that "," is the empty set and
// never comes; what follows "*-" is ignored up to a slash; a number may have a plus sign. A "*" in
// a list makes the field unrestricted, a step of two or more does not.
//
// kInvalidArgument: anything else; the text names the field.
Result<CronFields> ParseCronFields(std::string_view text);

}  // namespace rbdcrypt::rotation
