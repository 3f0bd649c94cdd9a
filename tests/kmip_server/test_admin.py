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
from admin import check, create_key, destroy_key, new_key, of_the_pool, run
from harness.calls import expect_opens, small_volume, wait_until
from kmip_world import WRAPS, Case


def volumes_named(report):
    """The IDs that a report gives as those that cannot be opened."""
    return {row["volumeId"] for row in report["volumes"]["rows"] if row["outcome"] == "failed"}


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
    expect("INVALID_ARGUMENT", "CA certificate")
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

def known_key(setup, kmip, key_id):
    """As the driver's own certificate sees it: it is the owner."""
    with kmip.administrator("client") as client:
        key = client.get(key_id)
        assert administrator.state_of(client, key_id) == enums.State.ACTIVE
        names = administrator.names_of(client, key_id)
    setup.keks[key_id] = key.value
    return key, names


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_a_new_key_is_used(world, start_driver, kmip, bits):
    setup = world.set_up(Case("aead"))
    driver = start_driver()
    name = f"new-{setup.kms_id}"
    status, answer, errors = create_key(setup, driver, bits, name)
    assert status == 0, errors
    assert (answer["kmsId"], answer["name"], answer["bits"]) == (setup.kms_id, name, bits)
    key_id = answer["keyId"]
    assert key_id in answer["nextStep"] and "UNIQUE_IDENTIFIER" in answer["nextStep"]
    key, names = known_key(setup, kmip, key_id)
    assert len(key.value) * 8 == bits == key.cryptographic_length and names == [name]
    setup.key_id = key_id
    setup.change_secret(UNIQUE_IDENTIFIER=key_id)
    v = small_volume(driver, setup)
    assert f'"key":"{key_id}"' in setup.text_of(v) and setup.dek_of(v)
    v.stage().unstage().delete()


def test_a_person_is_told_where_a_new_key_goes(world):
    setup = world.set_up(Case())
    status, text, errors = run(setup, world.new_driver(), "create-key", "--bits", 256, "--name",
                               f"told-{setup.kms_id}")
    assert status == 0, errors
    for word in ("identifier", "UNIQUE_IDENTIFIER", f"rbdcrypt/{setup.secret_name}"):
        assert word in text


def test_a_name_is_given_once(world, kmip):
    """Though PyKMIP would take it twice."""
    setup = world.set_up(Case())
    driver = world.new_driver()
    name = f"once-{setup.kms_id}"
    key_id = new_key(setup, driver, name)
    status, _, errors = create_key(setup, driver, 256, name)
    assert status != 0 and "ALREADY_EXISTS" in errors and name in errors and key_id in errors
    with kmip.administrator("client") as client:
        assert administrator.named(client, name) == [key_id]


@pytest.mark.parametrize("arguments", [["--bits", "100", "--name", "x"], ["--bits", "256"]])
def test_what_is_no_key_is_not_made(world, kmip, arguments):
    setup = world.set_up(Case())
    log = kmip.log(kmip.node_of("ec-1.3"))
    status, _, errors = run(setup, world.new_driver(), "create-key", *arguments)
    assert status != 0 and errors
    assert not log.count("Create")


# ---- destroy-key --------------------------------------------------------------------------------

def is_there(kmip, key_id):
    with kmip.administrator("client") as client:
        try:
            administrator.state_of(client, key_id)
            return True
        except KmipOperationFailure as error:
            assert error.reason == enums.ResultReason.ITEM_NOT_FOUND, error
            return False


def users_of(report):
    """Who needs the key: entries by their KMS IDs, images by their names."""
    return {use["kmsId"] if use["kind"] == "entry" else use["image"] for use in report["uses"]}


def expect_refused(setup, driver, kmip, key_id, *users):
    status, report = destroy_key(setup, driver, key_id)
    assert status != 0 and report["verdict"] == "refused", report
    assert users_of(report) == set(users), report
    assert is_there(kmip, key_id)
    return report


@pytest.mark.parametrize("wrap", ["cbc", "aead"])
def test_a_key_in_use_is_not_destroyed(world, start_driver, pool, kmip, ceph, wrap):
    setup = world.set_up(Case(wrap))
    driver = start_driver()
    doomed = new_key(setup, driver, f"doomed-{setup.kms_id}")
    known_key(setup, kmip, doomed)
    other, setup.key_id = setup.key_id, doomed
    setup.change_secret(UNIQUE_IDENTIFIER=doomed)
    used, trashed = small_volume(driver, setup), small_volume(driver, setup)
    assert setup.dek_of(used) and setup.dek_of(trashed)
    expect_refused(setup, driver, kmip, doomed, setup.kms_id, used.image, trashed.image)

    # The entry has another one from now on, and so have new volumes.
    setup.key_id = other
    setup.change_secret(UNIQUE_IDENTIFIER=other)
    free = small_volume(driver, setup)
    ceph.run("rbd", "trash", "mv", keys.image_spec(trashed))
    report = expect_refused(setup, driver, kmip, doomed, used.image, trashed.image)
    assert {use.get("volumeId") for use in report["uses"]} >= {used.id}
    assert [use["image"] for use in report["uses"] if use.get("trashId")] == [trashed.image]

    setup.change_secret(UNIQUE_IDENTIFIER=doomed)
    expect_opens(used)
    setup.change_secret(UNIQUE_IDENTIFIER=other)
    used.delete()
    expect_refused(setup, driver, kmip, doomed, trashed.image)
    entry, = (each for each in pool.trash_entries() if each["name"] == trashed.image)
    ceph.run("rbd", "trash", "restore", "--pool", pool.name, entry["id"])
    trashed.delete()
    wait_until(lambda: pool.trash() == [])

    status, report = destroy_key(setup, driver, doomed, "--timeout", "30")
    assert status == 0 and report["verdict"] == "mayBeDestroyed" and is_there(kmip, doomed), report
    status, report = destroy_key(setup, driver, doomed)
    assert status == 0 and report["verdict"] == "destroyed", report
    assert not is_there(kmip, doomed)
    # There is nothing left to destroy, and nothing else was touched.
    status, report = destroy_key(setup, driver, doomed)
    assert status != 0 and report["error"]["code"] == "NOT_FOUND", report
    free.stage().unstage().delete()


def test_what_cannot_be_told_is_not_destroyed(world, start_driver, pool, kmip):
    """A text that nobody understands may need the key."""
    setup = world.set_up(Case("aead"))
    driver = start_driver()
    doubtful = new_key(setup, driver, f"doubtful-{setup.kms_id}")
    v = small_volume(driver, setup)
    text = setup.text_of(v)
    pool.set_metadata(v.image, keys.DEK_KEY, '{"dek":{"format":2}}')
    report = expect_refused(setup, driver, kmip, doubtful, v.image)
    assert [use["known"] for use in report["uses"]] == [False], report
    pool.set_metadata(v.image, keys.DEK_KEY, text)
    status, report = destroy_key(setup, driver, doubtful)
    assert status == 0 and not is_there(kmip, doubtful), report
    v.stage().unstage().delete()


def test_without_a_pool_to_look_at_nothing_is_destroyed(world, kmip):
    setup = world.set_up(Case())
    driver = world.new_driver()
    kept = new_key(setup, driver, f"kept-{setup.kms_id}")
    status, _, errors = run(setup, driver, "destroy-key", kept, "--yes")
    assert status != 0 and "--cluster" in errors and is_there(kmip, kept)
