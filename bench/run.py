#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Measures rbdcrypt against what a user would run instead, both in the same run.

    bench/run.py [NAME...]      default: every bench/*_bench.py; "io" is bench/io_bench.py

A benchmark is a module with figures(world), which gives Figure objects (figure.py) and takes what it
needs from World (world.py). Prints one table and writes build/bench.json: a list of {name, value,
unit, goal, better, ok}; goal and ok are null where a figure is for information. A missed goal is
reported and marked; the exit status is 0 unless something broke.
"""
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT / "tests"), str(HERE)]
from harness.driver import RpcError  # noqa: E402
from harness.kube import HttpError  # noqa: E402
from world import BUILD, Failure, World  # noqa: E402

RESULT = ROOT / "build" / "bench.json"
# In this order, then whatever else there is.
USUAL_ORDER = ("header", "create", "memory", "kms", "kmip", "io")


def say(text):
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


def build():
    say("building the release binary and the programs of bench/")
    for argv in (("cmake", "--preset", "release", "-DRBDCRYPT_BENCH=ON"),
                 ("cmake", "--build", BUILD, "--target", "rbdcrypt", "bench_programs")):
        done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        if done.returncode != 0:
            raise Failure(f"build: {done.stdout[-3000:]}")


def names_of(arguments):
    there = sorted(path.stem.removesuffix("_bench") for path in HERE.glob("*_bench.py"))
    for name in arguments:
        if name not in there:
            raise Failure(f"no benchmark {name}; there are: {', '.join(there)}")
    first = [name for name in USUAL_ORDER if name in there]
    return arguments or first + [name for name in there if name not in first]


def measure(names):
    found = []
    folder = pathlib.Path(f"/var/tmp/rbdcrypt-bench-{os.getpid()}")
    with World(folder) as world:
        for name in names:
            say(f"measuring: {name}")
            for figure in importlib.import_module(f"{name}_bench").figures(world):
                say(f"  {figure.name}: {figure.value:.3g} {figure.unit}")
                found.append(figure)
    return found


def verdict(figure):
    return {True: "ok", False: "MISSED", None: ""}[figure.ok]


def goal_of(figure):
    sign = "≥" if figure.better == "higher" else "≤"
    return "" if figure.goal is None else f"{sign} {figure.goal:g}"


def print_table(found):
    print(f"\n{'figure':<20}{'value':>9} {'unit':<6}{'goal':>7}  ")
    for figure in found:
        print(f"{figure.name:<20}{figure.value:>9.3g} {figure.unit:<6}{goal_of(figure):>7}  "
              f"{verdict(figure)}")
    print("\nWhat was measured:")
    for figure in found:
        text = f"{figure.name}: {figure.what}."
        if figure.ok is False and figure.why:
            text += f" MISSED: {figure.why}."
        print(textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="    "))
    missed = [figure.name for figure in found if figure.ok is False]
    print(f"\n{len(found)} figures, {len(missed)} missed{': ' if missed else ''}"
          f"{', '.join(missed)}")


def write(found):
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([f.for_json() for f in found], indent=1) + "\n")


def main():
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", sys.executable, *sys.argv])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        names = names_of(sys.argv[1:])
        build()
        busy = os.getloadavg()[0]
        found = measure(names)
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; everything is cleaned up")
    except (Failure, RpcError, HttpError, RuntimeError, OSError,
            subprocess.CalledProcessError) as error:
        sys.exit(f"BROKEN: {error}")
    write(found)
    print_table(found)
    say(f"{RESULT.relative_to(ROOT)} is written; the load average before was {busy:.1f} on "
        f"{os.cpu_count()} processors")


STARTED = time.monotonic()
if __name__ == "__main__":
    main()
