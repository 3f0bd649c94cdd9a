# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The C++ test program that asks for a real KMIP server, over one of this run: the contract of a
wrapper (harness/programs.py)."""
import json

from harness.kube import write_private
from harness.programs import Programs
from kmip_world import KINDS, SERVER_NAME, WRAPS

PROGRAMS = Programs("kmip")


def entries(kmip, place):
    """As --kms-config takes them: each way to wrap at each kind of server."""
    place.mkdir(mode=0o700)
    for key, pem in (("CA_CERT", "ca.pem"), ("CLIENT_CERT", "client.pem"),
                     ("CLIENT_KEY", "client.key")):
        write_private(place / key, kmip.pem(pem))
    write_private(place / "UNIQUE_IDENTIFIER", kmip.register("contract", bytes(range(32))))
    return {f"{wrap}_{kind}".translate(str.maketrans("-.", "__")): {
        "encryptionKMSType": "kmip", "KMIP_ENDPOINT": kmip.endpoint(kmip.node_of(kind)),
        "TLS_SERVER_NAME": SERVER_NAME, "KMIP_CREDENTIALS_DIR": str(place), **options}
        for wrap, options in WRAPS.items() for kind in KINDS}


def test_there_are_programs():
    PROGRAMS.expect("kmip_contract_real")


def test_the_contract_of_a_wrapper(kmip, folder):
    named = entries(kmip, folder / "contract")
    config = write_private(folder / "contract.json", json.dumps(named))
    passed = PROGRAMS.run("kmip_contract_real", {"RBDCRYPT_KMIP_CONFIG": str(config)})
    for name in named:
        contracts = {line.split("/")[1].split(".")[0] for line in passed if f"/{name} (" in line}
        assert contracts == {"WrapperContract"} | (
            {"BoundWrapperContract"} if name.startswith("aead") else set()), name


def test_programs_without_servers_say_why_they_are_skipped():
    PROGRAMS.expect_skips_without_servers()
