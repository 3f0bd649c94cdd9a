#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Fails where the crash points in the code and the tables of crash_points.h differ.

A crash point is a call AfterEffect("name", …) right after a durable effect. Each folder that has
some lists them, in the order a volume meets them, in its crash_points.h; tests take their list from
`rbdcrypt crash-points`, which prints those tables. A name in one but not the other means that a
crash at that point is tested nowhere, or that a test waits for a point nobody passes.
"""
import pathlib
import re
import sys

CALL = re.compile(r'AfterEffect\(\s*"([^"]+)"')
NAME = re.compile(r'^\s*"([a-z0-9.-]+)",?', re.MULTILINE)
SHAPE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\.[a-z0-9]+(?:-[a-z0-9]+)*")


def names_in_code(folder):
    names = set()
    for path in folder.glob("*.cc"):
        names.update(CALL.findall(path.read_text()))
    return names


def names_in_table(folder):
    table = folder / "crash_points.h"
    if not table.exists():
        return []
    text = table.read_text()
    start = text.find("kCrashPoints")
    return NAME.findall(text[start:])


def complaints_of(folder, shown):
    in_code, listed = names_in_code(folder), names_in_table(folder)
    for name in sorted(in_code - set(listed)):
        yield f"{shown}: {name} is in the code but not in crash_points.h"
    for name in sorted(set(listed) - in_code):
        yield f"{shown}: {name} is in crash_points.h but not in the code"
    for name in sorted({n for n in listed if listed.count(n) > 1}):
        yield f"{shown}: {name} is listed twice"
    for name in listed:
        if not SHAPE.fullmatch(name):
            yield f"{shown}: {name} is not of the form flow.effect-name"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    folders = sorted({p.parent for p in root.glob("*/*.cc")} | {p.parent for p in root.glob("rbd/*/*.cc")})
    folders = [f for f in folders if f.relative_to(root).parts[0] not in ("tests", "bench", "build")]
    complaints, count, owner = [], 0, {}
    for folder in folders:
        shown = folder.relative_to(root).as_posix()
        complaints.extend(complaints_of(folder, shown))
        for name in names_in_table(folder):
            count += 1
            if owner.setdefault(name, shown) != shown:
                complaints.append(f"{name} is listed by {owner[name]} and by {shown}")
    if count == 0:
        complaints.append(f"{root}: no crash points found")
    print("\n".join(complaints) or f"{count} crash points, as listed")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
