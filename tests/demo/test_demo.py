# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The demo, as a user runs it, and what it leaves behind: nothing, also after Ctrl-C."""
import pathlib
import re
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

PROMISES = [
    r"CreateVolume answered: 0001-0009-rook-ceph-[0-9a-f]{16}-[0-9a-f-]{36}",
    r"rbd export gave \d+ MiB; the sentence is in them 0 times",
    r"Cipher:\s+aes-xts-plain64",
    r"Iterations: 1000",
    r"all files are there, checksums equal",
    r"while mounted: \d+ MiB became \d+ MiB, files unchanged",
    r"NodeStageVolume answered UNAUTHENTICATED",
    r"kill -9 while it was writing the header",
    r"CreateVolume repeated: the same volume, complete",
    r"NodeStageVolume repeated: mounted, writable",
    r"journal entry: gone; rbdcrypt orphans: nothing",
    r"Every step did what it says",
]


def left_over():
    """What a demo would leave: folders, mounts, loop devices, processes."""
    found = [str(p) for p in pathlib.Path("/var/tmp").glob("rbdcrypt-demo-*")]
    found += [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
              if "rbdcrypt-demo" in line]
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                argv = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if "rbdcrypt-demo" in argv:
                found.append(argv.replace("\0", " "))
    return found


def test_demo_shows_what_it_promises_and_leaves_nothing():
    begun = time.monotonic()
    done = subprocess.run(["make", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    for promise in PROMISES:
        assert re.search(promise, done.stdout), promise
    assert not left_over()
    assert time.monotonic() - begun < 600


def test_interrupted_demo_leaves_nothing():
    child = subprocess.Popen([ROOT / "dev/demo"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        if "Write files" in line:
            child.send_signal(signal.SIGINT)
    assert child.wait(120) == 1
    assert not left_over()
