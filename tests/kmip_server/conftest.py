# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""One Ceph, one Kubernetes API and four KMIP servers of one database for the run, drivers per test,
nothing left behind; harness/fixtures.py has the environment's variables."""
import os
import pathlib
import sys

import pytest

# PyKMIP's, of the interfaces that Debian 12 still has.
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "kmip_server"), str(TESTS / "integration")]

from harness.fixtures import *  # noqa: E402,F401,F403
from harness.fixtures import stop_all  # noqa: E402
from harness.kmip import Kmip  # noqa: E402
from kmip_world import KINDS, KmipWorld  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "ignore:ssl.wrap_socket:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:ssl.PROTOCOL_TLS:DeprecationWarning")


@pytest.fixture(scope="session")
def kmip(folder):
    servers = Kmip(folder / "kmip", KINDS)
    try:
        yield servers.up()
    finally:
        servers.down()


@pytest.fixture(scope="session")
def world(ceph, kube, kmip, folder, binary):
    made = KmipWorld(ceph, kube, kmip, folder, binary)
    yield made
    stop_all(made)
