# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""`rbdcrypt kms check`, and what the controller makes of the same preflight."""
import json
import os
import subprocess

import pytest

from harness.calls import wait_until
from harness.world import DRIVER_NAMESPACE
from test_stories import metric
from world import Case

STEPS = ["read the entry", "log in", "store a probe", "read it back", "delete it"]


@pytest.fixture
def check(world):
    """check(setup, …) -> (exit status, report) as the controller's ServiceAccount sees it."""
    # Never started: for its identity alone.
    process = world.new_driver().controller

    def run(setup, *flags, tenant=None, as_json=True):
        argv = [world.binary, "kms", "check", setup.kms_id, *process.flags[-2:], "--timeout", "20",
                "--kms-config", process.folder / "no-such-file", *flags]
        argv += ["--tenant", tenant] if tenant else []
        done = subprocess.run([*argv, *(["--json"] if as_json else [])], capture_output=True,
                              text=True, env={**os.environ, **process.env}, timeout=60)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout) if as_json else done.stdout

    return run


def names(report, ok=None):
    return [step["name"] for step in report["steps"] if ok is None or step["ok"] == ok]


def expect_no_probe(setup):
    prefix = setup.options.get("vaultPassphrasePath", "")
    assert not [key for key in setup.vault.keys(setup.mount, setup.case.kv, prefix)
                if key.startswith("rbdcrypt-check-")]


@pytest.mark.parametrize("case", [Case("vaulttenantsa"), Case("vaulttenantsa", kv=1),
                                  Case("vaulttokens", probes=True), Case("vaulttokens", rook=True)],
                         ids=str)
def test_each_step_of_a_good_entry_is_told(world, check, case):
    setup = world.set_up(case)
    status, report = check(setup, tenant=setup.tenant)
    assert status == 0, report
    assert (report["kmsId"], report["tenant"], report["ok"]) == (setup.kms_id, setup.tenant, True)
    assert report["provider"] == case.provider
    assert names(report, ok=True) == STEPS
    assert all(step["milliseconds"] >= 0 for step in report["steps"])
    expect_no_probe(setup)


def test_a_person_reads_what_a_program_reads(world, check):
    setup = world.set_up(Case("vaulttenantsa"))
    status, text = check(setup, tenant=setup.tenant, as_json=False)
    lines = text.splitlines()
    assert status == 0
    assert lines[0] == f'KMS "{setup.kms_id}", provider vaulttenantsa, tenant {setup.tenant}'
    for line, step in zip(lines[1:], STEPS, strict=True):
        assert line.startswith("  ok ") and step in line and line.endswith(" ms")


def test_what_a_tenant_or_a_request_brings_is_left_out_with_words(world, check):
    for case, word in ((Case("vaulttenantsa"), "--tenant"), (Case("vault"), "Secret")):
        setup = world.set_up(case)
        status, report = check(setup)
        assert status == 0 and word in report["leftOut"], report
        assert names(report) == ["read the entry"]


def test_driver_with_the_systems_ca_is_checked_whole(world, check):
    """Provider vault needs nothing of a request then; this Vault's CA is not the system's."""
    setup = world.set_up(Case("vault", options={"vaultCAFromSecret": None}))
    status, report = check(setup)
    assert status == 1 and report["leftOut"] == ""
    assert names(report) == ["read the entry", "log in"]
    assert report["steps"][-1]["code"] == "INVALID_ARGUMENT"
    assert "does not verify" in report["steps"][-1]["message"]
    setup.write_entry(vaultCAVerify="false")
    status, report = check(setup)
    assert status == 0 and names(report, ok=True) == STEPS, report
    expect_no_probe(setup)


def test_the_step_that_fails_says_what_to_do(world, vault, check):
    setup = world.set_up(Case("vaulttenantsa"))

    def expect(step, code, *words):
        status, report = check(setup, tenant=setup.tenant)
        assert status == 1 and not report["ok"]
        assert names(report, ok=False)[0] == step, report
        failed = next(each for each in report["steps"] if not each["ok"])
        assert failed["code"] == code, failed
        for word in (setup.kms_id, *words):
            assert word in failed["message"], failed

    # Nothing of a tenant that is not there.
    status, report = check(setup, tenant="no-such-tenant")
    assert status == 1 and names(report, ok=False) == ["log in"], report
    setup.vault.policy(setup.policy, f'path "{setup.mount}/data/*" {{ capabilities = ["read"] }}')
    expect("store a probe", "PERMISSION_DENIED", "create", "policy", setup.mount)
    setup.write_role(bound_service_account_namespaces=["another"])
    expect("log in", "PERMISSION_DENIED", "bound_service_account_namespaces")
    vault.stop()
    try:
        expect("log in", "UNAVAILABLE", setup.options["vaultAddress"])
    finally:
        vault.up()
    setup.write_entry(vaultAddress=None)
    expect("read the entry", "INVALID_ARGUMENT", "vaultAddress")


def test_a_probe_that_may_not_be_deleted_is_named(world, check):
    setup = world.set_up(Case("vaulttenantsa"))
    setup.vault.policy(setup.policy, setup.policy_text().replace('"delete"', '"deny"'))
    status, report = check(setup, tenant=setup.tenant)
    assert status == 1 and names(report, ok=False) == ["delete it"], report
    assert "rbdcrypt-check-" in report["steps"][-1]["message"]
    for key in setup.vault.keys(setup.mount, 2):
        setup.vault.call("DELETE", f"{setup.mount}/metadata/{key}")


def test_the_controller_checks_at_start_and_goes_on_where_it_fails(world, vault, kube,
                                                                   start_driver):
    setup = world.set_up(Case("vault", options={"vaultCAFromSecret": None,
                                                "vaultCAVerify": "false"}))
    line = f'rbdcrypt_kms_check_ok{{kms_id="{setup.kms_id}"}}'
    vault.stop()
    try:
        driver = start_driver()
        # It serves all the same.
        driver.controller.call("ControllerGetCapabilities", {})
        wait_until(lambda: f"{setup.kms_id}" in driver.controller.log_path.read_text())

        def events():
            return [event for event in kube.get("Event", DRIVER_NAMESPACE)["items"]
                    if event["reason"] == "KmsCheckFailed" and setup.kms_id in event["message"]]

        wait_until(events, seconds=60)
        assert events()[0]["regarding" if "regarding" in events()[0] else "involvedObject"][
            "kind"] == "ConfigMap"
        assert metric(driver.controller, line) == 0
    finally:
        vault.up()
    # By itself, within a minute or so, though nobody changed the entry.
    wait_until(lambda: metric(driver.controller, line) == 1, seconds=120)
