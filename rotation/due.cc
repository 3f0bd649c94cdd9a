// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/due.h"

#include <algorithm>

#include "rotation/stagger.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

// A deadline beyond this is none that matters, and adding it would overflow.
constexpr seconds kLongestDeadline = std::chrono::years(1);

// A tick of one volume's schedule.
struct Tick {
  WallTime time;
  // To the following one; the whole window where none follows.
  seconds interval;
  // Of this volume's run.
  WallTime scheduled_at;
};

class Runs {
 public:
  Runs(const CronSchedule& schedule, const RunHistory& history, const DueOptions& options)
      : schedule_(schedule), history_(history), options_(options) {}

  std::optional<NextRun> Find(WallTime now) const {
    const WallTime base = Base(now);
    const std::optional<WallTime> first_time = schedule_.Next(base);
    if (!first_time.has_value()) {
      return std::nullopt;
    }
    const Tick first = At(*first_time);
    if (first.scheduled_at > now) {
      return Upcoming(first, now);
    }
    const Tick owed = LastOwed(base, now);
    const std::optional<WallTime> deadline = Deadline(owed);
    if (!deadline.has_value() || now <= *deadline) {
      const WallTime start = std::min(AfterOutage(first), deadline.value_or(WallTime::max()));
      return NextRun{.scheduled_at = owed.scheduled_at, .start = NotTooSoon(start, now)};
    }
    const std::optional<WallTime> next = schedule_.Next(owed.time);
    return next.has_value() ? std::optional(Upcoming(At(*next), now)) : std::nullopt;
  }

 private:
  std::optional<WallTime> LastRun(WallTime now) const {
    const bool counts =
        history_.last_run.has_value() && *history_.last_run <= now + kLongestClockError;
    return counts ? history_.last_run : std::nullopt;
  }

  // Ticks after this one are owed or to come.
  WallTime Base(WallTime now) const {
    const WallTime since = std::min(history_.since, now);
    return std::max(since, LastRun(now).value_or(since));
  }

  Tick At(WallTime time) const {
    const std::optional<WallTime> next = schedule_.Next(time);
    const seconds interval =
        next.has_value() ? duration_cast<seconds>(*next - time) : options_.stagger_window;
    return {.time = time,
            .interval = interval,
            .scheduled_at = time + StaggerOffset(history_.uid, options_.stagger_window, interval)};
  }

  // The last tick whose run should have begun; there is one.
  Tick LastOwed(WallTime base, WallTime now) const {
    const Tick last = At(*schedule_.Latest(base, now));
    if (last.scheduled_at <= now) {
      return last;
    }
    return At(*schedule_.Latest(base, last.time - seconds(1)));
  }

  // When it is too late for the run of `owed`.
  std::optional<WallTime> Deadline(const Tick& owed) const {
    const std::optional<seconds>& deadline = options_.starting_deadline;
    if (!deadline.has_value() || *deadline > kLongestDeadline) {
      return std::nullopt;
    }
    return owed.scheduled_at + std::max(*deadline, seconds(0));
  }

  NextRun Upcoming(const Tick& tick, WallTime now) const {
    return {.scheduled_at = tick.scheduled_at, .start = NotTooSoon(tick.scheduled_at, now)};
  }

  // When the run of `tick` could begin.
  WallTime AfterOutage(const Tick& tick) const {
    const std::optional<Outage>& outage = options_.outage;
    if (!outage.has_value() || tick.scheduled_at < outage->begin ||
        tick.scheduled_at >= outage->end) {
      return tick.scheduled_at;
    }
    const auto length = duration_cast<seconds>(outage->end - outage->begin);
    const seconds window = std::min(options_.stagger_window, tick.interval);
    return outage->end + StaggerOffset(history_.uid, window, length);
  }

  // Not before the last run and the last failure were long enough ago.
  WallTime NotTooSoon(WallTime start, WallTime now) const {
    if (const auto last_run = LastRun(now); last_run.has_value()) {
      start = std::max(start, *last_run + kShortestInterval);
    }
    if (history_.failures > 0) {
      start = std::max(start, std::min(history_.last_failure, now) +
                                  RetryDelay(history_.uid, history_.failures));
    }
    return start;
  }

  const CronSchedule& schedule_;
  const RunHistory& history_;
  const DueOptions& options_;
};

}  // namespace

std::chrono::seconds RetryDelay(std::string_view uid, int failures) {
  seconds delay = kFirstRetryDelay;
  for (int n = 1; n < failures && delay < kLongestRetryDelay; ++n) {
    delay *= 2;
  }
  delay = std::min(delay, kLongestRetryDelay);
  return delay + StaggerOffset(uid, delay / 4, delay / 4);
}

std::optional<NextRun> FindNextRun(const CronSchedule& schedule,
                                   const RunHistory& history,
                                   const DueOptions& options,
                                   WallTime now) {
  return Runs(schedule, history, options).Find(now);
}

}  // namespace rbdcrypt::rotation
