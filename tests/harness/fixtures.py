# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Fixtures and hooks of the suites of key managers, for their conftest.py to import: one Ceph and one
Kubernetes API for the run, drivers per test, nothing left behind.

RBDCRYPT_TEST_CEPH_DIR names a cluster of dev/ceph to use and keep up; RBDCRYPT_TEST_FOLDER: where the
rest is, instead of /var/tmp. RBDCRYPT_BINARY replaces the build of preset release.
RBDCRYPT_TEST_SHARE=K/N runs the K-th of N shares of the files, and at its end test_zz_*, which look
back on what was run.
"""
import collections
import os
import pathlib
import shutil
import tempfile

import pytest

from harness.ceph import Ceph
from harness.kube import Kube
from harness.leftovers import Leftovers, clean
from harness.world import ACCOUNTS, DRIVER_NAMESPACE, ROOT
from pool import Pool


def share_of(counts, number, shares):
    """Files of one share, of (file -> tests): the longest goes where there is the least so far."""
    files, sizes = [set() for _ in range(shares)], [0] * shares
    for file in sorted(counts, key=lambda each: (-counts[each], each)):
        least = sizes.index(min(sizes))
        files[least].add(file)
        sizes[least] += counts[file]
    return files[number - 1]


def looks_back(item):
    return item.path.name.startswith("test_zz_")


def pytest_collection_modifyitems(config, items):
    number, _, shares = os.environ.get("RBDCRYPT_TEST_SHARE", "1/1").partition("/")
    counts = collections.Counter(item.path for item in items if not looks_back(item))
    mine = share_of(counts, int(number), int(shares))
    is_mine = [looks_back(item) or item.path in mine for item in items]
    config.hook.pytest_deselected(items=[each for each, mine in zip(items, is_mine) if not mine])
    items[:] = [each for each, mine in zip(items, is_mine) if mine]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"{call.when}_passed", outcome.get_result().passed)


@pytest.fixture(scope="session")
def folder():
    # Not tmpfs, which lacks the O_DIRECT that BlueStore needs.
    base = os.environ.get("RBDCRYPT_TEST_FOLDER", "/var/tmp")
    made = pathlib.Path(tempfile.mkdtemp(prefix="rbdcrypt-kms-", dir=base))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def ceph(folder):
    kept = os.environ.get("RBDCRYPT_TEST_CEPH_DIR")
    cluster = Ceph(kept or folder / "ceph")
    try:
        yield cluster.up()
    finally:
        if not kept:
            cluster.down()


@pytest.fixture(scope="session")
def kube(folder):
    server = Kube(folder / "kube")
    try:
        server.up()
        # Those of the driver are there whatever a test applies first.
        server.apply({"apiVersion": "v1", "kind": "ServiceAccount",
                      "metadata": {"name": name, "namespace": DRIVER_NAMESPACE}}
                     for name in ACCOUNTS.values())
        yield server
    finally:
        server.down()


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("RBDCRYPT_BINARY") or
                        ROOT / "build" / "release" / "cmd" / "rbdcrypt")
    if not path.exists():
        pytest.exit(f"{path} is not there: cmake --preset release && "
                    "cmake --build build/release --target rbdcrypt", returncode=2)
    return path


@pytest.fixture(scope="session")
def pool(ceph):
    """The pool as its administrator sees it."""
    opened = Pool(ceph)
    yield opened
    opened.close()


def stop_all(world):
    """What no test cleaned up after itself, at Ctrl-C say."""
    for driver in world.drivers:
        driver.stop()
        clean(driver.folder, driver.runtime)


@pytest.fixture(autouse=True)
def no_entries_left(world):
    """Drivers look at all entries; those of earlier tests would show in the audit logs, and their
    rights would hide what an example lacks."""
    yield
    for setup in world.setups:
        setup.remove()
    world.setups.clear()


@pytest.fixture
def start_driver(request, world, no_entries_left):
    """start_driver() -> a running Driver; stopped and cleaned up after the test."""
    made = []

    def start():
        made.append(world.new_driver())
        return made[-1].start()

    yield start
    left = []
    for driver in made:
        driver.stop()
        world.keep_logs(driver)
        left += Leftovers(driver.folder, driver.runtime).remove()
        shutil.rmtree(driver.runtime, ignore_errors=True)
        if getattr(request.node, "call_passed", False):
            shutil.rmtree(driver.folder, ignore_errors=True)
    if left and getattr(request.node, "call_passed", False):
        pytest.fail("left behind: " + "; ".join(left))
