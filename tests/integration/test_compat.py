# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Volumes that ceph-csi made, served by us; and ours, held against what ceph-csi makes. Those whose
keys are in Vault: tests/keymanagers/test_recorded.py."""
import hashlib

import pytest

import keys
from harness.driver import RpcError
from recording import (MIB, Recording, expect_image_meta, expect_image_meta_like_theirs,
                       expect_opens, expect_shaped_like_theirs, theirs_again)

PASSPHRASES = {"v-default": "test passphrase",
               "v-metadata": "a passphrase for the metadata provider"}


def recorded(recording, driver, name):
    """A Volume that stands for the recorded one."""
    return recording.volume(driver, name, {**driver.ceph.secrets,
                                           "encryptionPassphrase": PASSPHRASES[name]})


def test_written_volume_of_ceph_csi(driver, pool):
    recording = Recording("written.json")
    v = recorded(recording, driver, "v-metadata")
    recording.load(pool, v, recording.written_image("v-metadata"))

    v.stage().publish()
    expect_image_meta(recording, v)
    assert (v.target / "hello").read_text().strip() == "written through metadata"
    digest = hashlib.sha256((v.target / "random").read_bytes()).hexdigest()
    assert digest == recording.data["randomSha256"]["v-metadata"]
    (v.target / "ours").write_text("beside theirs")

    v.expand(128 * MIB)
    v.unpublish().unstage()
    with pool.image(v.image, read_only=True) as image:
        assert image.size() == 128 * MIB
    v.capability["accessMode"]["mode"] = "MULTI_NODE_READER_ONLY"  # no growth: it may be refused
    v.stage()
    assert (v.staging / v.id / "ours").read_text() == "beside theirs"
    v.unstage().delete()
    assert pool.traces(v.uuid) == []
    assert driver.orphans() == []


@pytest.mark.parametrize("name", ["v-default", "v-metadata"])
def test_prepared_volume_of_ceph_csi_is_formatted_at_stage(driver, pool, name):
    recording = Recording("prepared.json")
    v = recorded(recording, driver, name)
    recording.load(pool, v)
    assert pool.read(v.image, 0, 16 * MIB) == bytes(16 * MIB)

    v.stage().publish()
    expect_image_meta(recording, v)
    assert pool.metadata(v.image)["rbd.csi.ceph.com/encrypted"] == "encrypted"
    assert pool.read(v.image, 0, 6) == b"LUKS\xba\xbe"
    (v.target / "hello").write_text("formatted by us")
    v.unpublish().unstage()
    expect_opens(v, pool, keys.dek_of(v))
    v.stage()
    assert (v.staging / v.id / "hello").read_text() == "formatted by us"
    v.unstage().delete()
    assert pool.traces(v.uuid) == []


def test_create_of_a_prepared_name_gives_the_same_volume(driver, pool):
    """The sidecar may repeat at our controller what it began at ceph-csi's."""
    recording = Recording("prepared.json")
    v = recorded(recording, driver, "v-metadata")
    v.parameters["csi.storage.k8s.io/pvc/namespace"] = "tenant-a"
    recording.load(pool, v)
    answer = driver.controller.call_until_done("CreateVolume", v.create_request())
    assert answer["volume"]["volumeId"] == v.id
    expect_opens(v, pool, keys.dek_of(v))
    v.delete()
    assert pool.traces(v.uuid) == []


@pytest.mark.parametrize("name", ["v-default", "v-metadata"])
def test_our_journal_and_metadata_are_shaped_like_theirs(make_driver, release_binary, pool,
                                                        new_name, name):
    recording = Recording("prepared.json")
    driver = make_driver(release_binary)
    driver.controller.flags += ["--setmetadata", "--clustername", "k8s-1"]
    driver.start()
    mine = new_name()
    v = driver.volume(mine, secrets=driver.volume_secrets, **theirs_again(recording, name, mine))
    v.create()
    expect_shaped_like_theirs(recording, name, v, pool)
    expect_opens(v, pool, keys.dek_of(v))
    v.stage()
    expect_image_meta_like_theirs(recording, name, v)
    v.unstage().delete()
    assert pool.traces(v.uuid) == []


def test_lock_of_ceph_csi_keeps_us_out(driver, volume, pool):
    """Safety G1: its rotation holds object, lock name and cookie that we take, too."""
    v = volume(size=64 * MIB).create()
    lock = (v.id, f"{v.id}-mutexlock", f"{v.id}-enc-key-rotate")
    pool.io.lock_exclusive(*lock, "Key rotation mutex lock for " + v.id, 180)
    with pytest.raises(RpcError) as caught:
        driver.controller.call("DeleteVolume", v.delete_request())
    assert caught.value.code == "ABORTED" and v.id in caught.value.message
    pool.io.unlock(*lock)
    v.delete()
    assert pool.traces(v.uuid) == []
