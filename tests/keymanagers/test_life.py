# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The life of volumes whose keys are in a real Vault, or wrapped by a tenant's Secret, with no right
granted but those of the examples."""
import pytest

import keys
from harness.calls import SMALL, live, small_volume, try_stage, wait_until
from harness.driver import RpcError
from harness.world import CONFIG_MAP, DRIVER_NAMESPACE
from world import Case

DRIVER_CASES = [Case("vault", kv, namespace) for kv in (1, 2) for namespace in ("", "teams")]
TENANT_CASES = [Case(provider, kv, namespace, rook)
                for provider in ("vaulttokens", "vaulttenantsa") for kv in (1, 2)
                for namespace in ("", "teams") for rook in (False, True)]
PROBED_CASES = [Case("vault", 2, "teams", probes=True), Case("vaulttokens", 1, probes=True),
                Case("vaulttenantsa", 2, rook=True, probes=True)]


@pytest.mark.parametrize("case", DRIVER_CASES + TENANT_CASES + PROBED_CASES, ids=str)
def test_whole_life_with_vault(world, start_driver, pool, case):
    setup = world.set_up(case)
    driver = start_driver()

    def check_dek(volume):
        dek = setup.stored_dek(volume)
        assert dek, f"no DEK at {setup.path_of(volume)}"
        return dek

    v = live(setup, driver, pool, check_dek)
    assert setup.is_gone(v)


def test_labels_tell_vaults_administrator_what_a_key_is_for(world, start_driver):
    """An option of ours; and a policy that does not grant it costs the labels alone."""
    setup = world.set_up(Case("vaulttenantsa", options={"vaultCustomMetadata": "true"}))
    driver = start_driver()
    labels = {}
    for granted in (False, True):
        if granted:
            more = f'path "{setup.mount}/metadata/*" {{ capabilities = ["create", "update", "delete"] }}'
            setup.vault.policy(setup.policy, setup.policy_text() + more)
        v = setup.volume(driver, block=True, fs_type=None, size=SMALL)
        v.parameters["csi.storage.k8s.io/pvc/name"] = "data-0"
        v.create()
        found = setup.vault.call("GET", setup.path_of(v, "metadata"))["data"]["custom_metadata"]
        labels[granted] = found or {}
        v.delete()
        assert setup.is_gone(v)
        if granted:
            assert found["volume"] == v.id
    assert labels[False] == {}
    assert labels[True] | {"volume": ""} == {
        "kms": setup.kms_id, "tenant": setup.tenant, "pvc": "data-0", "volume": ""}


@pytest.mark.parametrize("place", ["tenant", "elsewhere"])
def test_whole_life_with_a_passphrase_in_a_secret(world, start_driver, pool, place):
    options = {} if place == "tenant" else {"secretNamespace": "passphrases"}
    setup = world.set_up(Case("metadata", options=options))
    if place == "elsewhere":
        # The tenant's Secret and grant, in the other namespace instead.
        tenant, setup.tenant = setup.tenant, "passphrases"
        world.kube.delete("Secret", tenant, "storage-encryption-secret")
        world.kube.apply(setup.manifests("tenant.yaml"))
        setup.tenant = tenant
    driver = start_driver()

    def check_dek(volume):
        wrapped = world.ceph.run("rbd", "image-meta", "get", keys.image_spec(volume), keys.DEK_KEY)
        return keys.metadata_dek(wrapped, setup.passphrase, volume.id).decode()

    live(setup, driver, pool, check_dek)


@pytest.mark.parametrize("kv", [1, 2])
def test_keys_that_ceph_csi_stored_open_here(world, start_driver, kv):
    """ceph-csi writes without check-and-set and without anything beside "data" (6.7)."""
    setup = world.set_up(Case("vault", kv))
    v = small_volume(start_driver(), setup)
    stored = {"data": {"passphrase": setup.stored_dek(v)}}
    setup.remove_dek(v)
    setup.vault.call("PUT", setup.path_of(v), stored if kv == 1 else {"data": stored})
    v.stage().unstage().delete()
    assert setup.is_gone(v)


def test_keys_survive_where_they_are_not_to_be_destroyed(world, start_driver):
    setup = world.set_up(Case("vault", options={"vaultDestroyKeys": "false"}))
    setup.vault.policy(setup.policy, setup.policy_text() +
                       f'path "{setup.mount}/data/ceph-csi/*" '
                       '{ capabilities = ["create", "update", "read", "delete"] }\n')
    v = small_volume(start_driver(), setup)
    dek = setup.stored_dek(v)
    v.delete()
    assert setup.stored_dek(v) is None and not setup.is_gone(v)
    setup.vault.call("PUT", setup.path_of(v, "undelete"), {"versions": [1]})
    assert setup.stored_dek(v) == dek


def test_both_processes_log_in_once(world, start_driver, vault):
    """A role's token is kept for its lifetime, whatever is done with it."""
    setup = world.set_up(Case("vaulttenantsa"))
    audit = vault.audit()
    driver = start_driver()
    volumes = [small_volume(driver, setup) for _ in range(3)]
    for v in volumes:
        v.stage().unstage()
    for v in volumes:
        v.stage().unstage().delete()
    logins = [entry for entry in audit.read() if entry["type"] == "response"
              and entry["request"]["path"] == "auth/kubernetes/login"]
    assert len(logins) == 2


def test_tokens_are_given_back_at_the_end(world, start_driver, vault):
    setup = world.set_up(Case("vault"))
    audit = vault.audit()
    driver = start_driver()
    small_volume(driver, setup).stage().unstage().delete()
    driver.stop()
    paths = [entry["request"]["path"] for entry in audit.read() if entry["type"] == "response"]
    assert paths.count("auth/token/revoke-self") == 2


@pytest.mark.parametrize("verbs", [["get", "list", "watch"], ["get"]], ids=["watch", "get"])
def test_an_entry_that_is_added_or_corrected_needs_no_restart(world, start_driver, kube, verbs):
    setup = world.set_up(Case("vaulttokens"))
    role = kube.get("Role", DRIVER_NAMESPACE, "rbdcrypt-kms-vaulttokens")
    rules = [rule | ({"verbs": verbs} if rule["resources"] == ["configmaps"] else {})
             for rule in role["rules"]]
    kube.merge("Role", DRIVER_NAMESPACE, "rbdcrypt-kms-vaulttokens", {"rules": rules})
    driver = start_driver()
    small_volume(driver, setup).delete()
    later = world.set_up(Case("vaulttokens"))
    # set_up() applied the example's Role again.
    kube.merge("Role", DRIVER_NAMESPACE, "rbdcrypt-kms-vaulttokens", {"rules": rules})
    v = later.volume(driver, block=True, fs_type=None, size=SMALL)

    def is_known():
        try:
            v.take(driver.controller.call("CreateVolume", v.create_request()))
            return True
        except RpcError as error:
            assert later.kms_id in error.message, error
            return False

    wait_until(is_known)
    v.stage().unstage()
    kube.merge("ConfigMap", DRIVER_NAMESPACE, CONFIG_MAP, {"data": {later.kms_id: "{broken"}})
    wait_until(lambda: try_stage(v) is not None)
    error = try_stage(v)
    assert error.code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"), error
    assert later.kms_id in error.message and CONFIG_MAP in error.message, error
    later.write_entry()
    wait_until(lambda: try_stage(v) is None)
    v.delete()
