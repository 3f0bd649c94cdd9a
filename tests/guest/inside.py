#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What runs in the guest: the driver on the kernel's own path, krbd and dm-crypt.

Prints "PASS name" or "FAIL name: why" per case and writes the same as JSON to the file named on the
command line. Slow machine: everything in one boot, on one cluster.
"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from harness.ceph import Ceph  # noqa: E402
from harness.driver import Driver, RpcError  # noqa: E402

BINARY = ROOT / "build/release/cmd/rbdcrypt"
KRBD_TESTS = ROOT / "build/crash/tests/attach/krbd_real_test"
DISK = pathlib.Path("/mnt/disk")
SIZE = 256 << 20
CASES = []


def case(function):
    CASES.append(function)
    return function


def run(*argv, check=True, **options):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv}: {done.stderr}")
    return done.stdout


def mapper(volume):
    return f"luks-rbd-{volume.id}"


def mapped(volume):
    """Whether the mapping of a volume is there."""
    return pathlib.Path(f"/dev/mapper/{mapper(volume)}").exists()


def rbd_devices():
    return sorted(p.name for p in pathlib.Path("/sys/bus/rbd/devices").iterdir())


def fill(volume):
    path = volume.target / "random"
    path.write_bytes(os.urandom(4 << 20))
    os.sync()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest(volume):
    return hashlib.sha256((volume.target / "random").read_bytes()).hexdigest()


def refused(code, call, *arguments):
    try:
        call(*arguments)
    except RpcError as error:
        assert error.code == code, f"{error} instead of {code}"
        return error.message
    raise AssertionError(f"not refused with {code}")


def use_mapper(driver, name):
    """Starts the node again with another way to map."""
    driver.node.stop()
    flags = driver.node.flags
    flags[flags.index("--attacher") + 1] = name
    driver.node.start()


def finish(volume):
    volume.unpublish().unstage().delete()
    assert not mapped(volume)


@case
def whole_life_on_krbd_and_dm_crypt(driver):
    volume = driver.volume("life", size=SIZE).create().stage().publish()
    assert mapped(volume)
    status = run("cryptsetup", "status", mapper(volume))
    assert "type:    LUKS2" in status and "cipher:  aes-xts-plain64" in status, status
    assert "key location: dm-crypt" in status, f"the volume key is in the keyring: {status}"
    assert "device:  /dev/rbd" in status, status
    before = fill(volume)
    volume.unpublish().unstage()
    assert not mapped(volume) and not rbd_devices()
    volume.stage().publish()
    assert digest(volume) == before
    finish(volume)
    assert driver.orphans() == []


@case
def ext4_grows_while_mounted(driver):
    volume = driver.volume("grow", size=SIZE).create().stage().publish()
    before = fill(volume)
    small = shutil.disk_usage(volume.target).total
    volume.expand(2 * SIZE)
    volume.node_expand()
    assert shutil.disk_usage(volume.target).total > small + SIZE * 8 // 10
    assert digest(volume) == before
    finish(volume)


@case
def xfs_with_all_image_features(driver):
    features = "layering,exclusive-lock,object-map,fast-diff,deep-flatten"
    volume = driver.volume("features", size=2 * SIZE, fs_type="xfs",
                           parameters={"imageFeatures": features})
    volume.create().stage().publish()
    before = fill(volume)
    volume.unpublish().unstage().stage().publish()
    assert digest(volume) == before
    finish(volume)


@case
def raw_block(driver):
    volume = driver.volume("block", size=SIZE, block=True).create().stage().publish()
    data = os.urandom(1 << 20)
    with open(volume.target, "r+b") as device:
        device.write(data)
        os.fsync(device.fileno())
    volume.unpublish().unstage().stage().publish()
    with open(volume.target, "rb") as device:
        assert device.read(len(data)) == data
    raw = driver.ceph.run("rbd", "export", "--no-progress", f"rbd/{volume.image}", "-", text=False)
    assert data[:64] not in raw, "the plain text is in the image"
    finish(volume)


@case
def plain_volume(driver):
    volume = driver.volume("plain", kms_id=None, size=SIZE).create().stage().publish()
    assert not mapped(volume) and rbd_devices()
    fill(volume)
    finish(volume)


@case
def read_only_publish(driver):
    volume = driver.volume("readonly", size=SIZE).create().stage().publish()
    before = fill(volume)
    volume.unpublish().publish(readonly=True)
    assert digest(volume) == before
    try:
        (volume.target / "new").write_text("x")
        raise AssertionError("a read-only mount took a write")
    except OSError:
        pass
    finish(volume)


@case
def wrong_passphrase_is_refused(driver):
    right = {**driver.ceph.secrets, "encryptionPassphrase": "correct horse"}
    volume = driver.volume("passphrase", kms_id="default", size=SIZE, secrets=right).create()
    wrong = {**volume.stage_request(), "secrets": {**right, "encryptionPassphrase": "wrong"}}
    message = refused("UNAUTHENTICATED", driver.node.call, "NodeStageVolume", wrong)
    assert volume.id in message
    assert not mapped(volume) and not rbd_devices()
    volume.stage().unstage().delete()


@case
def volume_made_on_krbd_opens_on_qemu_and_back(driver):
    volume = driver.volume("both", size=SIZE).create().stage().publish()
    before = fill(volume)
    volume.unpublish().unstage()
    use_mapper(driver, "qemu")
    try:
        volume.stage().publish()
        assert digest(volume) == before and not mapped(volume)
        (volume.target / "random").write_bytes(b"written through qemu")
        volume.unpublish().unstage()
    finally:
        use_mapper(driver, "krbd")
    volume.stage().publish()
    assert (volume.target / "random").read_bytes() == b"written through qemu"
    finish(volume)


@case
def volume_made_on_qemu_opens_on_krbd(driver):
    use_mapper(driver, "qemu")
    try:
        volume = driver.volume("other-way", size=SIZE).create().stage().publish()
        before = fill(volume)
        volume.unpublish().unstage()
    finally:
        use_mapper(driver, "krbd")
    volume.stage().publish()
    assert digest(volume) == before
    finish(volume)


@case
def foreign_mapping_under_our_name_is_refused_and_untouched(driver):
    volume = driver.volume("foreign", size=SIZE).create()
    backing = DISK / "foreign.img"
    with open(backing, "wb") as out:
        out.truncate(64 << 20)
    loop = run("losetup", "--find", "--show", backing).strip()
    run("dmsetup", "create", mapper(volume), "--table", f"0 131072 linear {loop} 0")
    try:
        refused("FAILED_PRECONDITION", driver.node.call, "NodeStageVolume", volume.stage_request())
        assert "linear" in run("dmsetup", "table", mapper(volume)), "the mapping was touched"
        assert not rbd_devices()
    finally:
        run("dmsetup", "remove", mapper(volume))
        run("losetup", "--detach", loop)
    volume.stage().unstage().delete()


@case
def mapping_of_another_image_under_our_name_is_refused(driver):
    volume = driver.volume("mine", size=SIZE).create()
    other = driver.volume("theirs", size=SIZE).create()
    device = driver.ceph.run("rbd", "map", f"rbd/{other.image}").strip()
    run("dmsetup", "create", mapper(volume), "--table", f"0 131072 linear {device} 0")
    try:
        refused("FAILED_PRECONDITION", driver.node.call, "NodeStageVolume", volume.stage_request())
        assert device in rbd_names(run("dmsetup", "deps", "-o", "devname", mapper(volume)))
    finally:
        run("dmsetup", "remove", mapper(volume))
        driver.ceph.run("rbd", "unmap", device)
    volume.stage().unstage().delete()
    other.delete()


def rbd_names(text):
    return [f"/dev/{word.strip('()')}" for word in text.split() if "rbd" in word]


def done_as_the_error_says(driver, call):
    """Makes the call; true where a dead client had to be shut out first, as its error says.

    Before Ceph 18.2.5 a client that is killed while it registers a watch leaves it for good
    (rbd/image_watchers.h), and a kill by time may hit just that.
    """
    try:
        call()
        return False
    except RpcError as error:
        address = re.search(r"still open at ([0-9.:/]+);.*osd blocklist add", error.message)
        if address is None:
            raise
    driver.ceph.run("ceph", "osd", "blocklist", "add", address.group(1))
    call()
    return True


@case
def stage_killed_at_any_time_converges(driver):
    was_freed = False
    volume = driver.volume("killed", size=SIZE).create()
    for delay in (0.05, 0.2, 0.5, 1.0, 2.0):
        request = json.dumps(volume.stage_request())
        call = subprocess.Popen([BINARY, "rpc", "--endpoint", f"unix://{driver.node.socket}",
                                 "NodeStageVolume"], stdin=subprocess.PIPE, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        call.stdin.write(request)
        call.stdin.close()
        time.sleep(delay)
        driver.node.kill()
        call.wait()
        driver.node.start()
        was_freed |= done_as_the_error_says(driver, volume.stage)
        volume.publish()
        (volume.target / "alive").write_text("yes")
        volume.unpublish().unstage()
        assert not mapped(volume) and not rbd_devices()
    was_freed |= done_as_the_error_says(driver, volume.delete)
    # Such a watch keeps the image in the trash until its placement group moves.
    assert was_freed or driver.orphans() == []


@case
def krbd_killed_at_each_of_its_crash_points(driver):
    """The attacher's own tests on the real kernel, its named crash points among them."""
    environment = {**os.environ, **driver.ceph.env}
    done = subprocess.run([KRBD_TESTS, "--gtest_color=no"], capture_output=True, text=True,
                          env=environment)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "[  SKIPPED ]" not in done.stdout, done.stdout[-2000:]
    assert not rbd_devices()


def main():
    out = pathlib.Path(sys.argv[1])
    for module in ("rbd", "dm-crypt", "loop", "fuse"):
        run("modprobe", module)
    ceph = Ceph(DISK / "ceph").up()
    driver = Driver(BINARY, ceph, DISK / "driver", attacher="krbd").start()
    results = {}
    for function in CASES:
        name = function.__name__
        begun = time.monotonic()
        try:
            function(driver)
            results[name] = None
        except Exception as error:
            traceback.print_exc()
            results[name] = f"{type(error).__name__}: {error}"
        seconds = time.monotonic() - begun
        why = f": {results[name]}" if results[name] else ""
        print(f"{'FAIL' if why else 'PASS'} {name} ({seconds:.1f} s){why}", flush=True)
        out.write_text(json.dumps(results))
    driver.stop()
    if any(results.values()):
        print(driver.node.log_path.read_text()[-6000:])
    ceph.down()
    sys.exit(1 if any(results.values()) else 0)


if __name__ == "__main__":
    main()
