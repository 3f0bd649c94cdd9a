# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The programs of this folder, and a Kubernetes API for the run.

RBDCRYPT_TEST_BUILD names another build folder than build/asan, RBDCRYPT_TEST_FOLDER where the API server
keeps its data instead of /var/tmp.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS)]

from harness.kube import Kube  # noqa: E402

ROOT = TESTS.parent


def got(*command):
    """What a script of dev/ prints; without it, the test is skipped with the script's last words."""
    done = subprocess.run([ROOT / "dev" / command[0], *command[1:]], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"dev/{' '.join(command)}: " + " ".join(done.stderr.strip().splitlines()[-1:]))
    return done.stdout.strip()


@pytest.fixture(scope="session")
def program():
    """The path of a program by its name."""
    build = pathlib.Path(os.environ.get("RBDCRYPT_TEST_BUILD") or ROOT / "build" / "asan")
    return lambda name: build / "tests" / "rotation" / name


@pytest.fixture(scope="session")
def croniter_python():
    return got("croniter", "program")


@pytest.fixture(scope="session")
def kube():
    got("go-tools", "kube-apiserver")
    base = os.environ.get("RBDCRYPT_TEST_FOLDER", "/var/tmp")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rbdcrypt-scheduler-", dir=base))
    server = Kube(folder / "kube")
    try:
        yield server.up()
    finally:
        server.down()
        shutil.rmtree(folder, ignore_errors=True)
