# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The verbs of `rbdcrypt kms`, as the controller's ServiceAccount runs them."""
import json
import os
import subprocess


def run(setup, driver, verb, *arguments):
    """(exit status, standard output, standard error) of one verb."""
    process = driver.controller
    argv = [process.binary, "kms", verb, setup.kms_id, "--kms-config",
            process.folder / "no-such-file", *arguments]
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True,
                          env={**os.environ, **process.env}, timeout=120)
    return done.returncode, done.stdout, done.stderr


def of_the_pool(ceph):
    """The flags that name a pool and who may look at it."""
    env = ceph.env
    return ["--cluster", env["RBDCRYPT_CLUSTER_ID"], "--pool", env["RBDCRYPT_POOL"],
            "--user", env["RBDCRYPT_CEPH_USER"], "--key-file", env["RBDCRYPT_CEPH_KEY_FILE"],
            "--cluster-config", env["RBDCRYPT_CONFIG"]]


def create_key(setup, driver, bits, name):
    """(exit status, the answer's object or {}, standard error) of `kms create-key`."""
    status, output, errors = run(setup, driver, "create-key", "--json", "--bits", bits, "--name",
                                 name)
    return status, json.loads(output) if output else {}, errors


def new_key(setup, driver, name):
    """The identifier of a key that the driver made, and so owns."""
    status, answer, errors = create_key(setup, driver, 256, name)
    assert status == 0, errors
    return answer["keyId"]


def destroy_key(setup, driver, key_id, *flags):
    """(exit status, report) of `kms destroy-key`."""
    status, output, errors = run(setup, driver, "destroy-key", key_id, "--json",
                                 *(flags or ["--yes"]), *of_the_pool(driver.ceph))
    assert output, errors
    return status, json.loads(output)


def check(setup, driver, in_pool=False):
    """(exit status, report) of `kms check`; `in_pool`: with the volumes there."""
    status, output, errors = run(setup, driver, "check", "--json",
                                 *(of_the_pool(driver.ceph) if in_pool else []))
    assert output, errors
    return status, json.loads(output)
