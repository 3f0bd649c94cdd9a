# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Stories of key managers in trouble, by their numbers; F19, each verb denied in turn, is test_denied.

F17 the tenant is gone before its volumes. F18 no key manager for volumes that need none. F20 a storm
of calls to a Vault, or a Kubernetes API, that limits them. F21 leases do not grow with volumes. F28
a secret that is there and empty.
"""
import concurrent.futures
import contextlib
import http.client
import json
import time
import urllib.request

import pytest

from harness.calls import (MIB, SMALL, error_of, expect_opens, expect_stage_error, logs_of,
                           read_marker, small_volume, wait_until, write_marker)
from harness.driver import RpcError
from harness.kube import RBAC
from harness.vault import answers
from harness.world import ACCOUNTS, DRIVER_NAMESPACE
from test_faults import stopped
from world import Case

TENANT_CASES = ("vaulttokens", "vaulttenantsa")


def keys_of(setup):
    """What Vault holds for this setup."""
    prefix = setup.options.get("vaultPassphrasePath", "")
    return set(setup.vault.keys(setup.mount, setup.case.kv, prefix)) if setup.mount else set()


def snapshot(pool, setup):
    """All that a volume leaves: in the pool, in the journal, in Vault."""
    return (set(pool.images()), set(pool.trash()), pool.omap("csi.volumes.default") or {},
            [name for name in pool.objects() if not name.startswith("csi.volumes.")],
            keys_of(setup))


def expect_nothing_new(before, after):
    """What is in the trash before may be gone meanwhile; all else is there, and nothing beside it."""
    images, trash, journal, objects, keys = before
    assert after[0] == images and after[1] <= trash
    assert (after[2], after[3], after[4]) == (journal, objects, keys)


def metrics_of(process):
    port = process.log_path.read_text().rpartition("metrics=127.0.0.1:")[2].split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def metric(process, name):
    """The value of one line of /metrics; 0 where it is not."""
    for line in metrics_of(process).splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    return 0


# ---- F17: the tenant is gone first --------------------------------------------------------------

@contextlib.contextmanager
def rights_everywhere(kube):
    """What the tenants' Roles grant, granted in every namespace: some drivers are deployed so. Then
    what is gone is NotFound, not Forbidden."""
    name = "rbdcrypt-tests-everywhere"
    kube.apply([
        {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": name}, "rules": [
            {"apiGroups": [""], "resources": ["secrets", "configmaps", "serviceaccounts"],
             "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}]},
        {"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": name},
         "roleRef": {"apiGroup": RBAC.partition("/")[0], "kind": "ClusterRole", "name": name},
         "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": DRIVER_NAMESPACE}
                      for account in ACCOUNTS.values()]}])
    try:
        yield
    finally:
        for kind in ("ClusterRoleBinding", "ClusterRole"):
            kube.delete(kind, None, name)


def remove_namespace(kube, namespace):
    """As kubectl does, and what the namespace controller, which does not run here, does then."""
    kube.delete("Namespace", None, namespace)
    for kind in ("Secret", "ServiceAccount", "ConfigMap", "RoleBinding", "Role"):
        kube.api.call("DELETE", kube.path(kind, namespace))
    kube.settle("Role")


def expect_report(volume, setup, kube):
    """The DEK that stayed is in the log, in the metrics and in an Event, with what one needs to find
    it (safety B3)."""
    controller = volume.driver.controller
    line, = [each for each in controller.log_path.read_text().splitlines()
             if "unreleased_dek" in each and volume.id in each]
    for word in (setup.kms_id, setup.tenant):
        assert word in line, line
    assert metric(controller, 'rbdcrypt_events_total{event="unreleased_dek"}') >= 1

    def events():
        return [event for event in kube.get("Event", DRIVER_NAMESPACE)["items"]
                if event["reason"] == "UnreleasedDek" and volume.id in event["message"]]

    wait_until(events)
    event, = events()
    assert event["type"] == "Warning"
    assert setup.kms_id in event["message"] and setup.tenant in event["message"], event


@pytest.mark.parametrize("where", ["its-own-role", "rights-everywhere"])
@pytest.mark.parametrize("provider", TENANT_CASES)
def test_f17_tenant_gone_first(world, kube, pool, start_driver, provider, where):
    setup = world.set_up(Case(provider))
    driver = start_driver()
    before = set(pool.images())
    with contextlib.ExitStack() as stack:
        if where == "rights-everywhere":
            stack.enter_context(rights_everywhere(kube))
        used, unused = small_volume(driver, setup), small_volume(driver, setup)
        used.stage().unstage()
        remove_namespace(kube, setup.tenant)
        expect_stage_error(used, setup, "PERMISSION_DENIED", setup.tenant)
        for v in (used, unused):
            # Once is enough, and more do no harm.
            for _ in range(2):
                driver.controller.call("DeleteVolume", v.delete_request())
            assert pool.traces(v.uuid) == []
            assert setup.stored_dek(v), "it was released after all: by whom?"
            expect_report(v, setup, kube)
    assert set(pool.images()) == before and driver.orphans() == []


def test_f17_tenants_passphrase_gone_first(world, kube, pool, start_driver):
    """Its DEKs go with their images: there is nothing to release, and nothing to report."""
    setup = world.set_up(Case("metadata"))
    driver = start_driver()
    used, unused = small_volume(driver, setup), small_volume(driver, setup)
    used.stage().unstage()
    remove_namespace(kube, setup.tenant)
    expect_stage_error(used, setup, "PERMISSION_DENIED", setup.tenant)
    for v in (used, unused):
        driver.controller.call("DeleteVolume", v.delete_request())
        assert pool.traces(v.uuid) == []
    assert driver.orphans() == []
    assert "unreleased_dek" not in logs_of(driver)


# ---- F18: no key manager, and volumes that need none --------------------------------------------

# The least that mkfs.xfs takes.
PLAIN = 300 * MIB


def live_plainly(setup, driver, pool):
    v = setup.volume(driver, fs_type="xfs", size=PLAIN)
    for name in ("encrypted", "encryptionKMSID"):
        del v.parameters[name]
    # At the first call each: nothing is to be waited for.
    v.take(driver.controller.call("CreateVolume", v.create_request()))
    for _ in range(2):
        driver.node.call("NodeStageVolume", v.stage_request())
        v.publish()
        if not (v.target / "file").exists():
            write_marker(v, b"plain")
            v.expand(2 * PLAIN)
            v.node_expand()
        assert read_marker(v) == b"plain"
        v.unpublish()
        driver.node.call("NodeUnstageVolume", v.unstage_request())
    driver.controller.call("DeleteVolume", v.delete_request())
    assert pool.traces(v.uuid) == []


def test_f18_plain_volumes_need_no_key_manager(world, vault, kube, pool, start_driver):
    setup = world.set_up(Case("vaulttenantsa"))
    driver = start_driver()
    encrypted = small_volume(driver, setup)
    with stopped(vault), stopped(kube):
        live_plainly(setup, driver, pool)
        # Nor does a start, of either process.
        driver.stop()
        driver.start()
        live_plainly(setup, driver, pool)
    expect_opens(encrypted)
    encrypted.delete()
    assert setup.is_gone(encrypted)


# ---- F20: a throttling storm --------------------------------------------------------------------

MANY = 16


def all_at_once(calls):
    """The error, or None, of each call, all made together."""
    def outcome(call):
        try:
            call()
        except RpcError as error:
            return error
        return None

    with concurrent.futures.ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(outcome, calls))


@contextlib.contextmanager
def quota(vault, path, **limits):
    """Vault answers 429 with Retry-After where a path is asked more often than that."""
    vault.call("POST", "sys/quotas/config", {"enable_rate_limit_response_headers": True})
    vault.call("POST", "sys/quotas/rate-limit/storm", {"path": path, **limits})
    try:
        yield
    finally:
        vault.call("DELETE", "sys/quotas/rate-limit/storm")


def test_f20_throttling_storm_of_creates(world, vault, start_driver):
    setup = world.set_up(Case("vault"))
    driver = start_driver()
    volumes = [setup.volume(driver, block=True, fs_type=None, size=SMALL) for _ in range(MANY)]

    def create(v):
        v.take(driver.controller.call("CreateVolume", v.create_request(), timeout=60))

    left, started = volumes, time.monotonic()
    with quota(vault, setup.mount + "/", rate=8):
        while left:
            errors = all_at_once([lambda v=v: create(v) for v in left])
            for error in filter(None, errors):
                assert error.code in ("UNAVAILABLE", "ABORTED"), error
                assert "rate-limit quota" in error.message or error.code == "ABORTED", error
            left = [v for v, error in zip(left, errors) if error]
            assert time.monotonic() - started < 240, f"{len(left)} are still not made"
    assert len({v.id for v in volumes}) == MANY
    for v in volumes:
        # Nobody's DEK was made twice.
        assert setup.vault.call("GET", setup.path_of(v))["data"]["metadata"]["version"] == 1
    assert all_at_once([v.delete for v in volumes]) == [None] * MANY
    assert keys_of(setup) == set()


def test_f20_throttling_storm_of_stages(world, vault, start_driver):
    """A quota that says "in a minute" is not waited for: the call ends, and says so."""
    setup = world.set_up(Case("vault"))
    driver = start_driver()
    volumes = [small_volume(driver, setup) for _ in range(MANY)]
    stages = [lambda request=v.stage_request(): driver.node.call("NodeStageVolume", request)
              for v in volumes]
    with quota(vault, setup.mount + "/", rate=1, interval="1m"):
        started = time.monotonic()
        errors = [error for error in all_at_once(stages) if error]
        assert time.monotonic() - started < 60
        assert len(errors) >= MANY - 1
        for error in errors:
            assert error.code == "UNAVAILABLE" and "rate-limit quota" in error.message, error
            assert setup.kms_id in error.message
    # And when it is gone, at once.
    assert all_at_once(stages) == [None] * MANY
    for v in volumes:
        v.unstage()
    assert all_at_once([v.delete for v in volumes]) == [None] * MANY


FLOW = "apis/flowcontrol.apiserver.k8s.io/v1"


def take_a_seat(api, token):
    """A request as the owner of the token that is being carried out as long as its body lacks."""
    request = http.client.HTTPSConnection(api.base.partition("://")[2], context=api.context)
    request.putrequest("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    for name, value in (("Authorization", f"Bearer {token}"), ("Content-Length", "1000"),
                        ("Content-Type", "application/json")):
        request.putheader(name, value)
    request.endheaders()
    return request


@contextlib.contextmanager
def turned_away(kube):
    """The API server answers 429 with Retry-After to every request of the driver: its accounts have a
    priority level of one seat, which is taken."""
    level = {"apiVersion": FLOW.partition("/")[2], "kind": "PriorityLevelConfiguration",
             "metadata": {"name": "no-seats"},
             "spec": {"type": "Limited", "limited": {
                 "nominalConcurrencyShares": 0, "borrowingLimitPercent": 0,
                 "limitResponse": {"type": "Reject"}}}}
    schema = {"apiVersion": FLOW.partition("/")[2], "kind": "FlowSchema",
              "metadata": {"name": "no-seats"},
              "spec": {"matchingPrecedence": 100, "priorityLevelConfiguration": {"name": "no-seats"},
                       "rules": [{
                           "subjects": [{"kind": "ServiceAccount", "serviceAccount": {
                               "name": "*", "namespace": DRIVER_NAMESPACE}}],
                           "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"],
                                              "resources": ["*"], "namespaces": ["*"],
                                              "clusterScope": True}]}]}}
    token = kube.token(DRIVER_NAMESPACE, ACCOUNTS["node"])
    own = type(kube.api)(kube.server, kube.env["RBDCRYPT_KUBE_CA"],
                         headers={"Authorization": f"Bearer {token}"})
    with contextlib.ExitStack() as stack:
        for kind, body in (("prioritylevelconfigurations", level), ("flowschemas", schema)):
            kube.api.call("POST", f"{FLOW}/{kind}", body)
            stack.callback(kube.api.call, "DELETE", f"{FLOW}/{kind}/no-seats")

        def is_full():
            # One that came before the level did took a seat elsewhere.
            stack.callback(take_a_seat(own, token).close)
            return own.send("GET", "api/v1/namespaces/default/secrets/x")[0] == 429

        wait_until(is_full)
        yield


def test_f20_throttling_storm_of_kubernetes(world, kube, start_driver):
    """Its Retry-After is waited for within the call, which then ends well."""
    setup = world.set_up(Case("vaulttokens"))
    driver = start_driver()
    v = small_volume(driver, setup)
    log = kube.audit()
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        with turned_away(kube):
            staged = threads.submit(driver.node.call, "NodeStageVolume", v.stage_request())
            seen = []

            def was_turned_away_twice():
                assert not staged.done(), staged.exception()
                seen.extend(entry for entry in log.read()
                            if entry.get("responseStatus", {}).get("code") == 429
                            and entry["user"]["username"].endswith(ACCOUNTS["node"])
                            and entry.get("userAgent", "").startswith("rbdcrypt"))
                return len(seen) >= 2

            wait_until(was_turned_away_twice)
        staged.result()
    v.unstage().delete()
    assert setup.is_gone(v)


# ---- F21: a storm of leases ---------------------------------------------------------------------

def leases(vault, mount="kubernetes"):
    """How many tokens of logins Vault holds."""
    status, text = vault.send("GET", f"sys/leases/lookup/auth/{mount}/login?list=true")
    return len(json.loads(text)["data"]["keys"]) if status == 200 else 0


def logins(entries):
    return [entry for entry in answers(entries) if entry["request"]["path"] == LOGIN]


LOGIN = "auth/kubernetes/login"
# Of a role's tokens, in seconds.
LEASE = 5
# The driver logs in again when this part of a lease is over, at the earliest.
EARLIEST = 0.6


def test_f21_lease_storm(world, vault, start_driver):
    """Tokens that live for seconds, and twenty volumes: logins follow time and identities alone, and
    no more tokens are alive than those identities need."""
    setup = world.set_up(Case("vaulttenantsa"))
    setup.write_role(token_ttl=f"{LEASE}s", token_max_ttl=f"{2 * LEASE}s")
    vault.revoke_logins()
    driver = start_driver()
    volumes = [small_volume(driver, setup) for _ in range(20)]
    audit, started, most = vault.audit(), time.monotonic(), 0
    for v in volumes:
        v.driver.node.call("NodeStageVolume", v.stage_request())
        most = max(most, leases(vault))
        v.unstage()
    took = time.monotonic() - started
    made = len(logins(audit.read()))
    assert 1 <= made <= took / (EARLIEST * LEASE) + 2, f"{made} logins in {took:.0f} s"
    # The controller's last one, the node's, and each's successor while the one before ends.
    assert most <= 4
    for v in volumes:
        v.delete()
    # Those that were given back at the end are gone at once, and of those before none stays.
    small_volume(driver, setup).stage().unstage().delete()
    driver.stop()
    wait_until(lambda: leases(vault) == 0, 4 * LEASE)


def test_f21_lease_storm_of_restarts(world, vault, start_driver):
    """A process that ends gives its token back; one that is killed leaves one, until it expires."""
    setup = world.set_up(Case("vault"))
    vault.revoke_logins()
    driver = start_driver()
    v = small_volume(driver, setup)
    assert leases(vault) == 1
    for _ in range(3):
        driver.controller.stop()
        assert leases(vault) == 0
        driver.controller.start()
        v.driver.controller.call("DeleteVolume", v.delete_request())
        v = small_volume(driver, setup)
        assert leases(vault) == 1
    setup.write_role(token_ttl=f"{LEASE}s")
    vault.revoke_logins()
    v.stage().unstage()
    driver.node.kill()
    driver.node.start()
    v.stage().unstage()
    assert leases(vault) <= 3
    v.delete()
    driver.stop()
    wait_until(lambda: leases(vault) == 0, 4 * LEASE)


def test_f21_lease_storm_of_denied_calls(world, vault, start_driver):
    """A right that lacks is no token that ended: calls that are refused do not log in each time."""
    setup = world.set_up(Case("vault"))
    v = small_volume(start_driver(), setup)
    v.stage().unstage()
    setup.vault.remove_policy(setup.policy)
    audit = vault.audit()
    for _ in range(10):
        expect_stage_error(v, setup, "PERMISSION_DENIED", setup.role)
    assert len(logins(audit.read())) <= 1
    setup.vault.policy(setup.policy, setup.policy_text())
    expect_opens(v)
    v.delete()


# ---- F28: a secret that is there and empty ------------------------------------------------------

def put_secret(setup, name, data):
    """Exactly these keys."""
    setup.world.kube.delete("Secret", setup.tenant, name)
    setup.world.kube.apply([{"apiVersion": "v1", "kind": "Secret", "stringData": data,
                             "metadata": {"name": name, "namespace": setup.tenant}}])


def expect_nothing_works(setup, v, pool, code, *words):
    """Neither opening nor creating, and nothing is written."""
    before = snapshot(pool, setup)
    expect_stage_error(v, setup, code, *words)
    other = setup.volume(v.driver, block=True, fs_type=None, size=SMALL)
    error = error_of(v.driver.controller.call, "CreateVolume", other.create_request())
    assert error.code == code, error
    for word in (setup.kms_id, *words):
        assert word in error.message, error
    expect_nothing_new(before, snapshot(pool, setup))
    return other


TOKENS = [{}, {"Token": "of another spelling"}, {"token": ""}, {"token": " \n\t"}]
PASSPHRASES = [{}, {"encryptionPassphrase": ""}]


@pytest.mark.parametrize("provider, name, key, wrong, code", [
    ("vaulttokens", "ceph-csi-kms-token", "token", TOKENS, "INVALID_ARGUMENT"),
    ("metadata", "storage-encryption-secret", "encryptionPassphrase", PASSPHRASES, "NOT_FOUND"),
], ids=["token", "passphrase"])
def test_f28_empty_secret_of_a_tenant(world, pool, start_driver, provider, name, key, wrong, code):
    setup = world.set_up(Case(provider))
    v = small_volume(start_driver(), setup)
    right = setup.world.kube.secret(setup.tenant, name)
    for data in wrong:
        put_secret(setup, name, data)
        other = expect_nothing_works(setup, v, pool, code, f"{setup.tenant}/{name}", key)
        put_secret(setup, name, right)
        v.driver.node.call("NodeStageVolume", v.stage_request())
        v.unstage()
    for each in (v, other.create()):
        each.delete()
        assert pool.traces(each.uuid) == []


@pytest.mark.parametrize("kv", [1, 2])
def test_f28_empty_secret_in_vault(world, pool, start_driver, kv):
    """It is damage, not absence: no other key is made in its place."""
    setup = world.set_up(Case("vault", kv))
    v = small_volume(start_driver(), setup)
    dek = setup.stored_dek(v)

    def put(secret):
        setup.vault.call("PUT", setup.path_of(v), secret if kv == 1 else {"data": secret})

    for stored in ({"data": {"passphrase": ""}}, {"data": {}}, {"data": None},
                   {"passphrase": "a level too high"}):
        put(stored)
        expect_stage_error(v, setup, "DATA_LOSS", setup.path_of(v), "data.passphrase")
        # The volume is there: a repeated create does not doubt it, and mends nothing.
        v.take(v.driver.controller.call("CreateVolume", v.create_request()))
        expect_stage_error(v, setup, "DATA_LOSS", setup.path_of(v), "data.passphrase")
        put({"data": {"passphrase": dek}})
        v.driver.node.call("NodeStageVolume", v.stage_request())
        v.unstage()
    v.delete()
    assert setup.is_gone(v) and pool.traces(v.uuid) == []
