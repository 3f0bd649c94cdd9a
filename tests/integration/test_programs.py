# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The C++ test programs that ask for real services, on the cluster of this run.

They are those that ctest labels "integration" in the sanitizer build; RBDCRYPT_TEST_BUILD names
another build folder. Where RBDCRYPT_TEST_RESULTS names a folder, each writes its JUnit file there.
"""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RBDCRYPT_TEST_BUILD") or ROOT / "build" / "asan")


def programs():
    """Name -> command, as ctest has them; empty where that build was never configured."""
    if not (BUILD / "CTestTestfile.cmake").exists():
        return {}
    done = subprocess.run(["ctest", "--test-dir", BUILD, "-L", "^integration$",
                           "--show-only=json-v1"], capture_output=True, text=True, check=True)
    return {test["name"]: test.get("command") for test in json.loads(done.stdout)["tests"]}


PROGRAMS = programs()


def test_there_are_programs():
    assert {"ceph_contract_real", "ceph_real", "qemu_storage_real"} <= set(PROGRAMS), \
        f"{BUILD}: cmake --preset asan && cmake --build build/asan --target integration_tests"


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(ceph, name):
    results = os.environ.get("RBDCRYPT_TEST_RESULTS")
    # A short path: sockets in folders below it must fit into 107 characters.
    env = {**os.environ, **ceph.env, "TMPDIR": "/tmp", "GTEST_COLOR": "no"}
    if results:
        env["GTEST_OUTPUT"] = f"xml:{results}/{name}.xml"
    done = subprocess.run(PROGRAMS[name], env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "[       OK ]" in done.stdout, f"{name} ran nothing"
