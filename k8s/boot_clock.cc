// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/boot_clock.h"

#include <cerrno>

#include <time.h>

#include "base/status.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

class RealBootClock final : public Clock {
 public:
  TimePoint Now() const override {
    timespec now = {};
    RBDCRYPT_CHECK(::clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return TimePoint(seconds(now.tv_sec) + nanoseconds(now.tv_nsec));
  }

  std::chrono::system_clock::time_point Wall() const override {
    return std::chrono::system_clock::now();
  }

  void SleepUntil(TimePoint when) override {
    const nanoseconds since_boot = when.time_since_epoch();
    const auto whole = std::chrono::floor<seconds>(since_boot);
    const timespec until = {.tv_sec = whole.count(), .tv_nsec = (since_boot - whole).count()};
    while (::clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
  }
};

}  // namespace

Clock& BootClock() {
  static RealBootClock clock;
  return clock;
}

}  // namespace rbdcrypt::k8s
