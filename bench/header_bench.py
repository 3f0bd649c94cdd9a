# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Making and opening a LUKS2 header: ceph-csi's command lines against our code."""
import json
import statistics
import subprocess
import time

from figure import HIGHER, ms, ratio
from world import BUILD, Failure

# What ceph-csi runs on a mapped image (ceph-csi-compat 5.5), its passphrase on standard input.
FORMAT = ("cryptsetup", "-q", "luksFormat", "--type", "luks2", "--hash", "sha256",
          "--pbkdf-memory", "32768", "DEVICE", "-d", "/dev/stdin")
# As ceph-csi opens it, but for the mapping itself, which a fair comparison leaves out.
OPEN = ("cryptsetup", "luksOpen", "--test-passphrase", "DEVICE", "-d", "/dev/stdin")
PASSPHRASE = b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM="
ROUNDS, OURS_A_ROUND = 3, 10


def seconds_of(command, device):
    argv = [str(device) if word == "DEVICE" else word for word in command]
    begun = time.monotonic()
    done = subprocess.run(argv, input=PASSPHRASE, capture_output=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(argv)}: {done.stderr.decode()}")
    return time.monotonic() - begun


def figures(world):
    theirs = {"format": [], "open": []}
    ours = {"format": [], "open": []}
    device = world.folder / "cryptsetup-device"
    # In turn, so that whatever else the machine does is shared by both sides.
    for _ in range(ROUNDS):
        with open(device, "wb") as new:
            new.truncate(1 << 30)
        theirs["format"].append(seconds_of(FORMAT, device))
        theirs["open"].append(seconds_of(OPEN, device))
        device.unlink()
        times = json.loads(world.run(BUILD / "bench/header_times", OURS_A_ROUND))
        for name, seen in ours.items():
            seen.extend(times[name])
    for name, goal, what in (
            ("format", 100, "look at the image, make the header, write it back, durable"),
            ("open", 50, "load the header from the image and test the passphrase")):
        yield ratio(name, statistics.median(theirs[name]) / statistics.median(ours[name]), goal,
                    HIGHER, f"ceph-csi's cryptsetup {FORMAT[2] if name == 'format' else 'open'} on "
                    f"a local sparse file ({ms(theirs[name])}) ÷ ours through librbd on Ceph: "
                    f"{what} ({ms(ours[name])})")
