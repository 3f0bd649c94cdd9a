# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""`rbdcrypt kms` over volumes of a real cluster, as an administrator runs it."""
import json
import shutil
import subprocess

import pytest
import rbd

from harness.driver import GIB

SIZE = GIB // 8


@pytest.fixture
def kms(driver):
    """kms("check", id, …) -> (exit status, the JSON object it printed), as the driver's Ceph user."""
    def run(verb, *arguments):
        env = driver.ceph.env
        done = subprocess.run(
            [driver.binary, "kms", verb, *arguments, "--json", "--timeout", "20",
             "--cluster", env["RBDCRYPT_CLUSTER_ID"], "--user", env["RBDCRYPT_CEPH_USER"],
             "--key-file", env["RBDCRYPT_CEPH_KEY_FILE"],
             "--cluster-config", env["RBDCRYPT_CONFIG"], "--kms-config", driver.kms_config],
            capture_output=True, text=True, timeout=120)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr
    return run


def volumes_of(report, *volumes):
    """The rows about these volumes: other tests' may be in the pool, too."""
    ids = {volume.id for volume in volumes}
    return [row for row in report["volumes"]["rows"] if row["volumeId"] in ids]


def to_trash(pool, image):
    rbd.RBD().trash_move(pool.io, image, 0)


def test_check_proves_volumes_and_what_is_in_the_trash(driver, volume, pool, kms):
    check = ["check", "local", "--pool", pool.name]
    kept, trashed = volume(size=SIZE).create(), volume(size=SIZE).create()
    other = volume(kms_id="metadata", size=SIZE).create()
    to_trash(pool, trashed.image)
    before = pool.metadata(kept.image)
    for flags in ([], ["--open"]):
        status, report = kms(*check, *flags)
        assert status == 0 and report["ok"], report
        assert report["volumes"]["proven"] >= 2 and report["volumes"]["opened"] == bool(flags)
        assert volumes_of(report, kept, trashed, other) == []
    assert pool.metadata(kept.image) == before
    status, report = kms("check", "metadata", "--pool", pool.name)
    assert status == 0
    assert sum(report["volumes"]["leftOut"].values()) >= 1
    for each in (kept, trashed, other):
        each.delete()
        assert pool.traces(each.uuid) == []


def test_check_lists_the_volumes_that_another_key_would_lose(driver, volume, pool, kms):
    """Story F13: the entry works for new volumes, and not for these."""
    check = ["check", "local", "--pool", pool.name]
    volumes = [volume(size=SIZE).create() for _ in range(3)]
    to_trash(pool, volumes[2].image)
    ring, kept = driver.folder / "kek-ring", driver.folder / "kek-ring.kept"
    shutil.move(ring, kept)
    try:
        # Another ring is made by the preflight's wrap.
        status, report = kms(*check)
        assert status == 1 and not report["ok"]
        assert all(step["ok"] for step in report["steps"]), report
        rows = volumes_of(report, *volumes)
        assert len(rows) == 3 and {row["code"] for row in rows} == {"NOT_FOUND"}, rows
        assert [bool(row["trashId"]) for row in rows] == [False, False, True]
        assert all(row["tenant"] == "team-a" and "ring" in row["message"] for row in rows)
    finally:
        shutil.move(kept, ring)
    assert kms(*check, "--open")[0] == 0
    for each in volumes:
        each.delete()


def test_check_opens_headers_and_says_which_it_cannot(driver, volume, pool, kms):
    check = ["check", "local", "--pool", pool.name, "--open"]
    damaged, foreign = volume(size=SIZE).create(), volume(size=SIZE).create()
    header = pool.read(foreign.image, 0, 16 << 20)
    pool.write(damaged.image, 0, bytes(1 << 20))
    donor = volume(size=SIZE).create()
    pool.write(foreign.image, 0, pool.read(donor.image, 0, 16 << 20))
    status, report = kms(*check)
    assert status == 1
    codes = {row["volumeId"]: row["code"] for row in volumes_of(report, damaged, foreign, donor)}
    assert codes == {damaged.id: "DATA_LOSS", foreign.id: "UNAUTHENTICATED"}
    pool.write(foreign.image, 0, header)
    status, report = kms(*check)
    assert [row["volumeId"] for row in volumes_of(report, damaged, foreign, donor)] == [damaged.id]
    for each in (damaged, foreign, donor):
        each.delete()


def test_a_volume_in_use_is_proven_all_the_same(driver, volume, pool, kms):
    v = volume(size=SIZE).create().stage()
    status, report = kms("check", "local", "--pool", pool.name, "--open")
    assert status == 0 and volumes_of(report, v) == [], report
    v.unstage().delete()


def test_check_of_a_silent_key_manager_is_one_error(driver, volume, pool, kms):
    v = volume(size=SIZE).create()
    entries = json.loads(driver.kms_config.read_text())
    entries["local"]["createIfMissing"] = "false"
    driver.kms_config.write_text(json.dumps(entries))
    ring, kept = driver.folder / "kek-ring", driver.folder / "kek-ring.kept"
    shutil.move(ring, kept)
    try:
        status, report = kms("check", "local", "--pool", pool.name)
        assert status == 1
        assert report["volumes"]["stopped"]["code"] == "UNAVAILABLE"
        assert report["volumes"]["rows"] == [] and report["volumes"]["failed"] == 0
    finally:
        shutil.move(kept, ring)
    v.delete()


def test_what_cannot_be_looked_at_is_said(driver, kms, pool):
    status, report = kms("check", "local", "--pool", "no-such-pool")
    assert status == 1 and report["volumes"]["stopped"]["code"] == "NOT_FOUND"
    status, text = kms("destroy-key", "local", "1", "--pool", pool.name)
    assert status == 1 and "UNIMPLEMENTED" in text and "local" in text
