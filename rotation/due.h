// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "rotation/cron.h"

namespace rbdcrypt::rotation {

// When a volume's next rotation is to begin. Pure functions of what they are given: the same answer
// at every pass, by every leader, until a run ends or fails.

// No volume is rotated again sooner after its last run, whatever its schedule says: cron's own
// finest step.
inline constexpr std::chrono::seconds kShortestInterval(60);

// The wait after the first failure of a run, which doubles with each further one (csi-addons' for
// ABORTED, csi-and-addons 2.4), and the longest one: retryDeadlineSeconds' largest value (3.1).
inline constexpr std::chrono::seconds kFirstRetryDelay(5);
inline constexpr std::chrono::seconds kLongestRetryDelay(1800);

// A last run that lies further ahead was written by a clock that was wrong, and does not count.
inline constexpr std::chrono::hours kLongestClockError(24);

// What is known of one volume's runs, and must outlive the process: the image's metadata and the
// Jobs have it (csi-and-addons 4.8, "last run").
struct RunHistory {
  // Of the CronJob, or of the PVC where there is none: where csi-addons' controller hashes the
  // CronJob's, that one makes the same Jobs.
  std::string uid;
  // Since when the schedule counts: the creation of the same object. The first run is that of the
  // first tick after it, never at once.
  WallTime since;
  // The latest run that ended, with success or for good: when it was scheduled for, or when it
  // ended, whichever is later. A rotation by hand counts as one.
  std::optional<WallTime> last_run = std::nullopt;
  // How often the run after it was tried in vain, and when last; an error that nobody's waiting
  // heals ends the run instead.
  int failures = 0;
  WallTime last_failure = {};
};

// A time in which no run could begin: no scheduler led, or the schedule was another one (from the
// last run on, until that was noticed).
struct Outage {
  WallTime begin;
  WallTime end;
};

struct DueOptions {
  // Runs are spread over so long a time after their tick; zero: not at all.
  std::chrono::seconds stagger_window{0};
  // A run that is so much too late is left out (spec.startingDeadlineSeconds).
  std::optional<std::chrono::seconds> starting_deadline = std::nullopt;
  // The last one.
  std::optional<Outage> outage = std::nullopt;
};

struct NextRun {
  // The tick and the volume's offset in the window (rotation/stagger.h): names the Job.
  WallTime scheduled_at;
  // When it may begin; due is what lies not after the present. Later than scheduled_at after an
  // outage or a failure.
  WallTime start;

  bool operator==(const NextRun&) const = default;
};

// The wait after the `failures`-th failure (from 1 on): exponential, capped, and by the hash of
// `uid` up to a quarter longer, so that what failed at once is not tried again at once.
std::chrono::seconds RetryDelay(std::string_view uid, int failures);

// The run that is owed at `now`, or else the next one; nothing if the schedule has no further tick.
//
//  - However many ticks passed since the last run, one run is owed, with the name of the last of
//    them whose offset has passed, too. It waits no longer than the first of them had to.
//  - A run that an outage kept from beginning does so within the window after that, or within a
//  time
//    as long as the outage if that is shorter: so no backlog begins at once, and no row of short
//    outages can put a run off for ever.
//  - A failed run waits for RetryDelay, and stays owed until it ends.
std::optional<NextRun> FindNextRun(const CronSchedule& schedule,
                                   const RunHistory& history,
                                   const DueOptions& options,
                                   WallTime now);

}  // namespace rbdcrypt::rotation
