# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Story F19: each verb denied in turn. Every right that a policy or a Role of the examples grants is
taken away, alone: what needs it fails, and says which right it is; nothing is half done or lost; and
with the right given back everything goes on. A right that nothing needs must not be in an example.
"""
import dataclasses
import re
import shutil

import pytest

from harness.calls import (SMALL, error_of, expect_opens, small_volume, stage_error, try_stage,
                           wait_until)
from harness.driver import RpcError
from harness.kube import requests_of, target_of
from harness.leftovers import Leftovers
from harness.vault import answers
from harness.world import CONFIG_MAP, DRIVER_NAMESPACE, EXAMPLES, read_manifests
from test_stories import expect_nothing_new, metrics_of, snapshot
from world import Case

PROVIDERS = ("vault", "vaulttokens", "vaulttenantsa", "metadata")
FILE_CONFIG_MAP = "ceph-csi-encryption-kms-config"


def logged(process):
    """The lines of its log, without the escapes of quotes in quotes."""
    return process.log_path.read_text().replace('\\"', '"').splitlines()


class Standing:
    """A tenant, a driver, and a volume that stays, for all rights of one example."""

    def __init__(self, setup, driver, pool):
        self.setup, self.driver, self.pool = setup, driver, pool
        self.stays = small_volume(driver, setup)

    def renew(self):
        """What the driver is granted: other tests clear it away behind them."""
        self.setup.world.kube.apply(self.setup.manifests("rbac.yaml"))
        return self

    def snapshot(self):
        return snapshot(self.pool, self.setup)

    def life(self):
        """(step -> its error, the volume made, the volume deleted) of a life that lacks a right."""
        failed, goes = {}, self.goes
        before = self.snapshot()
        fresh = self.setup.volume(self.driver, block=True, fs_type=None, size=SMALL)
        try:
            fresh.take(self.driver.controller.call("CreateVolume", fresh.create_request()))
        except RpcError as error:
            failed["create"] = error
            expect_nothing_new(before, self.snapshot())
        if error := try_stage(self.stays):
            failed["stage"] = error
        # A delete goes on whatever its key manager denies, and says what stayed (safety B3).
        self.driver.controller.call("DeleteVolume", goes.delete_request())
        assert self.pool.traces(goes.uuid) == []
        for line in logged(self.driver.controller):
            if "unreleased_dek" in line and goes.id in line:
                failed["delete"] = RpcError("PERMISSION_DENIED", line)
        return failed, fresh

    def expect_failures(self, steps, words, deny, allow):
        """Without the right exactly these steps fail, and with it they do what they could not."""
        self.goes = small_volume(self.driver, self.setup)
        deny()
        try:
            failed, fresh = self.life()
        finally:
            allow()
        assert set(failed) == steps, failed
        for error in failed.values():
            assert error.code == "PERMISSION_DENIED", error
            for word in (self.setup.kms_id, *words):
                assert word in error.message, error
        if "stage" in steps:
            self.driver.node.call("NodeStageVolume", self.stays.stage_request())
            self.stays.unstage()
        # Made before or not: its key opens its header, or it would not be answered so.
        fresh.take(self.driver.controller.call("CreateVolume", fresh.create_request()))
        self.driver.controller.call("DeleteVolume", fresh.delete_request())
        assert self.pool.traces(fresh.uuid) == []
        if self.setup.mount:
            assert self.setup.is_gone(fresh)
            assert self.setup.is_gone(self.goes) == ("delete" not in steps)
            self.setup.remove_dek(self.goes)


@pytest.fixture(scope="module")
def standing(request, world, pool):
    setup = world.set_up(request.param)
    # It outlasts the single test.
    world.setups.remove(setup)
    driver = world.new_driver()
    try:
        made = Standing(setup, driver.start(), pool)
        yield made
        made.stays.delete()
    finally:
        driver.stop()
        setup.remove()
        left = Leftovers(driver.folder, driver.runtime).remove()
        shutil.rmtree(driver.runtime, ignore_errors=True)
    assert left == []


# ---- policies of Vault --------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Grant:
    """One capability on one path of a policy, as the example has it."""
    case: Case
    number: int
    path: str
    capability: str

    BLOCK = re.compile(r'path "([^"]+)" \{\s*capabilities = \[([^\]]*)\]')

    @classmethod
    def all_of(cls, case):
        name = "vault-policy.hcl" if case.kv == 2 else "vault-policy-kv1.hcl"
        text = (EXAMPLES / case.provider / name).read_text()
        return [cls(case, number, path, capability)
                for number, (path, capabilities) in enumerate(cls.BLOCK.findall(text))
                for capability in re.findall(r'"(\w+)"', capabilities)]

    def removed_from(self, text):
        """The same policy, of a tenant's own, without it."""
        block = list(self.BLOCK.finditer(text))[self.number]
        changed = re.sub(rf'"{self.capability}",? ?', "", block[2]).rstrip(", ")
        assert changed != block[2]
        start, end = block.span(2)
        return text[:start] + (changed or '"deny"') + text[end:]

    @property
    def is_for_keys(self):
        return not self.path.startswith("auth/")

    def __str__(self):
        return f"{self.case}-{self.path}-{self.capability}"


# What each capability on keys is for. A second version of a secret needs "update": a DEK that
# replaces another (DekStoreContract), or one that is created where one was soft-deleted.
NEEDED_FOR_KEYS = {"create": {"create"}, "read": {"create", "stage"}, "delete": {"delete"},
                   "update": set()}
CASES = [Case(provider, kv) for provider in PROVIDERS[:3] for kv in (2, 1)]
GRANTS = [grant for case in CASES for grant in Grant.all_of(case)]


@pytest.mark.parametrize("standing, grant",
                         [pytest.param(grant.case, grant, id=str(grant)) for grant in GRANTS
                          if grant.is_for_keys and grant.capability != "update"],
                         indirect=["standing"])
def test_f19_each_capability_denied_in_turn(standing, grant):
    setup = standing.renew().setup
    right = setup.policy_text()
    standing.expect_failures(
        NEEDED_FOR_KEYS[grant.capability], [f'"{grant.capability}"', setup.mount, "policy"],
        lambda: setup.vault.policy(setup.policy, grant.removed_from(right)),
        lambda: setup.vault.policy(setup.policy, right))


def test_f19_every_grant_is_looked_at():
    """By the test above, and the three below."""
    rest = {(grant.path if not grant.is_for_keys else "keys", grant.capability)
            for grant in GRANTS if not grant.is_for_keys or grant.capability == "update"}
    assert rest == {("keys", "update"), ("auth/token/revoke-self", "update"),
                    ("auth/token/lookup-self", "read")}


def grant_of(case, path, capability):
    grant, = [each for each in GRANTS
              if (each.case, each.path, each.capability) == (case, path, capability)]
    return grant


@pytest.mark.parametrize("provider", ["vault", "vaulttenantsa"])
def test_f19_giving_tokens_back_denied(world, vault, start_driver, provider):
    """They stay until they expire; nothing else comes of it."""
    case = Case(provider)
    setup = world.set_up(case)
    grant = grant_of(case, "auth/token/revoke-self", "update")
    setup.vault.policy(setup.policy, grant.removed_from(setup.policy_text()))
    driver = start_driver()
    small_volume(driver, setup).delete()
    audit = vault.audit()
    driver.stop()
    asked = [entry for entry in answers(audit.read())
             if entry["request"]["path"] == "auth/token/revoke-self"]
    assert asked and all("permission denied" in entry["error"] for entry in asked)


def test_f19_looking_tokens_up_denied(world, start_driver):
    """A right that lacks cannot be told from a token that ended then, which the text says."""
    case = Case("vaulttokens")
    setup = world.set_up(case)
    v = small_volume(start_driver(), setup)
    for number, (path, capability) in enumerate([("tenant-a/data/*", "read"),
                                                 ("auth/token/lookup-self", "read")]):
        text = grant_of(case, "tenant-a/data/*", "read").removed_from(setup.policy_text())
        if number == 1:
            text = grant_of(case, path, capability).removed_from(text)
        setup.vault.policy(setup.policy, text)
        error = stage_error(v)
        assert error.code == "PERMISSION_DENIED" and '"read"' in error.message, error
        assert ("has ended" in error.message) == (number == 1), error
        assert ("lookup-self" in error.message) == (number == 1), error
    setup.vault.policy(setup.policy, setup.policy_text())
    expect_opens(v)
    v.delete()


# ---- rights in Kubernetes -----------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Right:
    """One verb on one object, or on all of a kind, of a Role of the examples."""
    provider: str
    file: str
    rule: int
    verb: str
    resource: str
    name: str

    @classmethod
    def all_of(cls, provider):
        rights = []
        for file in ("rbac.yaml", "tenant.yaml"):
            path = EXAMPLES / provider / file
            for role in read_manifests(path, {}) if path.exists() else []:
                for number, rule in enumerate(role.get("rules", [])):
                    rights += [cls(provider, file, number, verb, resource, name)
                               for verb in rule["verbs"] for resource in rule["resources"]
                               for name in rule.get("resourceNames", [""])]
        return rights

    def take(self, setup):
        """Removes it from the Role; the function that gives it back."""
        role, = [each for each in setup.manifests(self.file) if each["kind"] == "Role"]
        place = (role["metadata"]["namespace"], role["metadata"]["name"])
        rule = role["rules"][self.rule]
        rest = [{**rule, "resourceNames": [name]} for name in rule.get("resourceNames", [])
                if name != self.name]
        verbs = [verb for verb in rule["verbs"] if verb != self.verb]
        if verbs:
            rest.append({**rule, "verbs": verbs} | ({"resourceNames": [self.name]}
                                                    if self.name else {}))
        rules = role["rules"][:self.rule] + rest + role["rules"][self.rule + 1:]
        kube = setup.world.kube
        kube.merge("Role", *place, {"rules": rules})
        return lambda: kube.merge("Role", *place, {"rules": role["rules"]})

    @property
    def is_for_calls(self):
        return self.resource != "events" and self.name not in (CONFIG_MAP, FILE_CONFIG_MAP)

    def __str__(self):
        return "-".join((self.provider, self.file.partition(".")[0], self.verb, self.resource,
                         self.name)).rstrip("-")


# The same object each time: by that a fixture's parameter is known again.
AS_IT_IS = {provider: Case(provider) for provider in PROVIDERS}
RIGHTS = [right for provider in PROVIDERS for right in Right.all_of(provider)]


@pytest.mark.parametrize("standing, right",
                         [pytest.param(AS_IT_IS[right.provider], right, id=str(right))
                          for right in RIGHTS if right.is_for_calls], indirect=["standing"])
def test_f19_each_verb_denied_in_turn(standing, right):
    setup = standing.renew().setup
    undo = []

    def deny():
        undo.append(right.take(setup))
        if right.resource == "serviceaccounts/token":
            # It is for the login, and one was made.
            setup.vault.revoke_logins()

    # The passphrase is not needed to delete what it wraps.
    steps = {"create", "stage"} | ({"delete"} if setup.mount else set())
    namespace = DRIVER_NAMESPACE if right.file == "rbac.yaml" else setup.tenant
    words = [f'verbs: ["{right.verb}"]', f'resources: ["{right.resource}"]', right.name,
             f'namespace "{namespace}"']
    standing.expect_failures(steps, words, deny, lambda: undo.pop()())


def rules_about(provider, resource):
    role, = [each for each in read_manifests(EXAMPLES / provider / "rbac.yaml", {})
             if each["kind"] == "Role"]
    return [rule for rule in role["rules"] if rule["resources"] == [resource]]


def test_f19_the_drivers_own_rules_are_the_same_everywhere():
    """So what is shown with one provider holds for all."""
    for resource in ("configmaps", "events"):
        for provider in PROVIDERS:
            assert rules_about(provider, resource) == rules_about("vaulttokens", resource)


CONFIG_RIGHTS = [right for right in RIGHTS if right.provider == "vaulttokens"
                 and right.name in (CONFIG_MAP, FILE_CONFIG_MAP)]


@pytest.mark.parametrize("right", CONFIG_RIGHTS, ids=str)
def test_f19_configuration_denied(world, kube, start_controller, right):
    """Reading and watching stand in for each other: calls go on, and either is missed."""
    setup = world.set_up(Case("vaulttokens"))
    give_back = right.take(setup)
    try:
        log = kube.audit()
        driver = start_controller()
        small_volume(driver, setup).delete()
        seen = []

        def is_missed():
            seen.extend(log.read())
            asked = [entry for entry in requests_of(seen, DRIVER_NAMESPACE)
                     if target_of(entry)[2:] == ("configmaps", right.name)]
            if right.verb == "get":
                # What is watched need not be read, so nobody asks but in the first moments.
                return not any(target_of(entry)[0] == "get" for entry in asked
                               if entry["responseStatus"]["code"] == 200)
            # Who may not watch lists, and who may not list reads, again and again.
            instead = {"watch": "list", "list": "get"}[right.verb]
            return (sum(target_of(entry)[0] == instead for entry in asked) > 1
                    and any(f'verbs: ["{right.verb}"]' in line
                            for line in logged(driver.controller)))

        wait_until(is_missed)
    finally:
        give_back()


def test_f19_all_of_the_configuration_denied(world, kube, start_controller):
    setup = world.set_up(Case("vaulttokens"))
    role, = [each for each in setup.manifests("rbac.yaml") if each["kind"] == "Role"]
    place = (DRIVER_NAMESPACE, role["metadata"]["name"])
    kube.merge("Role", *place, {"rules": [rule for rule in role["rules"]
                                          if rule["resources"] != ["configmaps"]]})
    driver = start_controller()
    v = setup.volume(driver, block=True, fs_type=None, size=SMALL)
    error = error_of(driver.controller.call, "CreateVolume", v.create_request())
    # Whoever repeats it succeeds once the right is there.
    assert error.code == "UNAVAILABLE" and 'verbs: ["get"]' in error.message, error
    assert CONFIG_MAP in error.message and setup.kms_id in error.message, error
    kube.merge("Role", *place, {"rules": role["rules"]})
    v.create().delete()


@pytest.fixture
def start_controller(world, start_driver):
    """A driver without a node: start_driver() cleans up behind it."""
    def start():
        driver = start_driver()
        driver.node.stop()
        return driver
    return start


@pytest.mark.parametrize("verb", ["create", "patch"])
def test_f19_events_denied(world, kube, start_controller, verb):
    """An Event that cannot be written is in the log, with the right that lacks."""
    setup = world.set_up(Case("vaulttokens"))
    right, = [each for each in RIGHTS if (each.provider, each.file, each.resource, each.verb)
              == ("vaulttokens", "rbac.yaml", "events", verb)]
    broken = f"broken-{verb}"

    def put_entry(text):
        kube.merge("ConfigMap", DRIVER_NAMESPACE, CONFIG_MAP, {"data": {broken: text}})

    def counts():
        return [event["count"] for event in kube.get("Event", DRIVER_NAMESPACE)["items"]
                if event["reason"] == "KmsCheckFailed" and broken in event["message"]]

    driver = start_controller()
    give_back = right.take(setup) if verb == "create" else None
    try:
        put_entry("{")
        if verb == "patch":
            wait_until(counts)
            give_back = right.take(setup)
            put_entry(None)
            wait_until(lambda: f'kms_id="{broken}"' not in metrics_of(driver.controller))
            put_entry("{")
        wait_until(lambda: any(
            "an Event could not be written" in line and f'verbs: ["{verb}"]' in line
            for line in logged(driver.controller)))
        assert counts() == ([] if verb == "create" else [1])
        give_back()
        put_entry(None)
        wait_until(lambda: f'kms_id="{broken}"' not in metrics_of(driver.controller))
        put_entry("{")
        wait_until(lambda: counts() and counts()[0] >= (1 if verb == "create" else 2))
    finally:
        put_entry(None)


@pytest.mark.parametrize("provider", ["vaulttokens", "vaulttenantsa"])
def test_f19_tenants_events_denied(world, kube, start_controller, provider):
    setup = world.set_up(Case(provider))
    right, = [each for each in RIGHTS if (each.provider, each.file, each.resource)
              == (provider, "tenant.yaml", "events")]
    give_back = right.take(setup)
    driver = start_controller()
    kube.merge("ConfigMap", setup.tenant, "ceph-csi-kms-config", {"data": {"encryptionKMSType": "x"}})
    small_volume(driver, setup).delete()
    wait_until(lambda: any(
        "an Event could not be written" in line and setup.tenant in line and '["create"]' in line
        for line in logged(driver.controller)))
    give_back()
    kube.merge("ConfigMap", setup.tenant, "ceph-csi-kms-config", {"data": {"encryptionKMSType": None,
                                                                          "secretName": "x"}})
    small_volume(driver, setup).delete()
    wait_until(lambda: [event for event in kube.get("Event", setup.tenant)["items"]
                        if "secretName" in event["message"]])
