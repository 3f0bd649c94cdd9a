# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Throughput of a staged encrypted volume against librbd itself, both by fio."""
import json
import statistics

from figure import HIGHER, ratio

DEPTH = 16
# Passes of so many seconds, in turn: ours, raw, ours, raw.
PASSES, SECONDS = 2, 4
PATTERNS = (("read", "1M", 0.9), ("write", "1M", 0.9), ("randread", "4k", 0.7),
            ("randwrite", "4k", 0.7))
# Both ends of a volume are the same image size; the encrypted one has 16 MiB less to use.
SPAN_MIB = 1000


class Target:
    """What fio reads and writes."""

    def __init__(self, world, options):
        self.world, self.options = world, options

    def fio(self, pattern, block, *more):
        text = self.world.run(
            "fio", "--name=bench", "--output-format=json", *self.options, f"--rw={pattern}",
            f"--bs={block}", f"--iodepth={DEPTH}", f"--size={SPAN_MIB}M", *more)
        job = json.loads(text[text.index("{"):])["jobs"][0]
        return job["write" if "write" in pattern else "read"]["bw_bytes"] / 1e6

    def fill(self):
        """One sequential pass, so that no later request allocates."""
        self.fio("write", "1M", "--end_fsync=1")

    def rate(self, pattern, block):
        return self.fio(pattern, block, "--time_based", f"--runtime={SECONDS}")


def compare(ours, raw, pattern, block, goal):
    rates = {ours: [], raw: []}
    for _ in range(PASSES):
        for target, seen in rates.items():
            seen.append(target.rate(pattern, block))
    mine, theirs = statistics.mean(rates[ours]), statistics.mean(rates[raw])
    name = {"read": "seq_read", "write": "seq_write", "randread": "rand_read",
            "randwrite": "rand_write"}[pattern]
    yield ratio(name, mine / theirs, goal, HIGHER,
                f"fio {pattern} {block}, depth {DEPTH}: our encrypted block volume ({mine:.1f} MB/s, "
                f"libaio, direct) ÷ librbd without encryption ({theirs:.1f} MB/s, fio's rbd "
                "engine, same features)",
                why="")


def figures(world):
    with world.driver() as driver:
        encrypted = driver.volume("pvc-bench-io", block=True).create()
        plain = driver.volume("pvc-bench-raw", kms_id=None, block=True).create()
        encrypted.stage().publish()
        ours = Target(world, ["--ioengine=libaio", "--direct=1", f"--filename={encrypted.target}"])
        raw = Target(world, ["--ioengine=rbd", f"--clientname={world.ceph.env['RBDCRYPT_CEPH_USER']}",
                             f"--pool={world.ceph.env['RBDCRYPT_POOL']}",
                             f"--rbdname={plain.image}"])
        ours.fill()
        raw.fill()
        for pattern, block, goal in PATTERNS:
            yield from compare(ours, raw, pattern, block, goal)
        encrypted.unpublish().unstage().delete()
        plain.delete()
