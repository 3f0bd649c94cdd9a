# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Last of all: what the run showed of its secrets, to whom, and what stays in memory (safety E1).

By its name this file runs after the others. Their DEKs, tokens and passphrases are looked for in what
the servers wrote down, and those of one more life in all that a driver shows and keeps.
"""
import pathlib
import re

import pytest

import keys
from harness import memory
from harness.calls import small_volume, stage_error
from harness.watched_life import add_dek, watched_life, what_was_shown, what_was_written
from harness.world import DRIVER_NAMESPACE
from world import Case

# Of OpenBao's tokens and of service accounts'.
TOKENS = re.compile(rb"\b(?:s|hvs)\.[A-Za-z0-9]{20,}|eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}")


def metadata_dek(setup, v):
    wrapped = setup.world.ceph.run("rbd", "image-meta", "get", keys.image_spec(v), keys.DEK_KEY)
    return keys.metadata_dek(wrapped, setup.passphrase, v.id)


@pytest.fixture(scope="module")
def life(world):
    """A driver with a staged volume of each provider, which met errors before; what is known of its
    secrets; and a witness who looked on."""
    with watched_life(world) as lived:
        for provider in ("vault", "vaulttokens", "vaulttenantsa", "metadata"):
            live(lived, world.set_up(Case(provider)))
        yield lived


def live(lived, setup):
    # It outlasts the single test.
    setup.world.setups.remove(setup)
    lived.setups.append(setup)
    v = small_volume(lived.driver, setup)
    lived.volumes.append(v)
    if setup.case.provider == "metadata":
        add_dek(lived.secrets, v, metadata_dek(setup, v))
        lived.secrets[f"passphrase of {setup.tenant}"] = setup.passphrase.encode()
    else:
        add_dek(lived.secrets, v, setup.stored_dek(v).encode())
        fail_with(setup, v)
    if setup.case.provider == "vaulttokens":
        token = setup.world.kube.secret(setup.tenant, "ceph-csi-kms-token")["token"]
        lived.secrets[f"token of {setup.tenant}"] = token.encode()
    v.stage().unstage().stage()


def fail_with(setup, v):
    """A call that is refused, and one whose key is damage: both have texts to be careless in."""
    setup.vault.remove_policy(setup.policy)
    assert stage_error(v).code == "PERMISSION_DENIED"
    setup.vault.policy(setup.policy, setup.policy_text())
    dek = setup.stored_dek(v)
    for stored in ({"data": dek}, {"data": {"passphrase": [dek]}}):
        setup.vault.call("PUT", setup.path_of(v), {"data": stored})
        assert stage_error(v).code == "DATA_LOSS"
    setup.vault.call("PUT", setup.path_of(v), {"data": {"data": {"passphrase": dek}}})


def written_by_servers(vault, kube):
    """path -> content of what OpenBao, kube-apiserver and etcd said."""
    paths = [*vault.folder.glob("node*/log"), *vault.folder.glob("node*/audit.log"),
             *kube.folder.glob("*/log"), *kube.folder.glob("*/audit.log")]
    return {str(path): path.read_bytes() for path in paths}


def test_no_secret_was_shown(life, vault, kube):
    assert {name.split()[0] for name in life.secrets} == {"DEK", "token", "passphrase"}
    assert what_was_shown(life, life.secrets, written_by_servers(vault, kube), (
        "controller.log", "node.log", "node1/audit.log", "node1/log", "apiserver/audit.log",
        "metrics of", "qemu-storage-daemon")) == []


def test_no_token_of_any_kind_was_written_down(life, vault, kube):
    """Neither those that were got by a login or asked for at Kubernetes, which no test knows."""
    logs = {str(path): path.read_bytes() for path in life.driver.folder.glob("*.log")}
    logs |= written_by_servers(vault, kube)
    assert any(b"auth/kubernetes/login" in content for content in logs.values())
    shown = {path: match[0][:12] for path, content in logs.items()
             if (match := TOKENS.search(content))}
    assert shown == {}


def test_no_secret_of_the_run_was_written_down(world, vault, kube):
    """Of no other test in this folder."""
    if len(world.secrets) < 10:
        pytest.skip("no other tests ran before")
    logs = {**written_by_servers(vault, kube), **world.logs}
    assert what_was_written(world.secrets, logs) == []


def test_no_key_stays_in_memory(life):
    """Once a volume is staged, and some time after: not as text, not decoded, not in a buffer that a
    library gave back or keeps for its connections."""
    for process in (life.driver.controller, life.driver.node):
        pid = process.child.pid
        # It sees at all: the Ceph key is in librados' own memory (SECURITY.md).
        key = {"Ceph key": life.volumes[0].secrets["userKey"].encode()}
        assert memory.find(pid, key), "the memory cannot be searched"
        assert memory.find(pid, life.secrets) == []


def test_no_tenants_token_stays_in_memory(life):
    """Nor what a tenant's account was given to log in with; the driver's own is there."""
    tenants = {setup.tenant for setup in life.setups}
    for process in (life.driver.controller, life.driver.node):
        subjects = memory.subjects_of_tokens(process.child.pid)
        assert any(DRIVER_NAMESPACE in subject for subject in subjects), "it would not be seen"
        assert not any(tenant in subject for subject in subjects for tenant in tenants), subjects


def test_no_core_files(folder):
    places = [folder, pathlib.Path.cwd(), pathlib.Path("/")]
    assert [core for place in places for core in place.glob("core*")
            if core.is_file() and core.stat().st_size > 1 << 16] == []
