// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "k8s/time.h"
#include "rotation/cron_fields.h"
#include "rotation/time_zone.h"

namespace rbdcrypt::rotation {

using k8s::WallTime;

// When something recurs, as the annotation "schedule" says it.
//
//   ASSIGN_OR_RETURN(const CronSchedule schedule, CronSchedule::Parse("CRON_TZ=Asia/Tokyo
//   @daily")); const std::optional<WallTime> tick = schedule.Next(clock.Wall());
//
// Immutable, thread safe.
class CronSchedule {
 public:
  // Reads what csi-addons reads, which takes the standard parser of robfig/cron v3.0.1 (parser.go;
  // csi-and-addons 4.4):
  //
  //   five fields               rotation/cron_fields.h
  //   @yearly @annually         0 0 1 1 *
  //   @monthly                  0 0 1 * *
  //   @weekly                   0 0 * * 0
  //   @daily @midnight          0 0 * * *
  //   @hourly                   0 * * * *
  //   @every 1h30m              so long after the last run; a Go duration, cut to whole seconds, at
  //                             least one (rotation/due.h has a floor of its own)
  //
  // all behind an optional "CRON_TZ=Europe/Berlin " or "TZ=Europe/Berlin ", without which the times
  // of day are UTC's. Lower case and exactly so. An expression that never comes, as "0 0 30 2 *",
  // is one: people write it to say never.
  //
  // kInvalidArgument: anything else, the empty text included; the text says why.
  static Result<CronSchedule> Parse(std::string_view text);

  // The first tick after `after`, on a whole second. Nothing if none comes until the end of the
  // fifth calendar year from then (as robfig/cron, spec.go), or before the year 2260, so that there
  // is room to add to it.
  //
  // A tick is each moment at which the zone's clocks show a matching time: a time of day that is
  // skipped when they are put forward does not tick on that day, and one that comes twice when they
  // are put back ticks twice. So does robfig/cron where the clocks change by an hour at another
  // hour than midnight; elsewhere it loses ticks of times that exist, or ticks at others, which is
  // not repeated here.
  std::optional<WallTime> Next(WallTime after) const;

  // The last tick in (after, until], however many there are; those of "@every" count from `after`.
  std::optional<WallTime> Latest(WallTime after, WallTime until) const;

 private:
  CronSchedule(CronFields fields, TimeZone zone) : fields_(fields), zone_(zone) {}

  explicit CronSchedule(std::chrono::seconds every) : every_(every) {}

  bool TicksIn(WallTime after, WallTime until) const;

  // Zero where the fields count.
  std::chrono::seconds every_{0};
  CronFields fields_;
  TimeZone zone_;
};

}  // namespace rbdcrypt::rotation
