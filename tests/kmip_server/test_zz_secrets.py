# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Last of all: what the run showed of its secrets, to whom, and what stays in memory (safety E1).

By its name this file runs after the others. Their DEKs and KEKs are looked for in what drivers and
servers wrote down, and those of one more life in all that a driver shows and keeps.
"""
import base64
import shutil
import types

import pytest
from cryptography.hazmat.primitives import serialization

import keys
from harness import memory
from harness.calls import small_volume, stage_error
from harness.leftovers import Leftovers
from kmip_world import WRAPS, Case
from witness import Witness


def private_number(pem):
    """Of an EC key, as bytes."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    return key.private_numbers().private_value.to_bytes(32, "big")


@pytest.fixture(scope="module")
def life(world, kmip):
    """A driver with a staged volume of each way to wrap, which met errors before; what is known of
    its secrets; and a witness who looked on."""
    lived = types.SimpleNamespace(driver=world.new_driver(), secrets={}, witness=Witness(),
                                  setups=[], volumes=[])
    lived.witness.start()
    lived.witness.watch_folder(lived.driver.folder)
    try:
        lived.driver.start()
        for wrap in WRAPS:
            live(lived, world.set_up(Case(wrap), secret_name=f"credentials-{wrap}"))
        # They outlast the single test.
        world.setups.clear()
        yield lived
        for v in lived.volumes:
            v.unstage().delete()
    finally:
        lived.driver.stop()
        lived.witness.stop()
        Leftovers(lived.driver.folder, lived.driver.runtime).remove()
        shutil.rmtree(lived.driver.runtime, ignore_errors=True)
        for setup in lived.setups:
            setup.remove()


def live(lived, setup):
    lived.setups.append(setup)
    v = small_volume(lived.driver, setup)
    lived.volumes.append(v)
    dek = setup.dek_of(v)
    lived.secrets[f"DEK of {v.id}"] = dek
    lived.secrets[f"DEK of {v.id}, decoded"] = base64.urlsafe_b64decode(dek + b"==")
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
    witness = life.witness
    pem = kmip.pem("client.key")
    for name, secret in {**life.secrets, "client key": pem.encode(),
                         "client key, its number": private_number(pem)}.items():
        witness.add_secret(name, secret)
    for process in (life.driver.controller, life.driver.node):
        witness.keep_metrics(process)
    witness.keep_files(life.driver.folder)
    for path, content in written_by_servers(kmip, kube).items():
        witness.keep(path, content)
    witness._look_at_processes()
    assert {name.split()[0] for name in witness.secrets} == {"DEK", "KEK", "client"}
    for sight in ("controller.log", "node.log", "node3/server.log", "node3/log",
                  "apiserver/audit.log", "metrics of", "qemu-storage-daemon"):
        assert any(sight in seen for seen in witness.sights), f"{sight} was not looked at"
    assert witness.findings() == []


def test_no_secret_of_the_run_was_written_down(world, kmip, kube):
    """Of no other test in this folder."""
    if len(world.secrets) < 10:
        pytest.skip("no other tests ran before")
    witness = Witness()
    for name, secret in world.secrets.items():
        witness.add_secret(name, secret)
    for path, content in {**written_by_servers(kmip, kube), **world.logs}.items():
        witness.keep(path, content)
    assert witness.findings() == []


def test_no_key_stays_in_memory(life):
    """Neither volumes' keys nor the one that wraps them: not in a record that TLS read, not in a
    message, not where it was used. That the process has its own client key is another matter."""
    for process in (life.driver.controller, life.driver.node):
        pid = process.child.pid
        # It sees at all: the Ceph key is in librados' own memory (SECURITY.md).
        key = {"Ceph key": life.volumes[0].secrets["userKey"].encode()}
        assert memory.find(pid, key), "the memory cannot be searched"
        assert memory.find(pid, life.secrets) == []
