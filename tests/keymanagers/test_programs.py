# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The C++ test programs that ask for real key managers, over the servers of this run: the contracts
of a DEK store and of the Kubernetes client (harness/programs.py)."""
import json
import re

from harness.kube import write_private
from harness.programs import Programs
from harness.world import ACCOUNTS, DRIVER_NAMESPACE
from world import Case

PROVIDERS = ("vault", "vaulttokens", "vaulttenantsa")
CASES = [Case(provider, kv, namespace, probes=probes) for provider in PROVIDERS for kv in (1, 2)
         for namespace in ("", "teams") for probes in (False, True)]
CASES += [Case(provider, options={"vaultDestroyKeys": "false"}) for provider in PROVIDERS]

PROGRAMS = Programs("kms")


def name_of(case):
    """As a case of GoogleTest may be called."""
    ending = "_soft_delete" if case.options else ""
    return str(case).replace("-", "_") + ending


def grant_the_rest(setup):
    """What the contract asks for beyond the life of a volume, for which the examples are: to destroy
    older versions. And soft deletion as the examples' policies say."""
    if setup.case.kv == 1:
        return
    text = setup.policy_text()
    if setup.case.options:
        text = text.replace('"read"]', '"read", "delete"]', 1)
        text = re.sub(r'path "[^"]*/metadata/[^"]*" \{[^}]*\}\n', "", text)
    destroy = f'path "{setup.mount}/destroy/*" {{ capabilities = ["update"] }}\n'
    setup.vault.policy(setup.policy, text + destroy)


def set_up_stores(world, folder):
    """The environment of the program that runs the contract over every case; addresses and names of
    files, as the driver's."""
    ca = write_private(folder / "vault-ca.pem", world.vault.ca_pem)
    described = []
    for case in CASES:
        setup = world.set_up(case)
        grant_the_rest(setup)
        option = setup.options.get("vaultCAFromSecret")
        files = {option: str(ca)} if case.provider == "vault" else {}
        described.append({"name": name_of(case), "kmsId": setup.kms_id, "tenant": setup.tenant,
                          "secretFiles": files})
    account = ACCOUNTS["controller"]
    token = write_private(folder / "program.token", world.kube.token(DRIVER_NAMESPACE, account))
    config = world.kube.kubeconfig(folder / "program.kubeconfig", DRIVER_NAMESPACE, token)
    cases = write_private(folder / "cases.json", json.dumps(described))
    return {"RBDCRYPT_KMS_CASES": str(cases), "RBDCRYPT_KMS_TOKEN_FILE": str(token),
            "KUBERNETES_CONFIG_PATH": str(config), "POD_NAMESPACE": DRIVER_NAMESPACE}


def test_there_are_programs():
    PROGRAMS.expect("vault_contract_real", "kube_contract_real")


def test_the_contract_of_a_dek_store(world, folder):
    passed = PROGRAMS.run("vault_contract_real", set_up_stores(world, folder))
    for case in CASES:
        assert any(f"/{name_of(case)} (" in line for line in passed), f"{case} was not run"


def test_the_contract_of_the_kubernetes_client(kube):
    passed = PROGRAMS.run("kube_contract_real", kube.env)
    assert any("/real (" in line for line in passed), "it ran nothing"


def test_programs_without_servers_say_why_they_are_skipped():
    PROGRAMS.expect_skips_without_servers()
