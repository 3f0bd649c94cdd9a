// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/image_users.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include "base/strings.h"

namespace rbdcrypt::rbd {
namespace {

// osd_client_watch_timeout is 30 s; the rest is for clocks and a slow answer.
constexpr std::chrono::seconds kPatience{40};
constexpr std::chrono::seconds kReserve{5};
constexpr std::chrono::seconds kFirstWait{1};
constexpr std::chrono::seconds kLongestWait{5};

std::chrono::milliseconds Jitter() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::chrono::milliseconds(std::uniform_int_distribution<int>(0, 999)(random));
}

}  // namespace

Result<std::string> OtherUsers(Image& image) {
  ASSIGN_OR_RETURN(const std::vector<Watcher> watchers, image.Watchers());
  std::vector<std::string> others;
  for (const Watcher& watcher : watchers) {
    if (!watcher.is_self) {
      others.push_back(watcher.address);
    }
  }
  return Join(others, ", ");
}

Status WaitUntilUnused(const Context& context,
                       const std::function<Result<std::string>()>& list_others,
                       const std::string& what) {
  Clock& clock = context.clock();
  const Clock::TimePoint give_up = clock.Now() + kPatience;
  std::chrono::milliseconds wait = kFirstWait + Jitter();
  while (true) {
    ASSIGN_OR_RETURN(const std::string others, list_others());
    if (others.empty()) {
      return OkStatus();
    }
    if (clock.Now() + wait > give_up || context.TimeLeft() < wait + kReserve) {
      return FailedPrecondition(Cat(what, ": still open at ", others, "; ", kHowToFree));
    }
    clock.SleepUntil(clock.Now() + wait);
    RETURN_IF_ERROR(context.Check(Cat("wait until ", what, " is unused")));
    wait = std::min<std::chrono::milliseconds>(2 * wait, kLongestWait + Jitter());
  }
}

}  // namespace rbdcrypt::rbd
