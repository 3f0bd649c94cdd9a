# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""A key manager that is down, refuses, has lost a key or is configured wrongly: each has its own code
(safety F), and each recovers without a restart of the driver."""
import contextlib

import pytest

from harness.calls import (SMALL, error_of, expect_opens, expect_stage_error, small_volume,
                           stage_error, try_stage, wait_until)
from harness.world import DRIVER_NAMESPACE
from world import TENANT_PROVIDERS, Case

ALL = ("vault", *TENANT_PROVIDERS)


@pytest.fixture
def opened(world, start_driver):
    """opened(case) -> (setup, a volume of it that was staged once)."""
    def make(case):
        setup = world.set_up(case)
        v = small_volume(start_driver(), setup)
        return setup, v.stage().unstage()
    return make


# ---- down: UNAVAILABLE --------------------------------------------------------------------------

@contextlib.contextmanager
def sealed(vault):
    vault.seal()
    try:
        yield
    finally:
        vault.up()


@contextlib.contextmanager
def stopped(server):
    server.stop()
    try:
        yield
    finally:
        server.up()


def expect_delete_to_wait(volume, setup):
    """A Vault that is down will be back, and the key is still in it."""
    error = error_of(volume.driver.controller.call, "DeleteVolume", volume.delete_request())
    assert error.code == "UNAVAILABLE" and setup.kms_id in error.message, error


@pytest.mark.parametrize("provider", ALL)
def test_sealed_vault(opened, vault, provider):
    setup, v = opened(Case(provider))
    goes = small_volume(v.driver, setup)
    with sealed(vault):
        expect_stage_error(v, setup, "UNAVAILABLE", "sealed")
        expect_delete_to_wait(goes, setup)
    expect_opens(v)
    for each in (goes, v):
        each.delete()
        assert setup.is_gone(each)


@pytest.mark.parametrize("provider", ALL)
def test_stopped_vault(opened, vault, provider):
    setup, v = opened(Case(provider))
    goes = small_volume(v.driver, setup)
    with stopped(vault):
        expect_stage_error(v, setup, "UNAVAILABLE", setup.options["vaultAddress"])
        expect_delete_to_wait(goes, setup)
    expect_opens(v)
    for each in (goes, v):
        each.delete()
        assert setup.is_gone(each)


@pytest.mark.parametrize("provider", ["vault", "vaulttenantsa"])
def test_restarted_vault(opened, vault, provider):
    setup, v = opened(Case(provider))
    vault.stop()
    vault.start()
    expect_opens(v)
    v.delete()
    assert setup.is_gone(v)


def test_create_while_vault_is_down_leaves_nothing_behind(opened, vault, pool):
    setup, v = opened(Case("vault"))
    before = set(pool.images())
    other = setup.volume(v.driver, block=True, fs_type=None, size=SMALL)
    with stopped(vault):
        error = error_of(v.driver.controller.call, "CreateVolume", other.create_request())
        assert error.code == "UNAVAILABLE" and setup.kms_id in error.message, error
    other.create().stage().unstage().delete()
    assert set(pool.images()) == before and pool.traces(other.uuid) == []
    v.delete()


@pytest.mark.parametrize("provider", [*TENANT_PROVIDERS, "metadata"])
def test_stopped_kubernetes(opened, kube, provider):
    setup, v = opened(Case(provider))
    with stopped(kube):
        expect_stage_error(v, setup, "UNAVAILABLE")
    expect_opens(v)
    v.delete()


# ---- three nodes --------------------------------------------------------------------------------

@pytest.fixture
def opened_on_three(three_nodes, start_driver):
    setup = three_nodes.set_up(Case("vaulttenantsa"))
    v = small_volume(start_driver(), setup)
    return setup, v.stage().unstage()


def test_stopped_standbys(three_nodes, opened_on_three):
    setup, v = opened_on_three
    vault = three_nodes.vault
    standby = next(node for node in (1, 2, 3) if node != vault.active())
    with contextlib.ExitStack() as stack:
        stack.callback(vault.up)
        vault.stop(standby)
        # At the first try: another node is asked at once.
        v.driver.node.call("NodeStageVolume", v.stage_request())
        v.unstage()
    v.delete()
    assert setup.is_gone(v)


def test_stopped_active_node(three_nodes, opened_on_three):
    setup, v = opened_on_three
    vault = three_nodes.vault
    with contextlib.ExitStack() as stack:
        stack.callback(vault.up)
        vault.stop(vault.active())
        # At the first try: the election is waited for.
        v.driver.node.call("NodeStageVolume", v.stage_request())
        v.unstage()
        other = small_volume(v.driver, setup)
        other.stage().unstage().delete()
    v.delete()
    vault.active()
    assert setup.is_gone(v)


def test_no_quorum(three_nodes, opened_on_three):
    setup, v = opened_on_three
    vault = three_nodes.vault
    left = next(node for node in (1, 2, 3) if node != vault.active())
    with contextlib.ExitStack() as stack:
        stack.callback(vault.up)
        for node in {1, 2, 3} - {left}:
            vault.stop(node)
        expect_stage_error(v, setup, "UNAVAILABLE", "standby")
    vault.active()
    expect_opens(v)
    v.delete()


def test_active_node_that_lost_its_quorum(three_nodes, opened_on_three):
    """It may go on saying that it is active: OpenBao 2.7.2 does where it was a standby before. What it
    reads may be old then, and what it is to write fails."""
    setup, v = opened_on_three
    vault = three_nodes.vault
    other = setup.volume(v.driver, block=True, fs_type=None, size=SMALL)
    with contextlib.ExitStack() as stack:
        stack.callback(vault.up)
        for node in {1, 2, 3} - {vault.active()}:
            vault.stop(node)
        error = error_of(v.driver.controller.call, "CreateVolume", other.create_request())
        assert error.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"), error
        assert setup.kms_id in error.message, error
    vault.active()
    other.create().stage().unstage()
    assert setup.stored_dek(other)
    expect_opens(v)
    for each in (other, v):
        each.delete()
        assert setup.is_gone(each)


# ---- refused: PERMISSION_DENIED -----------------------------------------------------------------

@pytest.mark.parametrize("provider", ["vault", "vaulttenantsa"])
def test_revoked_login_is_replaced_unnoticed(opened, vault, provider):
    setup, v = opened(Case(provider))
    vault.revoke_logins()
    v.driver.node.call("NodeStageVolume", v.stage_request())
    v.unstage().delete()
    assert setup.is_gone(v)


def test_revoked_token_of_a_tenant(opened, vault):
    setup, v = opened(Case("vaulttokens"))
    token = setup.world.kube.secret(setup.tenant, "ceph-csi-kms-token")["token"]
    vault.call("POST", "auth/token/revoke", {"token": token})
    error = expect_stage_error(v, setup, "PERMISSION_DENIED", "token", setup.tenant)
    assert token not in error.message
    setup.put_token(setup.new_token())
    expect_opens(v)
    v.delete()
    assert setup.is_gone(v)


@pytest.mark.parametrize("provider", ["vault", "vaulttenantsa"])
def test_role_of_somebody_else(opened, vault, provider):
    setup, v = opened(Case(provider))
    setup.write_role(bound_service_account_names=["somebody-else"])
    vault.revoke_logins()
    expect_stage_error(v, setup, "PERMISSION_DENIED", setup.role)
    setup.write_role()
    expect_opens(v)
    v.delete()


# ---- a key that is gone: NOT_FOUND --------------------------------------------------------------

@pytest.mark.parametrize("kv", [1, 2])
@pytest.mark.parametrize("provider", ALL)
def test_missing_key(opened, provider, kv):
    setup, v = opened(Case(provider, kv))
    dek = setup.stored_dek(v)
    setup.remove_dek(v)
    expect_stage_error(v, setup, "NOT_FOUND", setup.path_of(v))
    # Safety B2: opening an encrypted volume never makes another.
    assert setup.stored_dek(v) is None
    stored = {"data": {"passphrase": dek}}
    setup.vault.call("PUT", setup.path_of(v), stored if kv == 1 else {"data": stored})
    expect_opens(v)
    v.delete()


def test_deleted_version_of_a_key(opened):
    """Of KV v2: it can be had back, and the text says so."""
    setup, v = opened(Case("vault"))
    setup.vault.call("DELETE", setup.path_of(v))
    expect_stage_error(v, setup, "NOT_FOUND", "undelete")
    setup.vault.call("PUT", setup.path_of(v, "undelete"), {"versions": [1]})
    expect_opens(v)
    v.delete()


def test_mount_that_was_made_anew(opened):
    setup, v = opened(Case("vaulttenantsa"))
    setup.vault.unmount(setup.mount)
    expect_stage_error(v, setup, "INVALID_ARGUMENT", setup.mount)
    setup.vault.mount_kv(setup.mount, 2)
    expect_stage_error(v, setup, "NOT_FOUND", setup.path_of(v))
    v.delete()


# ---- bad configuration: INVALID_ARGUMENT --------------------------------------------------------

def expect_refused(volume, setup, *words):
    """INVALID_ARGUMENT, once the driver has seen the entry as it is now."""
    wait_until(lambda: try_stage(volume) is not None)
    expect_stage_error(volume, setup, "INVALID_ARGUMENT", *words)


def expect_recovery(volume):
    wait_until(lambda: try_stage(volume) is None)
    volume.delete()


WRONG_OPTIONS = [
    ({"vaultRole": "no-such-role"}, ["no-such-role", "vaultRole"]),
    ({"vaultAddress": None}, ["vaultAddress"]),
    ({"vaultAddress": "vault.example"}, ["vaultAddress"]),
    ({"vaultCAVerify": "perhaps"}, ["vaultCAVerify"]),
    ({"vaultCAFromSecret": "no-such-key"}, ["no-such-key"]),
    ({"vaultCAFromSecret": None}, ["vaultCAFromSecret"]),
    ({"encryptionKMSType": "nonsense"}, ["nonsense"]),
]


def test_options_that_are_wrong(opened):
    """One after the other in one entry, each of which is put right again."""
    setup, v = opened(Case("vault"))
    for change, words in WRONG_OPTIONS:
        right = {name: setup.options.get(name) for name in change}
        setup.write_entry(**change)
        expect_refused(v, setup, *words)
        setup.write_entry(**right)
        wait_until(lambda: try_stage(v) is None)
    v.delete()
    assert setup.is_gone(v)


def test_login_that_is_not_mounted(opened):
    """Vault says no more than "permission denied" to that."""
    setup, v = opened(Case("vault"))
    setup.write_entry(vaultAuthPath="/v1/auth/nowhere/login")
    wait_until(lambda: try_stage(v) is not None)
    expect_stage_error(v, setup, "PERMISSION_DENIED", "auth/nowhere")
    setup.write_entry(vaultAuthPath="/v1/auth/kubernetes/login")
    expect_recovery(v)


@pytest.mark.parametrize("provider", TENANT_PROVIDERS)
def test_wrong_ca(opened, kube, provider):
    """Of the tenant's own Secret, which goes before the driver's."""
    setup, v = opened(Case(provider))
    kube.apply([{"apiVersion": "v1", "kind": "Secret",
                 "metadata": {"name": "vault-ca", "namespace": setup.tenant},
                 "stringData": {"cert": kube.ca_pem}}])
    expect_stage_error(v, setup, "INVALID_ARGUMENT", "vaultCAFromSecret")
    kube.delete("Secret", setup.tenant, "vault-ca")
    expect_opens(v)
    v.delete()


def test_wrong_kv_version(opened):
    setup, v = opened(Case("vaulttokens", kv=2))
    setup.write_entry(vaultBackend="kv")
    wait_until(lambda: try_stage(v) is not None)
    error = stage_error(v)
    # Refused by the policy, which is for the other version's paths.
    assert error.code == "PERMISSION_DENIED" and setup.mount in error.message, error
    setup.write_entry(vaultBackend="kv-v2")
    expect_recovery(v)


def test_volume_without_a_tenant(world, start_driver):
    setup = world.set_up(Case("vaulttokens"))
    v = setup.volume(start_driver(), block=True, fs_type=None, size=SMALL)
    del v.parameters["csi.storage.k8s.io/pvc/namespace"]
    error = error_of(v.driver.controller.call, "CreateVolume", v.create_request())
    assert error.code == "INVALID_ARGUMENT" and "--extra-create-metadata" in error.message, error


def test_the_drivers_own_rights_are_missing(opened, kube):
    """Without its Role the driver cannot read a CA that stands beside it."""
    setup, v = opened(Case("vaulttokens"))
    was = kube.delete("RoleBinding", DRIVER_NAMESPACE, "rbdcrypt-kms-vaulttokens")
    expect_stage_error(v, setup, "PERMISSION_DENIED")
    kube.apply([was])
    expect_opens(v)
    v.delete()
