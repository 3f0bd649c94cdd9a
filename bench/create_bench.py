# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""CreateVolume: what encryption adds, and how evenly it answers when many call at once."""
import statistics

from figure import LOWER, ms, percentile, ratio
from world import GIB, Caller

PAIRS = 25
CALLERS, CALLS = 16, 100


def encrypted_against_plain(world, driver, size, name):
    caller = Caller(world, driver)
    # The first of each connects to the cluster.
    warm_up = [caller.volume("local"), caller.volume(None)]
    caller.create(warm_up)
    volumes = [caller.volume(kms_id, size) for _ in range(PAIRS) for kms_id in ("local", None)]
    seconds = caller.create(volumes)
    caller.delete(warm_up + volumes)
    encrypted, plain = seconds[0::2], seconds[1::2]
    more = statistics.median(encrypted) - statistics.median(plain)
    yield ratio(f"create_{name}", statistics.median(encrypted) / statistics.median(plain), 2, LOWER,
                f"CreateVolume of {name} encrypted ({ms(encrypted)}) ÷ plain ({ms(plain)}), "
                f"{PAIRS} each in turn, one caller",
                why=f"of the {more * 1000:.0f} ms more about half is libcryptsetup making and "
                    "proving the keyslot (LUKS2's anti-forensic splitter hashes thousands of times "
                    "each way), the rest writes that wait for each other and for Ceph's disk (DEK, "
                    "state, RBD's exclusive lock, header)")


def parallel(world, driver):
    caller = Caller(world, driver, CALLERS)
    warm_up = [caller.volume() for _ in range(CALLERS)]
    caller.create(warm_up)
    volumes = [caller.volume() for _ in range(CALLS)]
    seconds = caller.create(volumes)
    caller.delete(warm_up + volumes)
    p50, p99 = percentile(seconds, 50), percentile(seconds, 99)
    yield ratio("create_p99_to_p50", p99 / p50, 3, LOWER,
                f"{CALLS} encrypted CreateVolume from {CALLERS} callers: p99 {p99 * 1000:.0f} ms ÷ "
                f"p50 {p50 * 1000:.0f} ms")


def figures(world):
    with world.driver() as driver:
        yield from encrypted_against_plain(world, driver, GIB, "1GiB")
        yield from encrypted_against_plain(world, driver, 1024 * GIB, "1TiB")
        yield from parallel(world, driver)
