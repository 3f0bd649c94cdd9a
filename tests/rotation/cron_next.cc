// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Says when cron expressions come, for comparison with other programs: of each line "expression TAB
// seconds since 1970" on standard input, one on standard output with the next five ticks after that
// time, as such seconds separated by tabs. "refused" stands for an expression that is none, "never"
// where no tick follows.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "rotation/cron.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::seconds;

constexpr int kTicks = 5;

std::string Ticks(std::string_view expression, WallTime after) {
  const Result<CronSchedule> schedule = CronSchedule::Parse(expression);
  if (!schedule.ok()) {
    return "refused";
  }
  std::string text;
  for (int i = 0; i < kTicks; ++i) {
    const std::optional<WallTime> tick = schedule->Next(after);
    if (!tick.has_value()) {
      return Cat(text, "never");
    }
    after = *tick;
    text += Cat(after.time_since_epoch() / seconds(1), i + 1 < kTicks ? "\t" : "");
  }
  return text;
}

// Nothing: the line is not as it should be.
std::optional<std::string> Answer(std::string_view line) {
  const std::size_t tab = line.rfind('\t');
  if (tab == std::string_view::npos) {
    return std::nullopt;
  }
  std::int64_t time = 0;
  const std::string_view number = line.substr(tab + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), time);
  if (error != std::errc() || end != number.data() + number.size()) {
    return std::nullopt;
  }
  return Ticks(line.substr(0, tab), WallTime(seconds(time)));
}

}  // namespace
}  // namespace rbdcrypt::rotation

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto answer = rbdcrypt::rotation::Answer(line);
    if (!answer.has_value()) {
      std::cerr << "not an expression, a tab and a time: " << line << "\n";
      return 2;
    }
    std::cout << *answer << "\n";
  }
  return 0;
}
