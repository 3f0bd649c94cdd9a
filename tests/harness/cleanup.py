# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Takes down what a run left on this machine, by force, and only what is under its own folders."""
import os
import pathlib
import shutil
import signal
import subprocess
import time


def _mounts_below(folder):
    lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1].replace("\\040", " ") for line in lines]
    return [p for p in points if p == str(folder) or p.startswith(f"{folder}/")]


def _daemons_of(folder):
    """Processes that have `folder` in their command line and are qemu-storage-daemon."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                argv = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if "qemu-storage-daemon" in argv and str(folder) in argv:
                found.append(int(entry.name))
    return found


def _loops_of(folder):
    text = subprocess.run(["losetup", "--noheadings", "--output", "NAME,BACK-FILE"],
                          capture_output=True, text=True).stdout
    rows = [line.split(None, 1) for line in text.splitlines()]
    return [row[0] for row in rows if len(row) == 2 and row[1].startswith(str(folder))]


def clean(folder, runtime):
    """Unmounts, detaches and removes everything below the two folders."""
    for point in reversed(_mounts_below(folder)):
        subprocess.run(["umount", "--lazy", point], stderr=subprocess.DEVNULL)
    for device in _loops_of(runtime):
        subprocess.run(["losetup", "--detach", device], stderr=subprocess.DEVNULL)
    for pid in _daemons_of(runtime):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    deadline = time.monotonic() + 5
    while _daemons_of(runtime) and time.monotonic() < deadline:
        time.sleep(0.05)
    for point in reversed(_mounts_below(runtime)):
        subprocess.run(["umount", "--lazy", point], stderr=subprocess.DEVNULL)
    shutil.rmtree(runtime, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
