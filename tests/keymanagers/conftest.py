# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""One Ceph, one Vault and one Kubernetes API for the run, drivers per test, nothing left behind;
harness/fixtures.py has the environment's variables."""
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "keymanagers"), str(TESTS / "integration")]

from harness.fixtures import *  # noqa: E402,F401,F403
from harness.fixtures import stop_all  # noqa: E402
from harness.vault import Vault  # noqa: E402
from harness.world import EXAMPLES, read_manifests  # noqa: E402
from world import World  # noqa: E402


@pytest.fixture(scope="session")
def vault(folder, kube):
    kube.apply(read_manifests(EXAMPLES / "token-reviewer.yaml", {}))
    server = Vault(folder / "vault")
    try:
        yield server.up()
    finally:
        server.down()


@pytest.fixture(scope="session")
def world(ceph, kube, vault, folder, binary):
    made = World(ceph, kube, vault, folder, binary)
    yield made
    stop_all(made)


@pytest.fixture(scope="module")
def three_nodes(world, folder):
    """The same world with a Vault of three nodes, for one file's tests alone: they stop nodes."""
    server = Vault(folder / "vault3", nodes=3)
    try:
        yield world.with_vault(server.up())
    finally:
        server.down()
