// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/cron.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/strings.h"
#include "rotation/go_text.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hh_mm_ss;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_seconds;
using std::chrono::year_month_day;
using std::chrono::years;

// Of a search without a tick (robfig/cron, spec.go).
constexpr years kSearched{5};

// Two years before a WallTime's nanoseconds overflow.
constexpr sys_seconds kEnd = std::chrono::sys_days(std::chrono::year(2260) / 1 / 1);

struct Descriptor {
  std::string_view name;
  std::string_view fields;
};

constexpr std::array<Descriptor, 7> kDescriptors = {{{"@yearly", "0 0 1 1 *"},
                                                     {"@annually", "0 0 1 1 *"},
                                                     {"@monthly", "0 0 1 * *"},
                                                     {"@weekly", "0 0 * * 0"},
                                                     {"@daily", "0 0 * * *"},
                                                     {"@midnight", "0 0 * * *"},
                                                     {"@hourly", "0 * * * *"}}};

constexpr std::string_view kEvery = "@every ";

// Takes "TZ=… " or "CRON_TZ=… " off the front of `text`. The original panics where no space
// follows.
Result<TimeZone> TakeZone(std::string_view& text) {
  if (!text.starts_with("TZ=") && !text.starts_with("CRON_TZ=")) {
    return TimeZone();
  }
  const std::size_t begin = text.find('=') + 1;
  const std::size_t end = text.find(' ');
  if (end == std::string_view::npos) {
    return InvalidArgument("the schedule ends after its time zone");
  }
  ASSIGN_OR_RETURN(const TimeZone zone, TimeZone::Load(text.substr(begin, end - begin)));
  text = TrimGoSpace(text.substr(end));
  return zone;
}

Result<seconds> ParseEvery(std::string_view text) {
  const auto duration = ParseGoDuration(text);
  if (!duration.has_value()) {
    return InvalidArgument(Cat("\"", text, "\" behind @every is no duration like 36h or 1h30m"));
  }
  return std::max(floor<seconds>(*duration), seconds(1));
}

// The fields that a descriptor stands for.
Result<CronFields> ParseDescriptor(std::string_view text) {
  for (const Descriptor& each : kDescriptors) {
    if (each.name == text) {
      return ParseCronFields(each.fields);
    }
  }
  return InvalidArgument(Cat("\"", text,
                             "\" is not known: there are @yearly, @annually, @monthly, ",
                             "@weekly, @daily, @midnight, @hourly and @every with a duration"));
}

// `local` where it matches; else the first time of day on the clock that may.
local_seconds Advance(const CronFields& fields, local_seconds local) {
  const local_days day = floor<days>(local);
  const year_month_day date(day);
  if (!fields.HasMonth(date.month())) {
    return local_days(date.year() / date.month() / 1 + std::chrono::months(1));
  }
  if (!fields.HasDay(date)) {
    return day + days(1);
  }
  const hh_mm_ss clock(local - day);
  if (!fields.HasHour(clock.hours())) {
    return day + clock.hours() + hours(1);
  }
  if (!fields.HasMinute(clock.minutes()) || clock.seconds() != seconds(0)) {
    return floor<minutes>(local) + minutes(1);
  }
  return local;
}

// The first match at or after `time`. Between two changes of the clocks, local time passes as UTC
// does; what a step would reach beyond a change is looked at anew from there.
std::optional<sys_seconds> FirstMatch(const CronFields& fields,
                                      const TimeZone& zone,
                                      sys_seconds time) {
  TimeZone::Period period = zone.PeriodAt(time);
  const auto local_time = [&] { return local_seconds(time.time_since_epoch() + period.offset); };
  const auto local_year = [&] { return year_month_day(floor<days>(local_time())).year(); };
  for (const auto last_year = local_year() + kSearched; local_year() <= last_year;) {
    const seconds step = Advance(fields, local_time()) - local_time();
    if (step == seconds(0)) {
      return time;
    }
    time = std::min(time + step, period.end);
    if (time == period.end) {
      period = zone.PeriodAt(time);
    }
  }
  return std::nullopt;
}

}  // namespace

Result<CronSchedule> CronSchedule::Parse(std::string_view text) {
  if (text.empty()) {
    return InvalidArgument("the schedule is empty");
  }
  ASSIGN_OR_RETURN(const TimeZone zone, TakeZone(text));
  if (text.starts_with(kEvery)) {
    ASSIGN_OR_RETURN(const seconds every, ParseEvery(text.substr(kEvery.size())));
    return CronSchedule(every);
  }
  ASSIGN_OR_RETURN(const CronFields fields,
                   text.starts_with('@') ? ParseDescriptor(text) : ParseCronFields(text));
  return CronSchedule(fields, zone);
}

std::optional<WallTime> CronSchedule::Next(WallTime after) const {
  const auto second = floor<seconds>(after);
  std::optional<sys_seconds> next;
  if (every_ > seconds(0)) {
    next = second + every_;
  } else if (fields_.minutes != 0 && fields_.hours != 0) {
    next = FirstMatch(fields_, zone_, second + seconds(1));
  }
  if (!next.has_value() || *next >= kEnd) {
    return std::nullopt;
  }
  return WallTime(*next);
}

std::optional<WallTime> CronSchedule::Latest(WallTime after, WallTime until) const {
  const std::optional<WallTime> first = Next(after);
  if (!first.has_value() || *first > until) {
    return std::nullopt;
  }
  if (every_ > seconds(0)) {
    return *first + (until - *first) / every_ * every_;
  }
  if (!TicksIn(*first, until)) {
    return first;
  }
  // A tick follows `low`, none follows `high`: where they meet is the last one.
  sys_seconds low = floor<seconds>(*first);
  sys_seconds high = floor<seconds>(until);
  while (high - low > seconds(1)) {
    const sys_seconds middle = low + (high - low) / 2;
    (TicksIn(WallTime(middle), until) ? low : high) = middle;
  }
  return WallTime(high);
}

bool CronSchedule::TicksIn(WallTime after, WallTime until) const {
  const std::optional<WallTime> next = Next(after);
  return next.has_value() && *next <= until;
}

}  // namespace rbdcrypt::rotation
