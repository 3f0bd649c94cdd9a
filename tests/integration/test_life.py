# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The life of volumes on a real cluster, and the errors that people meet in it."""
import concurrent.futures
import errno
import hashlib
import json
import os
import pathlib
import secrets
import subprocess

import pytest

import keys
from harness.driver import GIB, RpcError

MIB = 1 << 20
# The least that mkfs.xfs takes is 300 MiB, and the header has 16 of them.
SIZE = 512 * MIB
MARKER = b"in the clear this must be nowhere in the pool"
COPY_BYTES = 16 * 1024


def has_capability(number):
    """Whether this process, and so the driver, may use a capability of capabilities(7)."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


CAN_GROW_EXT4_ONLINE = has_capability(24)  # CAP_SYS_RESOURCE: EXT4_IOC_RESIZE_FS asks for it


def device_bytes(path):
    with open(path, "rb") as file:
        return file.seek(0, os.SEEK_END)


class Content:
    """What a test puts into a volume and finds again: a marker and random bytes."""

    def __init__(self, volume, block):
        self.volume, self.block = volume, block
        self.data = MARKER + secrets.token_bytes(3 * MIB)

    def path(self, base=None):
        place = base or self.volume.target
        return place if self.block else place / "file"

    def write(self):
        with open(self.path(), "r+b" if self.block else "xb") as file:
            file.write(self.data)
            file.flush()
            os.fsync(file.fileno())

    def expect(self, base=None):
        with open(self.path(base), "rb") as file:
            found = file.read(len(self.data))
        assert hashlib.sha256(found).digest() == hashlib.sha256(self.data).digest()


def staged_at(volume):
    return volume.staging / volume.id


def unstage_and_delete(volume, pool):
    volume.unpublish().unstage()
    assert list(volume.staging.iterdir()) == []
    volume.delete()
    assert pool.traces(volume.uuid) == []


def error_of(call, *arguments):
    with pytest.raises(RpcError) as caught:
        call(*arguments)
    return caught.value


def stage_error(volume, **changes):
    """The error of one NodeStageVolume, of which nothing stays."""
    before = volume.driver.node
    error = error_of(before.call, "NodeStageVolume", {**volume.stage_request(), **changes})
    assert list(volume.staging.iterdir()) == []
    return error


def expect_named(error, volume, kms_id, *words):
    """Safety F: the text names volume and KMS ID and says what is wrong."""
    for word in (volume.id, kms_id, *words):
        assert word in error.message, error


# ---- a whole life -------------------------------------------------------------------------------

@pytest.mark.parametrize("form", ["ext4", "xfs", "block"])
@pytest.mark.parametrize("kms_id", [None, "local", "metadata", "default"])
def test_whole_life(driver, volume, pool, witness, kms_id, form):
    is_block = form == "block"
    v = volume(kms_id=kms_id, block=is_block, fs_type=None if is_block else form, size=SIZE)
    v.create()
    assert driver.controller.call("CreateVolume", v.create_request())["volume"]["volumeId"] == v.id
    assert driver.orphans() == []
    if kms_id:
        witness.add_secret(f"DEK of {v.id}", keys.dek_of(v))

    v.stage().stage()
    v.publish().publish()
    content = Content(v, is_block)
    content.write()
    check_stats(v, is_block)

    v.unpublish().unpublish()
    v.unstage().unstage()
    assert not v.target.exists()
    assert pool.contains(v.image, MARKER) == (kms_id is None)

    v.stage().publish(readonly=True)
    content.expect()
    expect_read_only(v, content, is_block)
    v.unpublish().publish()
    content.expect()
    unstage_and_delete(v, pool)
    v.delete()
    assert driver.orphans() == []


def check_stats(volume, is_block):
    answer = volume.driver.node.call("NodeGetVolumeStats", {"volumeId": volume.id,
                                                            "volumePath": str(volume.target)})
    usage = {u["unit"]: u for u in answer["usage"]}
    assert not answer["volumeCondition"].get("abnormal")
    assert SIZE * 0.8 < int(usage["BYTES"]["total"]) <= SIZE
    if is_block:
        assert int(usage["BYTES"]["total"]) == device_bytes(volume.target)
    else:
        assert int(usage["BYTES"]["used"]) >= 3 * MIB and int(usage["INODES"]["total"]) > 0


def expect_read_only(volume, content, is_block):
    if is_block:
        # A device node on a read-only mount can still be written to: Linux knows no other way, and
        # the kubelet publishes read-only block volumes by the container runtime's cgroup.
        return
    with pytest.raises(OSError) as caught:
        open(content.path(), "r+b")
    assert caught.value.errno == errno.EROFS


@pytest.mark.parametrize("form", ["ext4", "xfs", "block"])
def test_expand_while_in_use(driver, volume, pool, form):
    is_block = form == "block"
    v = volume(block=is_block, fs_type=None if is_block else form, size=SIZE).create()
    v.stage().publish()
    content = Content(v, is_block)
    content.write()
    before = device_bytes(v.target) if is_block else os.statvfs(v.target).f_blocks

    answer = v.expand(2 * SIZE)
    assert int(answer["capacityBytes"]) == 2 * SIZE and answer["nodeExpansionRequired"]
    v.expand(2 * SIZE)
    with pool.image(v.image, read_only=True) as image:
        assert image.size() == 2 * SIZE
    if form == "ext4" and not CAN_GROW_EXT4_ONLINE:
        error = error_of(v.node_expand)
        assert error.code in ("PERMISSION_DENIED", "FAILED_PRECONDITION"), error
        assert "ext4" in error.message or "resize2fs" in error.message, error
    else:
        v.node_expand()
        v.node_expand()
        after = device_bytes(v.target) if is_block else os.statvfs(v.target).f_blocks
        assert after > 1.8 * before
    content.expect()
    with pool.image(v.image, read_only=True) as image:
        assert image.size() == 2 * SIZE  # safety D4: never smaller
    if form == "ext4" and not CAN_GROW_EXT4_ONLINE:
        # Grown all the same, but nothing that is mounted can follow here.
        v.unpublish().unstage().delete()
        return
    v.unpublish().unstage().stage().publish()
    content.expect()
    unstage_and_delete(v, pool)


def test_create_with_other_parameters_is_refused_and_changes_nothing(driver, volume):
    v = volume(kms_id="local", size=SIZE).create()
    for change in ({"parameters": {**v.parameters, "encryptionKMSID": "metadata"}},
                   {"parameters": {k: p for k, p in v.parameters.items()
                                   if not k.startswith("encrypt")}},
                   {"capacityRange": {"requiredBytes": str(2 * SIZE)}},
                   {"capacityRange": {"limitBytes": str(SIZE // 2)}}):
        error = error_of(driver.controller.call, "CreateVolume", {**v.create_request(), **change})
        assert error.code == "ALREADY_EXISTS" and v.name in error.message, error
    assert driver.controller.call("CreateVolume", v.create_request())["volume"]["volumeId"] == v.id
    v.stage().unstage().delete()


def test_delete_while_staged_is_refused_and_loses_nothing(driver, volume, pool):
    v = volume(fs_type="xfs", size=SIZE).create().stage().publish()
    content = Content(v, block=False)
    content.write()
    error = error_of(driver.controller.call, "DeleteVolume", v.delete_request())
    assert error.code == "FAILED_PRECONDITION" and v.id in error.message, error
    content.expect()
    v.unpublish().unstage().stage().publish()
    content.expect()
    unstage_and_delete(v, pool)


def create_in_parallel(volumes, controllers):
    """CreateVolume of all at once, each until it is done; the answers."""
    with concurrent.futures.ThreadPoolExecutor(len(controllers)) as threads:
        calls = [threads.submit(c.call_until_done, "CreateVolume", v.create_request())
                 for v, c in zip(volumes, controllers)]
        return [c.result() for c in calls]


def test_creates_of_one_name_in_one_process_make_one_volume(driver, volume, pool):
    v = volume(size=SIZE)
    answers = create_in_parallel([v] * 4, [driver.controller] * 4)
    assert len({a["volume"]["volumeId"] for a in answers}) == 1
    v.take(answers[0])
    assert [i for i in pool.images() if i == v.image] == [v.image]
    v.stage().unstage().delete()
    assert driver.orphans() == []


def test_creates_of_one_name_in_two_processes_make_one_volume(driver, make_driver, release_binary,
                                                               volume, pool):
    other = make_driver(release_binary)
    share_ring(driver, other)
    other.controller.start()
    for _ in range(3):
        v = volume(size=SIZE)
        answers = create_in_parallel([v] * 4, [driver.controller, other.controller] * 2)
        assert len({a["volume"]["volumeId"] for a in answers}) == 1
        v.take(answers[0])
        v.stage().unstage().delete()
        assert pool.traces(v.uuid) == []
    assert driver.orphans() == []


def share_ring(driver, other):
    """Both drivers use the first one's key managers."""
    other.kms_config.write_text(driver.kms_config.read_text())


def test_encryption_type_file_is_refused(driver, volume, pool):
    before = pool.objects()
    v = volume(parameters={"encryptionType": "file"}, size=SIZE)
    error = error_of(v.create)
    assert error.code == "INVALID_ARGUMENT" and "encryptionType" in error.message, error
    assert pool.objects() == before


def test_stage_on_a_full_disk_leaves_nothing_and_can_be_repeated(driver, volume):
    v = volume(fs_type="xfs", size=SIZE).create()
    request = v.stage_request()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", v.staging], check=True)
    filler = v.staging / "filler"
    filler.write_bytes(b"x" * 4096)
    error = error_of(driver.node.call, "NodeStageVolume", request)
    assert error.code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE"), error
    assert str(v.staging) in error.message and "space" in error.message, error
    assert os.listdir(v.staging) == ["filler"]
    filler.unlink()
    # Room for one record of two.
    subprocess.run(["mount", "-o", "remount,size=4k,nr_inodes=3", v.staging], check=True)
    error = error_of(driver.node.call, "NodeStageVolume", request)
    assert os.listdir(v.staging) == [], error
    subprocess.run(["mount", "-o", "remount,size=1m,nr_inodes=100", v.staging], check=True)
    v.stage()
    assert staged_at(v).is_mount()
    v.unstage()
    subprocess.run(["umount", v.staging], check=True)
    v.delete()


# ---- keys and headers that do not fit -----------------------------------------------------------

@pytest.fixture
def written(volume, pool):
    """written(kms_id) -> a volume with a file in it, unstaged, and that content."""
    def make(kms_id):
        v = volume(kms_id=kms_id, fs_type="xfs", size=SIZE).create().stage().publish()
        content = Content(v, block=False)
        content.write()
        v.unpublish().unstage()
        return v, content
    return make


def expect_intact(volume, content, pool):
    volume.stage().publish()
    content.expect()
    unstage_and_delete(volume, pool)


def test_wrong_passphrase(written, pool):
    v, content = written("default")
    error = stage_error(v, secrets={**v.secrets, "encryptionPassphrase": "not the one it was"})
    assert error.code == "UNAUTHENTICATED", error
    expect_named(error, v, "default")
    expect_intact(v, content, pool)


@pytest.mark.parametrize("kms_id", ["default", "metadata"])
def test_missing_passphrase(written, pool, kms_id):
    v, content = written(kms_id)
    without = {k: s for k, s in v.secrets.items() if k != "encryptionPassphrase"}
    error = stage_error(v, secrets=without)
    assert error.code in ("NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT"), error
    expect_named(error, v, kms_id, "encryptionPassphrase")
    expect_intact(v, content, pool)


def test_wrong_passphrase_of_a_wrapped_dek(written, pool):
    v, content = written("metadata")
    error = stage_error(v, secrets={**v.secrets, "encryptionPassphrase": "not the one it was"})
    assert error.code == "DATA_LOSS", error  # the format cannot tell it from damage (kms/metadata)
    expect_named(error, v, "metadata", "passphrase")
    expect_intact(v, content, pool)


def test_kek_ring_that_is_damaged_missing_or_another(driver, written, pool):
    v, content = written("local")
    ring = driver.folder / "kek-ring"
    whole = ring.read_bytes()

    ring.write_bytes(whole[:-9])
    error = stage_error(v)
    assert error.code == "DATA_LOSS", error
    expect_named(error, v, "local", str(ring))

    ring.unlink()
    error = stage_error(v)
    assert error.code in ("NOT_FOUND", "UNAVAILABLE", "FAILED_PRECONDITION"), error
    expect_named(error, v, "local", str(ring))
    assert not ring.exists(), "a node must not invent a ring"

    # A fresh ring, as a wrong backup would be: made by a create.
    other = driver.volume(v.name + "-other", secrets=v.secrets, size=SIZE).create()
    error = stage_error(v)
    assert error.code == "NOT_FOUND", error
    expect_named(error, v, "local")

    ring.write_bytes(whole)
    other.delete()
    expect_intact(v, content, pool)


def test_kms_configuration_that_is_broken_or_lacks_the_entry(driver, written, pool):
    v, content = written("local")
    whole = driver.kms_config.read_text()

    driver.kms_config.write_text(whole[:-5])
    error = stage_error(v)
    assert error.code in ("FAILED_PRECONDITION", "INVALID_ARGUMENT", "UNAVAILABLE"), error
    expect_named(error, v, "local", str(driver.kms_config))

    entries = json.loads(whole)
    del entries["local"]
    driver.kms_config.write_text(json.dumps(entries))
    error = stage_error(v)
    assert error.code in ("NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT"), error
    expect_named(error, v, "local")

    driver.kms_config.write_text(whole)
    expect_intact(v, content, pool)


def damage(pool, volume, *copies):
    """Overwrites header copies 0 and 1; what stood there."""
    before = pool.read(volume.image, 0, 2 * COPY_BYTES)
    for copy in copies:
        pool.write(volume.image, copy * COPY_BYTES, secrets.token_bytes(COPY_BYTES))
    return before


@pytest.mark.parametrize("copy", [0, 1])
def test_one_damaged_header_copy_costs_nothing(written, pool, copy):
    v, content = written("local")
    damage(pool, v, copy)
    expect_intact(v, content, pool)


@pytest.mark.parametrize("kms_id", ["local", "default"])
def test_two_damaged_header_copies_are_data_loss_and_stay_as_they_are(written, pool, kms_id):
    v, content = written(kms_id)
    whole = damage(pool, v, 0, 1)
    damaged = pool.read(v.image, 0, 16 * MIB)
    state = pool.metadata(v.image)
    error = stage_error(v)
    assert error.code == "DATA_LOSS", error
    expect_named(error, v, kms_id, "header")
    assert pool.read(v.image, 0, 16 * MIB) == damaged, "a damaged header was written to"
    assert pool.metadata(v.image) == state
    pool.write(v.image, 0, whole)
    expect_intact(v, content, pool)


def test_zeroed_header_is_data_loss_and_never_formatted(written, pool):
    v, content = written("local")
    whole = pool.read(v.image, 0, 16 * MIB)
    pool.write(v.image, 0, bytes(16 * MIB))
    error = stage_error(v)
    assert error.code == "DATA_LOSS", error
    expect_named(error, v, "local", "header")
    # Nor does a create that is repeated.
    error_or_none = None
    try:
        v.driver.controller.call("CreateVolume", v.create_request())
    except RpcError as error:
        error_or_none = error
    assert error_or_none is None or error_or_none.code == "DATA_LOSS"
    assert pool.read(v.image, 0, 16 * MIB) == bytes(16 * MIB)
    pool.write(v.image, 0, whole)
    expect_intact(v, content, pool)


def test_header_of_another_volume(written, volume, pool):
    v, content = written("local")
    other = volume(size=SIZE).create()
    whole = pool.read(v.image, 0, 16 * MIB)
    pool.write(v.image, 0, pool.read(other.image, 0, 16 * MIB))
    error = stage_error(v)
    assert error.code == "UNAUTHENTICATED", error
    expect_named(error, v, "local")
    pool.write(v.image, 0, whole)
    other.delete()
    expect_intact(v, content, pool)


@pytest.mark.parametrize("kms_id", ["local", "metadata"])
def test_dek_of_another_volume(written, volume, pool, kms_id):
    v, content = written(kms_id)
    other = volume(kms_id=kms_id, size=SIZE).create()
    whole = pool.metadata(v.image)[keys.DEK_KEY]
    pool.set_metadata(v.image, keys.DEK_KEY, pool.metadata(other.image)[keys.DEK_KEY])
    error = stage_error(v)
    assert error.code == "DATA_LOSS", error
    expect_named(error, v, kms_id)
    pool.set_metadata(v.image, keys.DEK_KEY, whole)
    other.delete()
    expect_intact(v, content, pool)


def test_dek_that_is_gone(written, pool):
    v, content = written("local")
    whole = pool.metadata(v.image)[keys.DEK_KEY]
    pool.remove_metadata(v.image, keys.DEK_KEY)
    error = stage_error(v)
    assert error.code == "NOT_FOUND", error
    expect_named(error, v, "local")
    assert keys.DEK_KEY not in pool.metadata(v.image), "safety B2: encrypted, so no DEK is written"
    pool.set_metadata(v.image, keys.DEK_KEY, whole)
    expect_intact(v, content, pool)


def test_encrypted_volume_is_never_mounted_plain(written, pool):
    v, content = written("local")
    plain = {k: p for k, p in v.context.items() if not k.startswith("encrypt")}
    # The volume context no longer says it: journal and image do (safety A5).
    v.driver.node.call("NodeStageVolume", {**v.stage_request(), "volumeContext": plain})
    meta = json.loads((v.staging / "image-meta.json").read_text())
    assert meta["encrypted"] is True
    content.expect(staged_at(v))
    v.unstage()
    expect_intact(v, content, pool)


def test_size_of_an_expand_below_the_present_one_changes_nothing(driver, volume, pool):
    v = volume(size=GIB).create()
    v.expand(SIZE)
    with pool.image(v.image, read_only=True) as image:
        assert image.size() == GIB
    v.size = GIB
    v.delete()
