# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Keys that are there and of no use, or not there: each is told apart, with what to do (kmip.md 11,
safety F), and nothing is lost by it."""
import pytest
from kmip.core import enums

import administrator
from harness.calls import (SMALL, error_of, expect_opens, expect_stage_error, small_volume,
                           try_stage, wait_until)
from kmip_world import Case

WRAP_KEY = enums.CryptographicUsageMask.WRAP_KEY


def deactivated(setup, client):
    key_id = setup.new_key()
    administrator.revoke(client, key_id)
    return key_id


def compromised(setup, client):
    key_id = setup.new_key()
    administrator.revoke(client, key_id, enums.RevocationReasonCode.KEY_COMPROMISE)
    return key_id


def destroyed(setup, client):
    key_id = deactivated(setup, client)
    client.destroy(key_id)
    return key_id


# How such a key comes to be; the code; words of the text beside volume, KMS ID and key.
STATES = {
    "pre-active": (lambda setup, _: setup.new_key(active=False), "FAILED_PRECONDITION",
                   ["Pre-Active", "activate it"]),
    "deactivated": (deactivated, "FAILED_PRECONDITION", ["is deactivated"]),
    "compromised": (compromised, "FAILED_PRECONDITION", ["is marked as compromised"]),
    "destroyed": (destroyed, "NOT_FOUND", ["UNIQUE_IDENTIFIER"]),
    "unknown": (lambda *_: "no-such-key", "NOT_FOUND", ["UNIQUE_IDENTIFIER"]),
    "of another usage": (lambda setup, _: setup.new_key(usage=[WRAP_KEY]), "FAILED_PRECONDITION",
                         ["Usage Mask", "Encrypt and Decrypt"]),
    "of another owner": (lambda setup, _: setup.new_key(policy=None), "PERMISSION_DENIED",
                         ["certificate"]),
}


@pytest.fixture
def wrong_key(kmip):
    """wrong_key(setup, state) -> the identifier of such a key."""
    def make(setup, state):
        with kmip.administrator() as client:
            return STATES[state][0](setup, client)
    return make


@pytest.mark.parametrize("state", STATES)
def test_a_key_that_cannot_wrap(world, start_driver, pool, wrong_key, state):
    _, code, words = STATES[state]
    setup = world.set_up(Case())
    key_id = wrong_key(setup, state)
    setup.change_secret(UNIQUE_IDENTIFIER=key_id)
    driver = start_driver()
    before = set(pool.images())
    v = setup.volume(driver, block=True, fs_type=None, size=SMALL)
    error = error_of(driver.controller.call, "CreateVolume", v.create_request())
    assert error.code == code, error
    for word in (setup.kms_id, key_id, *words):
        assert word in error.message, error
    assert set(pool.images()) == before and driver.orphans() == []
    setup.change_secret(UNIQUE_IDENTIFIER=setup.key_id)
    v.create().stage().unstage().delete()


@pytest.mark.parametrize("state", STATES)
def test_a_key_that_cannot_unwrap(world, start_driver, wrong_key, state):
    """The volume is there, and the key is no longer the one it was."""
    _, code, words = STATES[state]
    setup = world.set_up(Case())
    v = small_volume(start_driver(), setup).stage().unstage()
    text = setup.text_of(v)
    key_id = wrong_key(setup, state)
    setup.change_secret(UNIQUE_IDENTIFIER=key_id)
    wait_until(lambda: try_stage(v) is not None)
    expect_stage_error(v, setup, code, key_id, *words)
    assert setup.text_of(v) == text
    setup.change_secret(UNIQUE_IDENTIFIER=setup.key_id)
    expect_opens(v)
    v.delete()


def test_a_volumes_own_key_is_revoked(world, start_driver, kmip):
    """By the format that names it: PyKMIP refuses Decrypt then, the specification would not."""
    setup = world.set_up(Case("aead"))
    v = small_volume(start_driver(), setup).stage().unstage()
    with kmip.administrator() as client:
        administrator.revoke(client, setup.key_id)
    expect_stage_error(v, setup, "FAILED_PRECONDITION", setup.key_id, "is deactivated")
    # Its KEK is not needed to delete it.
    v.delete()


@pytest.mark.parametrize("state", ["deactivated", "compromised"])
def test_a_fetched_key_goes_by_its_state(world, start_driver, wrong_key, state):
    """Get gives the bytes of a key in any state: it is we who must not wrap by it."""
    _, code, words = STATES[state]
    setup = world.set_up(Case("local"))
    driver = start_driver()
    key_id = wrong_key(setup, state)
    setup.change_secret(UNIQUE_IDENTIFIER=key_id)
    v = setup.volume(driver, block=True, fs_type=None, size=SMALL)
    error = error_of(driver.controller.call, "CreateVolume", v.create_request())
    assert error.code == code, error
    for word in (setup.kms_id, key_id, *words):
        assert word in error.message, error


def test_a_deleted_volume_needs_no_key(world, start_driver, pool):
    """Its DEK goes with its image, whatever became of the KEK and of the server's opinion of us."""
    setup = world.set_up(Case())
    v = small_volume(start_driver(), setup).stage().unstage()
    setup.change_secret(UNIQUE_IDENTIFIER="no-such-key")
    wait_until(lambda: try_stage(v) is not None)
    v.delete()
    assert pool.traces(v.uuid) == []
    assert "unreleased_dek" not in v.driver.controller.log_path.read_text()
