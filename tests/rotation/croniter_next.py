# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Says when cron expressions come, by croniter; test_croniter.py runs it with a Python that has it.

    croniter_next.py ticks    lines "expression TAB time": the next five ticks, or "never"
    croniter_next.py minutes  lines "zone TAB expression TAB time": of the five days from then, up to
                              five minutes whose time of day and date in the zone match
"""
import datetime
import sys
import zoneinfo

import croniter

TICKS = 5
SEARCHED_MINUTES = 5 * 24 * 60


def ticks(expression, time):
    start = datetime.datetime.fromtimestamp(int(time), datetime.timezone.utc)
    schedule = croniter.croniter(expression, start)
    found = []
    try:
        while len(found) < TICKS:
            found.append(str(int(schedule.get_next(float))))
    except croniter.CroniterBadDateError:
        found.append("never")
    return found


def matches(fields, local):
    """By the sets that croniter expands the fields to, and nothing of how it steps through time."""
    minute, hour, day, month, weekday = (None if "*" in field else field for field in fields)
    by_day = day is None or local.day in day
    by_weekday = weekday is None or local.isoweekday() % 7 in weekday
    if day is not None and weekday is not None:
        is_day = by_day or by_weekday
    else:
        is_day = by_day and by_weekday
    return (is_day and (minute is None or local.minute in minute)
            and (hour is None or local.hour in hour) and (month is None or local.month in month))


def minutes(zone, expression, time):
    fields, _ = croniter.croniter.expand(expression)
    zone = zoneinfo.ZoneInfo(zone)
    first = int(time) // 60 + 1
    found = []
    for minute in range(first, first + SEARCHED_MINUTES):
        if matches(fields, datetime.datetime.fromtimestamp(minute * 60, zone)):
            found.append(str(minute * 60))
            if len(found) == TICKS:
                break
    return found


def main():
    answer = {"ticks": ticks, "minutes": minutes}[sys.argv[1]]
    for line in sys.stdin:
        print("\t".join(answer(*line.rstrip("\n").split("\t"))))


if __name__ == "__main__":
    main()
