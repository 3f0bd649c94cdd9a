# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What benchmarks run on: one Ceph, drivers of the release build, the two programs of bench/."""
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess

from harness.ceph import Ceph
from harness.driver import GIB, Driver
from harness.leftovers import clean

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"


class Failure(Exception):
    """Something broke; a missed goal is none of it."""


def undisturbed(action, *arguments, **options):
    """Does it to the end, also where somebody presses Ctrl-C once more."""
    signals = (signal.SIGINT, signal.SIGTERM)
    heeded = [signal.signal(number, signal.SIG_IGN) for number in signals]
    try:
        action(*arguments, **options)
    finally:
        for number, handler in zip(signals, heeded):
            signal.signal(number, handler)


class World:
    """A context: everything is up inside of it and gone after it."""

    def __init__(self, folder):
        self.folder = folder
        self.ceph = Ceph(folder / "ceph")
        self.numbers = itertools.count(1)
        self.cleanup = contextlib.ExitStack()

    def __enter__(self):
        self.folder.mkdir(mode=0o700)
        self.cleanup.callback(undisturbed, shutil.rmtree, self.folder, ignore_errors=True)
        self.cleanup.callback(undisturbed, self.ceph.down)
        try:
            self.ceph.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.cleanup.close()

    @property
    def env(self):
        return {**os.environ, **self.ceph.env}

    @contextlib.contextmanager
    def driver(self):
        """A fresh controller and node; images are mapped through user space."""
        number = next(self.numbers)
        driver = Driver(BUILD / "cmd/rbdcrypt", self.ceph, self.folder / f"driver-{number}",
                        attacher="qemu", runtime=f"/run/rbdcrypt-b{os.getpid()}-{number}")
        with contextlib.ExitStack() as stack:
            stack.callback(undisturbed, clean, driver.folder, driver.runtime)
            stack.callback(undisturbed, driver.stop)
            yield driver.start()

    def run(self, *argv, stdin=None, env=None):
        """Standard output of a program that must succeed."""
        done = subprocess.run([str(a) for a in argv], env={**self.env, **(env or {})},
                              capture_output=True, text=True, input=stdin)
        if done.returncode != 0:
            raise Failure(f"{argv[0]}: exit status {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout


class Caller:
    """Makes many CSI calls to a controller over one connection, up to `callers` at a time."""

    def __init__(self, world, driver, callers=1):
        self.world, self.driver, self.callers = world, driver, callers

    def call(self, method, requests):
        """The results in the order of the requests: {"seconds": …, "answer": …}."""
        lines = [json.dumps({"method": method, "request": request}) for request in requests]
        text = self.world.run(BUILD / "bench/csi_calls", self.driver.controller.socket,
                              self.callers, stdin="".join(f"{line}\n" for line in lines))
        results = sorted((json.loads(line) for line in text.splitlines()), key=lambda r: r["call"])
        failed = [r for r in results if r["code"] != 0]
        if failed or len(results) != len(lines):
            raise Failure(f"{method}: {len(failed)} of {len(results)} failed: {failed[:1]}")
        return results

    def create(self, volumes):
        """Creates them; the seconds of each."""
        results = self.call("CreateVolume", [v.create_request() for v in volumes])
        for volume, result in zip(volumes, results):
            volume.take(result["answer"])
        return [r["seconds"] for r in results]

    def delete(self, volumes):
        self.call("DeleteVolume", [v.delete_request() for v in volumes])

    def volume(self, kms_id="local", size=GIB):
        """One that does not exist yet; None for `kms_id`: not encrypted."""
        return self.driver.volume(f"pvc-bench-{next(self.world.numbers)}", kms_id=kms_id, size=size,
                                  block=True)


def memory_kib(process):
    """The lines of /proc/PID/status that are sizes."""
    lines = pathlib.Path(f"/proc/{process.child.pid}/status").read_text().splitlines()
    pairs = (line.split() for line in lines if line.endswith(" kB"))
    return {pair[0].rstrip(":"): int(pair[1]) for pair in pairs}
