# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Last of all: what the run showed of its secrets, to whom, and what stays in memory (safety E1).

By its name this file runs after the others. Their DEKs and KEKs are looked for in what drivers and
servers wrote down, and those of one more life in all that a driver shows and keeps.
"""
import pytest
from cryptography.hazmat.primitives import serialization

import keys
from harness import memory
from harness.calls import small_volume, stage_error
from harness.watched_life import add_dek, watched_life, what_was_shown, what_was_written
from kmip_world import WRAPS, Case


def private_number(pem):
    """Of an EC key, as bytes."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    return key.private_numbers().private_value.to_bytes(32, "big")


@pytest.fixture(scope="module")
def life(world, kmip):
    """A driver with a staged volume of each way to wrap, which met errors before; what is known of
    its secrets; and a witness who looked on."""
    with watched_life(world) as lived:
        for wrap in WRAPS:
            live(lived, world.set_up(Case(wrap), secret_name=f"credentials-{wrap}"))
        # They outlast the single test.
        world.setups.clear()
        yield lived


def live(lived, setup):
    lived.setups.append(setup)
    v = small_volume(lived.driver, setup)
    lived.volumes.append(v)
    add_dek(lived.secrets, v, setup.dek_of(v))
    lived.secrets[f"KEK {setup.key_id}"] = setup.keks[setup.key_id]
    fail_with(setup, v)
    v.stage().unstage().stage()


def fail_with(setup, v):
    """Calls that are refused, and whose key is damage: all have texts to be careless in."""
    ceph = setup.world.ceph
    text = setup.text_of(v)
    for damaged in (text[:-9] + text[-3:], text[:-5]):
        ceph.run("rbd", "image-meta", "set", keys.image_spec(v), keys.DEK_KEY, damaged)
        assert stage_error(v).code in ("DATA_LOSS", "INTERNAL")
    ceph.run("rbd", "image-meta", "set", keys.image_spec(v), keys.DEK_KEY, text)


def written_by_servers(kmip, kube):
    """path -> content of what PyKMIP, kube-apiserver and etcd said."""
    paths = [*kube.folder.glob("*/log"), *kube.folder.glob("*/audit.log")]
    return {**kmip.logs(), **{str(path): path.read_bytes() for path in paths}}


def test_no_secret_was_shown(life, kmip, kube):
    pem = kmip.pem("client.key")
    secrets = {**life.secrets, "client key": pem.encode(),
               "client key, its number": private_number(pem)}
    assert {name.split()[0] for name in secrets} == {"DEK", "KEK", "client"}
    assert what_was_shown(life, secrets, written_by_servers(kmip, kube), (
        "controller.log", "node.log", "node3/server.log", "node3/log", "apiserver/audit.log",
        "metrics of", "qemu-storage-daemon")) == []


def test_no_secret_of_the_run_was_written_down(world, kmip, kube):
    """Of no other test in this folder."""
    if len(world.secrets) < 10:
        pytest.skip("no other tests ran before")
    logs = {**written_by_servers(kmip, kube), **world.logs}
    assert what_was_written(world.secrets, logs) == []


def test_no_key_stays_in_memory(life):
    """Neither volumes' keys nor the one that wraps them: not in a record that TLS read, not in a
    message, not where it was used. That the process has its own client key is another matter."""
    for process in (life.driver.controller, life.driver.node):
        pid = process.child.pid
        # It sees at all: the Ceph key is in librados' own memory (SECURITY.md).
        key = {"Ceph key": life.volumes[0].secrets["userKey"].encode()}
        assert memory.find(pid, key), "the memory cannot be searched"
        assert memory.find(pid, life.secrets) == []
