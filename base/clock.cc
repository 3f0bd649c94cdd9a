// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/clock.h"

#include <thread>

namespace rbdcrypt {
namespace {

class RealClock final : public Clock {
 public:
  TimePoint Now() const override { return std::chrono::steady_clock::now(); }

  std::chrono::system_clock::time_point Wall() const override {
    return std::chrono::system_clock::now();
  }

  void SleepUntil(TimePoint when) override { std::this_thread::sleep_until(when); }
};

}  // namespace

Clock& SystemClock() {
  static RealClock clock;
  return clock;
}

}  // namespace rbdcrypt
