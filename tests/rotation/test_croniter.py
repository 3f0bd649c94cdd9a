# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Random cron expressions, by our parser and by croniter (dev/croniter), which shares no code with it or
with what csi-addons uses.

The expressions are those that both are meant to take alike, so there is none with what only one of them
takes: 7 for Sunday, ranges that go backwards, fields of seconds or years, L, W and # are croniter's; "?"
for a minute, an hour or a month, plus signs, empty items and CRON_TZ are csi-addons'. Nor is there what
they read differently: "5-5", which croniter takes as once around, "*/1" in a list, which for it is a
restriction, and a list of ranges that leaves nothing out, which is none. croniter looks for fifty years where csi-addons gives up after five, so none is asked from
where the next leap day is further away. And croniter moves ticks that are skipped or come twice when the
clocks change, so there its fields are compared with the time of day of each minute.
"""
import datetime
import pathlib
import random
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "sun mon tue wed thu fri sat".split()
# Least, most, names.
FIELDS = [(0, 59, None), (0, 23, None), (1, 31, None), (1, 12, MONTHS), (0, 6, WEEKDAYS)]

EXPRESSIONS = 10_000
# 2020 to 2090: from there, the next leap day is never further than four years away.
FIRST, LAST = 1_577_836_800, 3_786_912_000

# Dates on which the clocks change: by an hour at night; at midnight; by half an hour; at a quarter to
# three; by a whole day, which is left out.
CHANGES = {
    "Europe/Berlin": ["2025-03-30", "2025-10-26"],
    "America/New_York": ["2025-03-09", "2025-11-02"],
    "Australia/Sydney": ["2025-04-06", "2025-10-05"],
    "Africa/Cairo": ["2025-04-25", "2025-10-31"],
    "America/Havana": ["2025-03-09", "2025-11-02"],
    "America/Santiago": ["2025-04-06", "2025-09-07"],
    "Asia/Beirut": ["2025-03-30", "2025-10-26"],
    "Australia/Lord_Howe": ["2025-04-06", "2025-10-05"],
    "Pacific/Chatham": ["2025-04-06", "2025-09-28"],
    "Pacific/Apia": ["2011-12-30"],
}
EXPRESSIONS_PER_CHANGE = 40


@pytest.fixture(scope="module")
def croniter(croniter_python):
    """Runs croniter_next.py."""
    return lambda mode, lines: answers([croniter_python, HERE / "croniter_next.py", mode], lines)


@pytest.fixture(scope="module")
def cron_next(program):
    """Runs ours."""
    return lambda lines: answers([program("cron_next")], lines)


def answers(command, lines):
    done = subprocess.run(command, input="".join(f"{line}\n" for line in lines), text=True,
                          capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = done.stdout.splitlines()
    assert len(found) == len(lines)
    return found


def number(dice, least, most, names):
    """A number of a field, and how it is written."""
    value = dice.randint(least, most)
    if names and dice.random() < 0.4:
        name = names[value - least]
        return value, dice.choice([name, name.upper(), name.capitalize()])
    return value, str(value)


def item(dice, field):
    """One item of a list, and what it stands for."""
    shape = dice.random()
    first, last, text = field[0], field[1], "*"
    if shape > 0.2:
        (first, text), (last, end) = sorted(number(dice, *field) for _ in "ab")
        if shape > 0.65 and first < last:
            text += f"-{end}"
        else:
            last = first
    if dice.random() < 0.7:
        return text, range(first, last + 1)
    step = dice.randint(2, field[1])
    return f"{text}/{step}", range(first, (last if first < last else field[1]) + 1, step)


def field_text(dice, field):
    if dice.random() < 0.35:
        return "?" if field in (FIELDS[2], FIELDS[4]) and dice.random() < 0.3 else "*"
    items = [item(dice, field) for _ in range(dice.choice([1, 1, 1, 2, 3]))]
    texts = [text for text, _ in items]
    is_full = len({n for _, numbers in items for n in numbers}) > field[1] - field[0]
    return field_text(dice, field) if is_full and "*" not in texts else ",".join(texts)


def expression(dice):
    return " ".join(field_text(dice, field) for field in FIELDS)


def night(dice):
    """An expression of the hours in which clocks change, mostly on any day."""
    minute = dice.choice(["*", "0", "15", "30", "59", "*/15", "0,45", "*/40"])
    hour = dice.choice(["*", "0", "1", "2", "3", "23", "0-3", "*/2", "0,2", "22-23"])
    day, month, weekday = (
        field_text(dice, field) if dice.random() < 0.15 else "*" for field in FIELDS[2:])
    return f"{minute} {hour} {day} {month} {weekday}"


def different(lines, ours, theirs):
    return [f"{line!r}: ours {a!r}, theirs {b!r}"
            for line, a, b in zip(lines, ours, theirs) if a != b]


def test_ticks_are_those_of_croniter(croniter, cron_next):
    dice = random.Random(6)
    lines = [f"{expression(dice)}\t{dice.randint(FIRST, LAST)}" for _ in range(EXPRESSIONS)]
    theirs = croniter("ticks", lines)
    ours = cron_next(lines)
    assert different(lines, ours, theirs) == []
    # The expressions are worth it: they come, nearly all of them.
    assert sum("never" in answer for answer in theirs) < EXPRESSIONS / 100


def test_ticks_are_minutes_that_match_where_clocks_change(croniter, cron_next):
    dice = random.Random(7)
    cases = []
    for zone, dates in CHANGES.items():
        for date in dates:
            midnight = datetime.datetime.fromisoformat(f"{date}T00:00:00+00:00").timestamp()
            cases += [(zone, night(dice), int(midnight) - dice.randint(0, 2 * 86_400))
                      for _ in range(EXPRESSIONS_PER_CHANGE)]
    theirs = croniter("minutes", ["\t".join(map(str, case)) for case in cases])
    ours = cron_next([f"CRON_TZ={zone} {text}\t{time}" for zone, text, time in cases])
    # Up to where the minutes were looked at.
    ours = ["\t".join(tick for tick in answer.split("\t")
                      if tick != "never" and int(tick) <= time // 60 * 60 + 5 * 86_400)
            for answer, (_, _, time) in zip(ours, cases)]
    assert different(cases, ours, theirs) == []
    assert sum(answer != "" for answer in theirs) > len(cases) / 2
