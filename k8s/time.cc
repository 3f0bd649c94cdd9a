// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/time.h"

#include <array>
#include <cstdint>
#include <cstdio>

#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::duration_cast;
using std::chrono::floor;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// "2026-01-31T12:00:00".
std::string FormatSeconds(WallTime time) {
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(floor<seconds>(time - day));
  std::array<char, 64> text;
  static_cast<void>(std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count())));
  return text.data();
}

// Takes a text apart from its front.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool failed() const { return failed_; }

  bool done() const { return !failed_ && text_.empty(); }

  // `digits` decimal digits in [least, most].
  int Number(std::size_t digits, int least, int most) {
    const auto number = text_.size() < digits ? std::nullopt : ParseUint64(text_.substr(0, digits));
    if (!number.has_value() || *number < static_cast<std::uint64_t>(least) ||
        *number > static_cast<std::uint64_t>(most)) {
      failed_ = true;
      return least;
    }
    text_.remove_prefix(digits);
    return static_cast<int>(*number);
  }

  // One of the characters of `any`; '\0' where it is none.
  char Skip(std::string_view any) {
    if (text_.empty() || any.find(text_.front()) == std::string_view::npos) {
      failed_ = true;
      return '\0';
    }
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }

  // ".123", where it stands.
  nanoseconds Fraction() {
    if (text_.empty() || text_.front() != '.') {
      return nanoseconds::zero();
    }
    text_.remove_prefix(1);
    std::int64_t value = 0;
    std::int64_t unit = 100'000'000;
    bool any = false;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      value += (text_.front() - '0') * unit;
      unit /= 10;
      any = true;
      text_.remove_prefix(1);
    }
    failed_ = failed_ || !any;
    return nanoseconds(value);
  }

 private:
  std::string_view text_;
  bool failed_ = false;
};

std::chrono::minutes Offset(Reader& reader) {
  const char sign = reader.Skip("Zz+-");
  if (sign != '+' && sign != '-') {
    return std::chrono::minutes(0);
  }
  const int hours = reader.Number(2, 0, 23);
  reader.Skip(":");
  const int minutes = reader.Number(2, 0, 59);
  return std::chrono::minutes((sign == '-' ? -1 : 1) * (hours * 60 + minutes));
}

}  // namespace

std::string FormatTime(WallTime time) {
  return Cat(FormatSeconds(time), 'Z');
}

std::string FormatMicroTime(WallTime time) {
  const auto fraction = floor<microseconds>(time - floor<seconds>(time));
  std::array<char, 32> text;
  static_cast<void>(
      std::snprintf(text.data(), text.size(), ".%06dZ", static_cast<int>(fraction.count())));
  return Cat(FormatSeconds(time), text.data());
}

std::optional<WallTime> ParseTime(std::string_view text) {
  Reader reader(text);
  const int year = reader.Number(4, 1970, 2261);
  reader.Skip("-");
  const int month = reader.Number(2, 1, 12);
  reader.Skip("-");
  const int day = reader.Number(2, 1, 31);
  reader.Skip("Tt ");
  const int hour = reader.Number(2, 0, 23);
  reader.Skip(":");
  const int minute = reader.Number(2, 0, 59);
  reader.Skip(":");
  const int second = reader.Number(2, 0, 60);
  const nanoseconds fraction = reader.Fraction();
  const std::chrono::minutes offset = Offset(reader);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!reader.done() || !date.ok()) {
    return std::nullopt;
  }
  const auto time = std::chrono::sys_days(date) + std::chrono::hours(hour) +
                    std::chrono::minutes(minute) + seconds(second) - offset;
  return WallTime(duration_cast<WallTime::duration>(time.time_since_epoch() + fraction));
}

}  // namespace rbdcrypt::k8s
