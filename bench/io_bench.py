# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Throughput of a staged encrypted volume against librbd itself, both by fio."""
import json
import pathlib
import statistics

from figure import HIGHER, ratio

DEPTH = 16
# Passes of so many seconds over each target, in turn.
PASSES, SECONDS = 2, 4
# fio's pattern and block size, the figure's name and goal.
PATTERNS = (("read", "1M", "seq_read", 0.9), ("write", "1M", "seq_write", 0.9),
            ("randread", "4k", "rand_read", 0.7), ("randwrite", "4k", "rand_write", 0.7))
# Of an image of 1 GiB, whose encrypted form has 16 MiB less to use.
SPAN_MIB = 1000


class Target:
    """What fio reads and writes."""

    def __init__(self, world, *options, env=None):
        self.world, self.options, self.env = world, options, env

    def fio(self, pattern, block, *more):
        text = self.world.run(
            "fio", "--name=bench", "--output-format=json", *self.options, f"--rw={pattern}",
            f"--bs={block}", f"--iodepth={DEPTH}", f"--size={SPAN_MIB}M", *more, env=self.env)
        job = json.loads(text[text.index("{"):])["jobs"][0]
        return job["write" if "write" in pattern else "read"]["bw_bytes"] / 1e6

    def fill(self):
        """One sequential pass, flushed, so that no later request allocates."""
        self.fio("write", "1M", "--end_fsync=1")

    def rate(self, pattern, block):
        return self.fio(pattern, block, "--time_based", f"--runtime={SECONDS}")


def block_device(world, volume):
    return Target(world, "--ioengine=libaio", "--direct=1", f"--filename={volume.target}")


def raw_image(world, volume):
    """librbd with its cache as qemu has it after the first flush: also the faster way."""
    conf = world.folder / "raw.conf"
    conf.write_text(pathlib.Path(world.ceph.env["CEPH_CONF"]).read_text() +
                    "\n[client.csi]\nrbd_cache_writethrough_until_flush = false\n")
    return Target(world, "--ioengine=rbd", f"--clientname={world.ceph.env['RBDCRYPT_CEPH_USER']}",
                  f"--pool={world.ceph.env['RBDCRYPT_POOL']}", f"--rbdname={volume.image}",
                  env={"CEPH_CONF": str(conf)})


def compare(targets, pattern, block, name, goal):
    rates = {role: [] for role in targets}
    for _ in range(PASSES):
        for role, target in targets.items():
            rates[role].append(target.rate(pattern, block))
    ours, attached, raw = (statistics.mean(rates[role]) for role in ("ours", "attached", "raw"))
    yield ratio(name, ours / raw, goal, HIGHER,
                f"fio {pattern} {block}, depth {DEPTH}: our encrypted volume, published as a block "
                f"device by the user-space attacher ({ours:.1f} MB/s) ÷ librbd by fio's rbd engine, "
                f"an image of the same features without encryption ({raw:.1f} MB/s)",
                why=f"a volume without encryption reaches {attached / raw:.2f} through the same "
                    f"attacher, so encryption itself costs {max(0, 1 - ours / attached):.0%}; the rest goes "
                    "to loop device, FUSE and qemu's one thread, on processors they share with the "
                    "OSD and fio")


def figures(world):
    with world.driver() as driver:
        encrypted = driver.volume("pvc-bench-encrypted", block=True)
        plain = driver.volume("pvc-bench-plain", kms_id=None, block=True)
        raw = driver.volume("pvc-bench-raw", kms_id=None, block=True).create()
        for volume in (encrypted, plain):
            volume.create().stage().publish()
        targets = {"ours": block_device(world, encrypted), "attached": block_device(world, plain),
                   "raw": raw_image(world, raw)}
        for target in targets.values():
            target.fill()
        for pattern in PATTERNS:
            yield from compare(targets, *pattern)
        for volume in (encrypted, plain):
            volume.unpublish().unstage()
        for volume in (encrypted, plain, raw):
            volume.delete()
