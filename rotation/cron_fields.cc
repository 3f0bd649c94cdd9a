// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/cron_fields.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string>
#include <vector>

#include "base/strings.h"
#include "rotation/go_text.h"

namespace rbdcrypt::rotation {
namespace {

constexpr std::array<std::string_view, 12> kMonthNames = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdayNames = {"sun", "mon", "tue", "wed",
                                                           "thu", "fri", "sat"};

// What a field may hold; the first of `names` stands for `least`.
struct Bounds {
  std::string_view what;
  std::int64_t least;
  std::int64_t most;
  const std::string_view* names = nullptr;
};

constexpr std::array<Bounds, 5> kBounds = {{{"minute", 0, 59},
                                            {"hour", 0, 23},
                                            {"day", 1, 31},
                                            {"month", 1, 12, kMonthNames.data()},
                                            {"weekday", 0, 6, kWeekdayNames.data()}}};

struct Field {
  std::uint64_t set = 0;
  bool has_star = false;
};

bool SameIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

Status Refused(const Bounds& bounds, std::string_view item) {
  return InvalidArgument(Cat(bounds.what, " \"", item,
                             "\" is not understood: write *, a number of ", bounds.least, " to ",
                             bounds.most, ", a-b, or one of these with /n"));
}

// -1: neither a name nor a number that counts from zero.
std::int64_t NumberOrName(const Bounds& bounds, std::string_view text) {
  for (std::int64_t i = 0; bounds.names != nullptr && i <= bounds.most - bounds.least; ++i) {
    if (SameIgnoringCase(bounds.names[i], text)) {
      return bounds.least + i;
    }
  }
  return ParseGoInt(text).value_or(-1);
}

// Every `step`-th number from `first` to `last`, both at most 59.
std::uint64_t Steps(std::int64_t first, std::int64_t last, std::int64_t step) {
  std::uint64_t set = 0;
  for (std::int64_t n = first; n <= last; n += std::min(step, last + 1)) {
    set |= 1ULL << n;
  }
  return set;
}

// One item of a list.
Result<Field> ParseItem(const Bounds& bounds, std::string_view item) {
  const std::vector<std::string> range_and_step = Split(item, '/');
  const std::vector<std::string> range = Split(range_and_step[0], '-');
  const bool has_step = range_and_step.size() == 2;
  Field field = {.set = 0, .has_star = range[0] == "*" || range[0] == "?"};
  std::int64_t first = bounds.least;
  std::int64_t last = bounds.most;
  if (!field.has_star) {
    first = NumberOrName(bounds, range[0]);
    // A lone number with a step goes up to the largest.
    last = range.size() == 2 ? NumberOrName(bounds, range[1]) : (has_step ? bounds.most : first);
  }
  const std::int64_t step = has_step ? ParseGoInt(range_and_step[1]).value_or(0) : 1;
  if (range_and_step.size() > 2 || (!field.has_star && range.size() > 2) || first < bounds.least ||
      last > bounds.most || first > last || step < 1) {
    return Refused(bounds, item);
  }
  field.has_star = field.has_star && step == 1;
  field.set = Steps(first, last, step);
  return field;
}

Result<Field> ParseField(const Bounds& bounds, std::string_view text) {
  Field field;
  for (const std::string& item : Split(text, ',')) {
    if (!item.empty()) {
      ASSIGN_OR_RETURN(const Field part, ParseItem(bounds, item));
      field.set |= part.set;
      field.has_star = field.has_star || part.has_star;
    }
  }
  return field;
}

bool Has(std::uint64_t set, std::int64_t n) {
  return ((set >> n) & 1) != 0;
}

}  // namespace

bool CronFields::HasDay(std::chrono::year_month_day date) const {
  const bool by_day = Has(days, static_cast<unsigned>(date.day()));
  const bool by_weekday =
      Has(weekdays, std::chrono::weekday(std::chrono::sys_days(date)).c_encoding());
  return both_days ? by_day && by_weekday : by_day || by_weekday;
}

bool CronFields::HasMonth(std::chrono::month month) const {
  return Has(months, static_cast<unsigned>(month));
}

bool CronFields::HasHour(std::chrono::hours hour) const {
  return Has(hours, hour.count());
}

bool CronFields::HasMinute(std::chrono::minutes minute) const {
  return Has(minutes, minute.count());
}

Result<CronFields> ParseCronFields(std::string_view text) {
  const std::vector<std::string_view> texts = GoFields(text);
  if (texts.size() != kBounds.size()) {
    return InvalidArgument(
        Cat("a schedule has 5 fields, minute hour day month weekday, and not ", texts.size()));
  }
  std::array<Field, kBounds.size()> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    ASSIGN_OR_RETURN(fields[i], ParseField(kBounds[i], texts[i]));
  }
  const auto& [minute, hour, day, month, weekday] = fields;
  return CronFields{.minutes = minute.set,
                    .hours = hour.set,
                    .days = day.set,
                    .months = month.set,
                    .weekdays = weekday.set,
                    .both_days = day.has_star || weekday.has_star};
}

}  // namespace rbdcrypt::rotation
