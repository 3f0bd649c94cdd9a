# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""A tenant's keys are touched by the tenant's own identity alone, as both servers' audit logs show,
and a grant that is taken back stops the next open, and no delete."""
import pytest

from harness.calls import expect_opens, expect_stage_error, logs_of, small_volume
from harness.kube import requests_of, target_of
from harness.vault import answers, identity_of, path_of
from harness.world import CONFIG_MAP, DRIVER_NAMESPACE
from world import TENANT_PROVIDERS, Case

LOGIN = "auth/kubernetes/login"
# What a process may ask of Vault about its own token.
OWN_TOKEN = ("auth/token/revoke-self", "auth/token/lookup-self")
# Requests to Kubernetes for a tenant: (verb, resource, name).
TENANT_TARGETS = {
    "vaulttokens": {("get", "configmaps", "ceph-csi-kms-config"),
                    ("get", "secrets", "ceph-csi-kms-token"), ("get", "secrets", "vault-ca")},
    "vaulttenantsa": {("get", "configmaps", "ceph-csi-kms-config"),
                      ("create", "serviceaccounts/token", "ceph-csi-vault-sa"),
                      ("get", "secrets", "vault-ca")},
    "metadata": {("get", "secrets", "storage-encryption-secret")},
    "vault": set(),
}


OWN_TARGETS = {("configmaps", CONFIG_MAP), ("configmaps", "ceph-csi-encryption-kms-config"),
               ("secrets", "vault-ca")}


class Witness:
    """Both audit logs, from one step to the next."""

    def __init__(self, world):
        self.logs = world.vault.audit(), world.kube.audit()

    def since(self):
        """(answers of Vault, the driver's requests to Kubernetes) since the last call."""
        vault, kube = (log.read() for log in self.logs)
        return answers(vault), requests_of(kube, DRIVER_NAMESPACE)


def owner_name(setup):
    """The tenant as identity_of() shows it."""
    if setup.case.provider == "vaulttokens":
        return f"token-{setup.tenant}"
    return f"{setup.tenant}/ceph-csi-vault-sa"


def expect_only(setup, seen, is_used=True):
    """That what was seen is this tenant's alone; `is_used`: and that Vault was asked at all."""
    from_vault, from_kube = seen
    for entry in from_vault:
        path = path_of(entry)
        assert identity_of(entry) == owner_name(setup), entry
        assert path.startswith(f"{setup.mount}/") or path in (LOGIN, *OWN_TOKEN), path
    keys = [entry for entry in from_vault if path_of(entry).startswith(f"{setup.mount}/")]
    assert bool(keys) == is_used, "what was to be seen was not"
    assert all(entry["auth"]["token_policies"] == [setup.policy] for entry in keys)
    expect_kube_targets(setup, from_kube)


def expect_kube_targets(setup, from_kube):
    """That the driver asked Kubernetes for its own configuration and this tenant's things alone."""
    for entry in from_kube:
        verb, namespace, resource, name = target_of(entry)
        if resource == "events":
            continue
        if namespace == DRIVER_NAMESPACE:
            assert (resource, name) in OWN_TARGETS, entry
        else:
            assert namespace == setup.tenant, entry
            assert (verb, resource, name) in TENANT_TARGETS[setup.case.provider], entry


def set_up_two(world, provider):
    a = world.set_up(Case(provider))
    return a, world.set_up(Case(provider), beside=a)


@pytest.mark.parametrize("provider", TENANT_PROVIDERS)
def test_a_tenants_keys_are_touched_as_that_tenant_alone(world, start_driver, provider):
    a, b = set_up_two(world, provider)
    driver = start_driver()
    witness = Witness(world)
    va = small_volume(driver, a)
    expect_only(a, witness.since())
    vb = small_volume(driver, b)
    expect_only(b, witness.since())
    # Taking turns: whose token is at hand must not matter.
    for _ in range(2):
        for v, setup in ((va, a), (vb, b)):
            v.stage()
            expect_only(setup, witness.since())
            v.unstage()
            expect_only(setup, witness.since(), is_used=False)
    vb.delete()
    expect_only(b, witness.since())
    va.delete()
    expect_only(a, witness.since())


def test_the_drivers_keys_are_touched_as_the_driver_alone(world, start_driver):
    setup = world.set_up(Case("vault"))
    driver = start_driver()
    witness = Witness(world)
    small_volume(driver, setup).stage().unstage().delete()
    from_vault, from_kube = witness.since()
    assert {identity_of(entry) for entry in from_vault} == {
        f"{DRIVER_NAMESPACE}/rbdcrypt-controller", f"{DRIVER_NAMESPACE}/rbdcrypt-node"}
    for entry in from_vault:
        path = path_of(entry)
        assert path.startswith(f"{setup.mount}/") or path in (LOGIN, *OWN_TOKEN), path
    expect_kube_targets(setup, from_kube)


def test_a_tenants_passphrase_is_read_where_it_is_and_nowhere_else(world, start_driver):
    a, b = set_up_two(world, "metadata")
    driver = start_driver()
    witness = Witness(world)
    va, vb = small_volume(driver, a), small_volume(driver, b)
    witness.since()
    va.stage()
    from_vault, from_kube = witness.since()
    assert from_vault == []
    expect_kube_targets(a, from_kube)
    assert any(target_of(entry)[1] == a.tenant for entry in from_kube)
    va.unstage().delete()
    vb.stage().unstage().delete()


# ---- grants that are taken back -----------------------------------------------------------------

def remove_binding(setup):
    kube = setup.world.kube
    was = kube.delete("RoleBinding", setup.tenant, "rbdcrypt-kms")
    return lambda: kube.apply([was])


def remove_policy(setup):
    setup.vault.remove_policy(setup.policy)
    return lambda: setup.vault.policy(setup.policy, setup.policy_text())


def remove_identity(setup):
    """The tenant's token or account, and what was got by it."""
    kube = setup.world.kube
    kind, name = {"vaulttokens": ("Secret", "ceph-csi-kms-token"),
                  "vaulttenantsa": ("ServiceAccount", "ceph-csi-vault-sa")}[setup.case.provider]
    was = kube.delete(kind, setup.tenant, name)
    if setup.case.provider == "vaulttenantsa":
        setup.vault.revoke_logins()
    return lambda: kube.apply([was])


def forbid_login(setup):
    """The role is another account's from now on, and what it gave has ended."""
    setup.write_role(bound_service_account_names=["somebody-else"])
    setup.vault.revoke_logins()
    return setup.write_role


@pytest.mark.parametrize("provider, take_back", [
    (provider, take_back) for provider in TENANT_PROVIDERS
    for take_back in (remove_binding, remove_policy, remove_identity, forbid_login)
    # Its token is given, not had by a login.
    if (provider, take_back) != ("vaulttokens", forbid_login)])
def test_a_grant_taken_back_stops_the_next_open_and_no_delete(world, start_driver, pool, provider,
                                                              take_back):
    a, b = set_up_two(world, provider)
    driver = start_driver()
    stays, goes, other = small_volume(driver, a), small_volume(driver, a), small_volume(driver, b)
    stays.stage().unstage()
    witness = Witness(world)

    give_back = take_back(a)
    expect_stage_error(stays, a, "PERMISSION_DENIED", a.tenant)
    goes.delete()
    assert pool.traces(goes.uuid) == []
    # Its key could not be removed, which is said and not forgotten (safety B3).
    assert a.stored_dek(goes)
    reports = [line for line in logs_of(driver).splitlines() if "unreleased_dek" in line]
    assert any(goes.id in line and a.tenant in line for line in reports), reports
    # Nobody stood in for the tenant (safety E4).
    identities = {identity_of(entry) for entry in witness.since()[0]}
    assert identities <= {owner_name(a), ""}, identities
    expect_opens(other)

    give_back()
    expect_opens(stays)
    stays.delete()
    other.delete()


def test_a_passphrase_taken_back_stops_the_next_open_and_no_delete(world, start_driver, pool):
    setup = world.set_up(Case("metadata"))
    driver = start_driver()
    stays, goes = small_volume(driver, setup), small_volume(driver, setup)
    give_back = remove_binding(setup)
    expect_stage_error(stays, setup, "PERMISSION_DENIED", setup.tenant)
    goes.delete()
    assert pool.traces(goes.uuid) == []
    give_back()
    expect_opens(stays)
    stays.delete()


@pytest.mark.parametrize("provider", TENANT_PROVIDERS)
def test_another_tenants_identity_opens_nothing(world, start_driver, provider):
    """A tenant that names another's mount is refused by Vault: nothing of the driver's helps it."""
    a, b = set_up_two(world, provider)
    v = small_volume(start_driver(), a)
    world.kube.merge("ConfigMap", a.tenant, "ceph-csi-kms-config",
                     {"data": {"vaultBackendPath": b.mount}})
    expect_stage_error(v, a, "PERMISSION_DENIED", b.mount)
    world.kube.merge("ConfigMap", a.tenant, "ceph-csi-kms-config",
                     {"data": {"vaultBackendPath": a.mount}})
    expect_opens(v)
    v.delete()
