# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The volume that ceph-csi made with a KMIP server, served by us with ceph-csi's own configuration
and the same key; and ours, held against what ceph-csi makes. Those of its other key managers:
tests/keymanagers/test_recorded.py."""
import hashlib
import json
import os
import secrets

import pytest

import texts
from harness.calls import MIB, read_marker, write_marker
from kmip_world import Case
from recording import (VECTORS, Recording, expect_image_meta, expect_image_meta_like_theirs,
                       expect_opens, expect_shaped_like_theirs, theirs_again)

NAME = "v-kmip"
KEK = bytes(range(32))


@pytest.fixture
def setup(world, kmip):
    """The recorded entry, but for where the server is and what it has in its certificate, with the
    default Secret; and the recorded key."""
    recorded = json.loads((VECTORS / "ceph-csi" / "kms-config.json").read_text())["kmip"]
    made = world.set_up(Case(spelling="KMS_PROVIDER"))
    key_id = kmip.register("recorded", KEK)
    made.keks[key_id], made.key_id = KEK, key_id
    made.change_secret(UNIQUE_IDENTIFIER=key_id)
    endpoint = made.options["KMIP_ENDPOINT"]
    made.rename("kmip", {**recorded, "KMIP_ENDPOINT": endpoint})
    return made


def load(recording, driver, pool, content=b""):
    v = recording.volume(driver, NAME, dict(driver.ceph.secrets))
    recording.load(pool, v, content)
    return v


def expand_and_delete(v, pool, marker):
    """The end of a life: what is in the file system stays readable in a larger image."""
    v.expand(128 * MIB)
    # So ext4 is not grown while it is mounted: not every machine lets us (CAP_SYS_RESOURCE).
    v.capability["accessMode"]["mode"] = "MULTI_NODE_READER_ONLY"
    v.stage()
    assert (v.staging / v.id / "file").read_bytes() == marker
    v.unstage().delete()
    assert pool.traces(v.uuid) == []
    assert [line for line in v.driver.orphans() if v.uuid in line] == []


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_written_and_rotated_volume_goes_on_living(setup, start_driver, pool):
    recording = Recording("written.json")
    v = load(recording, start_driver(), pool, recording.written_image(NAME))
    text = setup.text_of(v)

    v.stage().publish()
    expect_image_meta(recording, v)
    assert (v.target / "hello").read_text().strip() == "written through kmip"
    assert digest_of(v.target / "random") == recording.data["randomSha256"][NAME]
    write_marker(v, b"beside theirs")
    v.unpublish().unstage()
    expect_opens(v, pool, setup.dek_of(v))
    assert setup.text_of(v) == text, "opening wrote another text"

    v.stage().publish()
    assert read_marker(v) == b"beside theirs"
    assert digest_of(v.target / "random") == recording.data["randomSha256"][NAME]
    v.unpublish().unstage()
    expand_and_delete(v, pool, b"beside theirs")


@pytest.mark.parametrize("state", ["prepared", "staged", "rotated"])
def test_each_state_of_a_volume_opens(setup, start_driver, pool, state):
    recording = Recording(*dict.fromkeys(["prepared.json", f"{state}.json"]))
    v = load(recording, start_driver(), pool)
    v.stage().publish()
    expect_image_meta(recording, v)
    marker = secrets.token_bytes(MIB)
    write_marker(v, marker)
    v.unpublish().unstage()
    assert not pool.contains(v.image, marker[:64])
    expect_opens(v, pool, setup.dek_of(v))
    expand_and_delete(v, pool, marker)


def test_ours_is_shaped_like_theirs(setup, start_driver, pool):
    recording = Recording("prepared.json")
    driver = start_driver()
    driver.controller.stop()
    driver.controller.flags += ["--setmetadata", "--clustername", "k8s-1"]
    driver.controller.start()
    mine = f"pvc-{os.getpid()}-{secrets.token_hex(4)}"
    v = driver.volume(mine, secrets=dict(driver.ceph.secrets),
                      **theirs_again(recording, NAME, mine)).create()
    expect_shaped_like_theirs(recording, NAME, v, pool)
    # As ceph-csi unwraps it: by Decrypt of the server, which here is done by hand.
    expect_opens(v, pool, texts.unwrap_cbc(setup.text_of(v), KEK))
    v.stage()
    expect_image_meta_like_theirs(recording, NAME, v)
    v.unstage().delete()
    assert pool.traces(v.uuid) == []
