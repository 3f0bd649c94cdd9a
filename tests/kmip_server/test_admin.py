# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What an administrator does by `rbdcrypt kms`: look whether all is well, make a key, destroy one.

F13: a changed key identifier that would make living volumes unreadable is found before they are
needed, with their list.
"""
import pytest
from kmip.core import enums
from kmip.pie.exceptions import KmipOperationFailure

import administrator
import keys
from admin import check, of_the_pool, run
from harness.calls import expect_opens, small_volume, wait_until
from kmip_world import WRAPS, Case


def volumes_named(report):
    """The IDs that a report gives as those that cannot be opened."""
    return {each["id"] for each in report["volumes"]["unreadable"]}


# ---- check --------------------------------------------------------------------------------------

@pytest.mark.parametrize("wrap", WRAPS)
def test_each_step_of_a_good_entry_is_told(world, wrap):
    setup = world.set_up(Case(wrap))
    status, report = check(setup, world.new_driver())
    assert status == 0 and report["ok"], report
    assert report["provider"] == "kmip" and not report["leftOut"]
    assert all(step["ok"] for step in report["steps"]) and len(report["steps"]) >= 3


def test_the_step_that_fails_says_what_to_do(world, kube):
    setup = world.set_up(Case())
    driver = world.new_driver()

    def expect(code, *words):
        status, report = check(setup, driver)
        assert status == 1 and not report["ok"], report
        failed = next(step for step in report["steps"] if not step["ok"])
        assert failed["code"] == code, failed
        for word in (setup.kms_id, *words):
            assert word in failed["message"], failed

    setup.change_secret(UNIQUE_IDENTIFIER="no-such-key")
    expect("NOT_FOUND", "no-such-key", "UNIQUE_IDENTIFIER")
    setup.change_secret(UNIQUE_IDENTIFIER=setup.new_key(active=False))
    expect("FAILED_PRECONDITION", "Pre-Active")
    setup.change_secret(CA_CERT=kube.ca_pem)
    expect("INVALID_ARGUMENT", "CA_CERT")
    setup.change_secret(**setup.credentials())
    setup.write_entry(KMIP_ENDPOINT="127.0.0.1:9")
    expect("UNAVAILABLE", "127.0.0.1:9")
    setup.write_entry(KMIP_ENDPOINT=None)
    expect("INVALID_ARGUMENT", "KMIP_ENDPOINT")


@pytest.mark.parametrize("wrap", ["cbc", "local"])
def test_f13_changed_identifier_is_found_with_the_volumes(world, start_driver, wrap):
    setup = world.set_up(Case(wrap))
    beside = world.set_up(Case(wrap), secret_name="other-credentials")
    driver = start_driver()
    volumes = [small_volume(driver, setup) for _ in range(3)]
    others = [small_volume(driver, beside)]
    status, report = check(setup, driver, in_pool=True)
    assert status == 0 and volumes_named(report) == set(), report

    setup.change_secret(UNIQUE_IDENTIFIER=setup.new_key())
    # Of the entry alone nothing is wrong: a DEK can be wrapped and unwrapped.
    status, report = check(setup, driver)
    assert status == 0, report
    status, report = check(setup, driver, in_pool=True)
    assert status == 1 and not report["ok"]
    assert volumes_named(report) == {v.id for v in volumes}, report
    # For people, too.
    status, text, _ = run(setup, driver, "check", *of_the_pool(driver.ceph))
    assert status == 1 and all(v.id in text for v in volumes)
    assert not any(v.id in text for v in others)

    setup.change_secret(UNIQUE_IDENTIFIER=setup.key_id)
    status, report = check(setup, driver, in_pool=True)
    assert status == 0 and volumes_named(report) == set(), report
    for v in volumes + others:
        v.stage().unstage().delete()


@pytest.mark.parametrize("wrap", ["aead", "aead-local"])
def test_f13_recorded_key_survives_a_changed_identifier(world, start_driver, wrap):
    """Our format names the key, so that old volumes open by the old one and new ones by the new."""
    setup = world.set_up(Case(wrap))
    driver = start_driver()
    old = small_volume(driver, setup)
    first, setup.key_id = setup.key_id, setup.new_key()
    setup.change_secret(UNIQUE_IDENTIFIER=setup.key_id)
    status, report = check(setup, driver, in_pool=True)
    assert status == 0, report
    expect_opens(old)
    new = small_volume(driver, setup)
    assert f'"key":"{first}"' in setup.text_of(old)
    assert f'"key":"{setup.key_id}"' in setup.text_of(new)
    assert setup.dek_of(old) and setup.dek_of(new)
    for v in (old, new):
        v.stage().unstage().delete()


def test_a_damaged_key_is_among_the_unreadable(world, start_driver, pool):
    setup = world.set_up(Case("aead"))
    driver = start_driver()
    good, bad = small_volume(driver, setup), small_volume(driver, setup)
    text = setup.text_of(bad)
    pool.set_metadata(bad.image, keys.DEK_KEY, setup.text_of(good))
    status, report = check(setup, driver, in_pool=True)
    assert status == 1 and volumes_named(report) == {bad.id}, report
    pool.set_metadata(bad.image, keys.DEK_KEY, text)
    for v in (good, bad):
        v.delete()


# ---- create-key ---------------------------------------------------------------------------------

def create_key(setup, driver, bits, name):
    """(exit status, identifier or what was printed, standard error)."""
    status, output, errors = run(setup, driver, "create-key", "--bits", bits, "--name", name)
    return status, output.split()[0] if status == 0 else output, errors


def known_key(setup, kmip, key_id):
    """As the driver's own certificate sees it: it is the owner."""
    with kmip.administrator("client") as client:
        key = client.get(key_id)
        assert administrator.state_of(client, key_id) == enums.State.ACTIVE
    setup.keks[key_id] = key.value
    return key


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_a_new_key_is_used(world, start_driver, kmip, bits):
    setup = world.set_up(Case("aead"))
    driver = start_driver()
    name = f"new-{setup.kms_id}"
    status, key_id, errors = create_key(setup, driver, bits, name)
    assert status == 0, errors
    key = known_key(setup, kmip, key_id)
    assert len(key.value) * 8 == bits == key.cryptographic_length
    assert key.names == [name]
    assert set(key.cryptographic_usage_masks) == set(administrator.USAGE)
    # What it prints says where that goes, and who has it.
    assert "UNIQUE_IDENTIFIER" in run_text(setup, driver, bits, f"{name}-2")
    setup.key_id = key_id
    setup.change_secret(UNIQUE_IDENTIFIER=key_id)
    v = small_volume(driver, setup)
    assert f'"key":"{key_id}"' in setup.text_of(v) and setup.dek_of(v)
    v.stage().unstage().delete()


def run_text(setup, driver, bits, name):
    status, output, errors = run(setup, driver, "create-key", "--bits", bits, "--name", name)
    assert status == 0, errors
    return output + errors


def test_a_name_is_given_once(world, kmip):
    """Though PyKMIP would take it twice."""
    setup = world.set_up(Case())
    driver = world.new_driver()
    name = f"once-{setup.kms_id}"
    status, key_id, errors = create_key(setup, driver, 256, name)
    assert status == 0, errors
    status, output, errors = create_key(setup, driver, 256, name)
    assert status != 0 and name in output + errors and key_id in output + errors
    with kmip.administrator("client") as client:
        found = client.locate(attributes=[name_attribute(client, name)])
    assert found == [key_id]


def name_attribute(client, name):
    return client.attribute_factory.create_attribute(enums.AttributeType.NAME, name)


@pytest.mark.parametrize("arguments", [["--bits", "100", "--name", "x"], ["--bits", "256"]])
def test_what_is_no_key_is_not_made(world, kmip, arguments):
    setup = world.set_up(Case())
    log = kmip.log(kmip.node_of("ec-1.3"))
    status, _, errors = run(setup, world.new_driver(), "create-key", *arguments)
    assert status != 0 and errors
    assert not log.count("Create")


# ---- destroy-key --------------------------------------------------------------------------------

def destroy_key(setup, driver, key_id):
    status, output, errors = run(setup, driver, "destroy-key", key_id, *of_the_pool(driver.ceph))
    return status, output + errors


def is_there(kmip, key_id):
    with kmip.administrator("client") as client:
        try:
            administrator.state_of(client, key_id)
            return True
        except KmipOperationFailure as error:
            assert error.reason == enums.ResultReason.ITEM_NOT_FOUND, error
            return False


@pytest.mark.parametrize("wrap", ["cbc", "aead"])
def test_a_key_in_use_is_not_destroyed(world, start_driver, pool, kmip, ceph, wrap):
    setup = world.set_up(Case(wrap))
    driver = start_driver()
    status, key_id, errors = create_key(setup, driver, 256, f"doomed-{setup.kms_id}")
    assert status == 0, errors
    known_key(setup, kmip, key_id)
    other, setup.key_id = setup.key_id, key_id
    setup.change_secret(UNIQUE_IDENTIFIER=key_id)
    used, trashed = small_volume(driver, setup), small_volume(driver, setup)
    assert setup.dek_of(used) and setup.dek_of(trashed)
    # The entry wraps with it.
    status, text = destroy_key(setup, driver, key_id)
    assert status != 0 and key_id in text and "UNIQUE_IDENTIFIER" in text and is_there(kmip, key_id)

    setup.key_id = other
    setup.change_secret(UNIQUE_IDENTIFIER=other)
    free = small_volume(driver, setup)
    ceph.run("rbd", "trash", "mv", keys.image_spec(trashed))
    status, text = destroy_key(setup, driver, key_id)
    assert status != 0 and is_there(kmip, key_id), text
    assert used.id in text and trashed.image in text
    assert free.id not in text and free.image not in text

    setup.change_secret(UNIQUE_IDENTIFIER=key_id)
    expect_opens(used)
    setup.change_secret(UNIQUE_IDENTIFIER=other)
    used.delete()
    status, text = destroy_key(setup, driver, key_id)
    assert status != 0 and trashed.image in text and used.id not in text and is_there(kmip, key_id)
    trash_id, = (each["id"] for each in pool.trash_entries() if each["name"] == trashed.image)
    ceph.run("rbd", "trash", "restore", "--pool", pool.name, trash_id)
    trashed.delete()
    wait_until(lambda: pool.trash() == [])

    status, text = destroy_key(setup, driver, key_id)
    assert status == 0, text
    assert not is_there(kmip, key_id)
    # There is nothing left to destroy, and nothing else was touched.
    status, text = destroy_key(setup, driver, key_id)
    assert status != 0 and key_id in text
    free.stage().unstage().delete()


def test_what_cannot_be_told_is_not_destroyed(world, start_driver, pool, kmip):
    """A text that nobody understands may need the key."""
    setup = world.set_up(Case("aead"))
    driver = start_driver()
    status, key_id, errors = create_key(setup, driver, 256, f"doubtful-{setup.kms_id}")
    assert status == 0, errors
    v = small_volume(driver, setup)
    text = setup.text_of(v)
    pool.set_metadata(v.image, keys.DEK_KEY, '{"dek":{"format":2}}')
    status, said = destroy_key(setup, driver, key_id)
    assert status != 0 and v.id in said and is_there(kmip, key_id), said
    pool.set_metadata(v.image, keys.DEK_KEY, text)
    status, said = destroy_key(setup, driver, key_id)
    assert status == 0 and not is_there(kmip, key_id), said
    v.stage().unstage().delete()


def test_without_a_pool_to_look_at_nothing_is_destroyed(world, kmip):
    setup = world.set_up(Case())
    driver = world.new_driver()
    status, key_id, errors = create_key(setup, driver, 256, f"kept-{setup.kms_id}")
    assert status == 0, errors
    status, _, errors = run(setup, driver, "destroy-key", key_id)
    assert status != 0 and "--pool" in errors and is_there(kmip, key_id)
