# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What a driver can leave on a machine: mounts, loop devices, daemons."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time


def mounts_below(folder):
    """Mount points below a folder, deepest first."""
    prefix = f"{folder}/"
    points = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].replace("\\040", " ")
        if point.startswith(prefix):
            points.append(point)
    return sorted(points, key=len, reverse=True)


def loops_over(folder):
    """Loop devices over files below a folder."""
    done = subprocess.run(["losetup", "--list", "--json", "--output", "NAME,BACK-FILE"],
                          capture_output=True, text=True, check=True)
    devices = json.loads(done.stdout)["loopdevices"] if done.stdout.strip() else []
    return [d["name"] for d in devices if f"{folder}/" in (d["back-file"] or "")]


def daemons_of(folder):
    """Process numbers of the storage daemons that keep their state below a folder."""
    pids = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            argv = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        program = argv.split(b"\0")[0]
        if program.endswith(b"qemu-storage-daemon") and f"{folder}/".encode() in argv:
            pids.append(int(entry.name))
    return pids


class Leftovers:
    """Of one driver, known by its folder and its runtime folder."""

    def __init__(self, folder, runtime):
        self.folder, self.runtime = folder, runtime

    def find(self):
        return ([f"mount {m}" for m in mounts_below(self.folder)] +
                [f"loop {d}" for d in loops_over(self.runtime)] +
                [f"daemon {p}" for p in daemons_of(self.runtime)])

    def remove(self):
        """Takes all of it away; what there was, as texts."""
        found = self.find()
        for point in mounts_below(self.folder):
            subprocess.run(["umount", "--lazy", point], check=False)
        for device in loops_over(self.runtime):
            subprocess.run(["losetup", "--detach", device], check=False)
        for pid in daemons_of(self.runtime):
            end(pid)
        for point in mounts_below(self.runtime):
            subprocess.run(["umount", "--lazy", point], check=False)
        return found


def end(pid):
    """SIGTERM, and after 5 s SIGKILL."""
    deadline = time.monotonic() + 5
    try:
        os.kill(pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def clean(folder, runtime):
    """Takes down, by force, what is left below the two folders, and the folders themselves."""
    Leftovers(folder, runtime).remove()
    shutil.rmtree(runtime, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
