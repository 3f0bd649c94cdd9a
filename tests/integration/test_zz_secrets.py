# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Last of all: what the run showed of its secrets, and what it left behind (safety E1).

By its name this file runs after the others. The witness has watched arguments and environments of
all processes, logs, metrics, and the files of every driver while they ran.
"""
import pathlib
import subprocess
import time

import pytest

import keys
from witness import forms_of

MIB = 1 << 20
SIZE = 384 * MIB


@pytest.fixture
def marked_life(driver, volume, witness, pool):
    """One life for each key manager whose DEK, KEK and volume key are all known to the witness."""
    for kms_id in ("local", "metadata", "default"):
        v = volume(kms_id=kms_id, fs_type="xfs", size=SIZE).create()
        dek = keys.dek_of(v)
        witness.add_secret(f"DEK of {v.id}", dek)
        witness.add_secret(f"volume key of {v.id}", volume_key(v, pool, dek))
        v.stage().publish().expand(2 * SIZE)
        v.node_expand()
        v.unpublish().unstage()
        wrong = {**v.secrets, "encryptionPassphrase": v.secrets["encryptionPassphrase"][::-1]}
        witness.add_secret("wrong passphrase", wrong["encryptionPassphrase"])
        v.secrets, right = wrong, v.secrets
        try:
            v.stage().unstage()  # "local" does not need it
        except Exception:  # noqa: BLE001 - what the error says is looked for in the log
            assert kms_id != "local"
        v.secrets = right
        v.delete()


def volume_key(volume, pool, dek):
    header = volume.driver.folder.parent / f"header-{volume.uuid}"
    header.write_bytes(pool.read(volume.image, 0, 16 * MIB))
    done = subprocess.run(["cryptsetup", "luksDump", "--batch-mode", "--dump-volume-key",
                           "--key-file", "-", header], input=dek, capture_output=True, check=True)
    header.unlink()
    hexadecimal = done.stdout.decode().partition("MK dump:")[2]
    return bytes.fromhex("".join(hexadecimal.split()))


def test_the_witness_sees(witness):
    """It would have noticed: of something it was shown in each way, it finds all."""
    probe = "a secret that is shown on purpose"
    witness.add_secret("probe", probe)
    try:
        for number, form in enumerate(sorted(forms_of(probe.encode()))):
            witness.keep(f"shown {number}", b"before" + form + b"after")
        child = subprocess.Popen(["sleep", "30"], env={"SHOWN": probe})
        try:
            # Popen returns from an exec that has not set up the arguments yet.
            while not pathlib.Path(f"/proc/{child.pid}/cmdline").read_bytes():
                time.sleep(0.01)
            witness._look_at_processes()
        finally:
            child.kill()
            child.wait()
        found = {sight for name, sight in witness.findings() if name == "probe"}
        assert {f"shown {n}" for n in range(len(forms_of(probe.encode())))} < found
        assert any(sight.startswith("process") for sight in found)
    finally:
        del witness.secrets["probe"]


def test_no_secret_was_shown(marked_life, driver, witness):
    for process in (driver.controller, driver.node):
        witness.keep_metrics(process)
    witness.keep_files(driver.folder)
    witness.add_ring(driver.folder / "kek-ring")
    kinds = [name.split()[0] for name in witness.secrets]
    assert {"DEK", "KEK", "volume", "encryptionPassphrase", "the"} <= set(kinds)
    assert any("qemu-storage-daemon" in sight for sight in witness.sights)
    assert any("mkfs.xfs" in sight for sight in witness.sights)
    assert any(sight.endswith("node.log") for sight in witness.sights)
    assert witness.findings() == []


def test_no_core_files(session_folder):
    places = [session_folder, pathlib.Path.cwd(), pathlib.Path("/")]
    assert [core for place in places for core in place.glob("core*")
            if core.is_file() and core.stat().st_size > 1 << 16] == []


def test_nothing_is_left_in_the_pool(driver, pool, request):
    if request.session.testsfailed:
        pytest.skip("a failed test keeps its volume for a look")
    assert driver.orphans() == []
    assert pool.images() == [] and pool.trash() == []
    assert [o for o in pool.objects() if o != "csi.volumes.default"] == []
    assert (pool.omap("csi.volumes.default") or {}) == {}
