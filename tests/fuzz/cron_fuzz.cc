// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// Schedules out of annotations, which anybody who may make a PVC can write.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "rotation/cron.h"
#include "rotation/go_text.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::sys_days;

// Half a second into 2024-02-29, a day that not every schedule may pass over.
constexpr WallTime kStart =
    WallTime(sys_days(std::chrono::year(2024) / 2 / 29)) + std::chrono::milliseconds(500);

void CheckTicks(const CronSchedule& schedule) {
  const std::optional<WallTime> first = schedule.Next(kStart);
  if (!first.has_value()) {
    RBDCRYPT_CHECK(!schedule.Latest(kStart, kStart + days(365)).has_value());
    return;
  }
  RBDCRYPT_CHECK(*first > kStart && floor<seconds>(*first) == *first);
  RBDCRYPT_CHECK(schedule.Latest(kStart, *first) == first);
  RBDCRYPT_CHECK(!schedule.Latest(kStart, *first - seconds(1)).has_value());
  const std::optional<WallTime> second = schedule.Next(*first);
  RBDCRYPT_CHECK(!second.has_value() || *second > *first);
  if (second.has_value()) {
    RBDCRYPT_CHECK(schedule.Latest(kStart, *second) == second);
  }
}

void CheckFields(std::string_view text) {
  const std::string_view trimmed = TrimGoSpace(text);
  RBDCRYPT_CHECK(TrimGoSpace(trimmed) == trimmed);
  for (const std::string_view field : GoFields(text)) {
    RBDCRYPT_CHECK(!field.empty() && GoFields(field).size() == 1);
  }
}

}  // namespace
}  // namespace rbdcrypt::rotation

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto schedule = rbdcrypt::rotation::CronSchedule::Parse(text);
  if (schedule.ok()) {
    rbdcrypt::rotation::CheckTicks(*schedule);
  } else {
    RBDCRYPT_CHECK(schedule.status().code() == rbdcrypt::Code::kInvalidArgument);
  }
  rbdcrypt::rotation::CheckFields(text);
  return 0;
}
