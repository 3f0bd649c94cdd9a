# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""One Ceph for the run, drivers per test, and nothing left behind by either.

RBDCRYPT_TEST_CEPH_DIR names a cluster of dev/ceph to use and keep up; without it the run makes one
and removes it. RBDCRYPT_TEST_FOLDER: where, instead of /var/tmp. RBDCRYPT_BINARY and
RBDCRYPT_CRASH_BINARY replace the builds of the presets.
"""
import itertools
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from harness.ceph import Ceph  # noqa: E402
from harness.driver import Driver  # noqa: E402
from harness.leftovers import Leftovers  # noqa: E402
from pool import Pool  # noqa: E402
from witness import Witness  # noqa: E402

ROOT = TESTS.parent
# Not tmpfs, which lacks the O_DIRECT that BlueStore needs.
BIG_FOLDER = os.environ.get("RBDCRYPT_TEST_FOLDER", "/var/tmp")
NUMBERS = itertools.count(1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"{call.when}_passed", outcome.get_result().passed)


def binary(preset, variable):
    path = pathlib.Path(os.environ.get(variable) or ROOT / "build" / preset / "cmd" / "rbdcrypt")
    if not path.exists():
        pytest.exit(f"{path} is not there: cmake --preset {preset} && "
                    f"cmake --build build/{preset} --target rbdcrypt", returncode=2)
    return path


@pytest.fixture(scope="session")
def release_binary():
    return binary("release", "RBDCRYPT_BINARY")


@pytest.fixture(scope="session")
def crash_binary():
    return binary("crash", "RBDCRYPT_CRASH_BINARY")


@pytest.fixture(scope="session")
def session_folder():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rbdcrypt-it-", dir=BIG_FOLDER))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def ceph(session_folder):
    kept = os.environ.get("RBDCRYPT_TEST_CEPH_DIR")
    cluster = Ceph(kept or session_folder / "ceph")
    try:
        cluster.up()
        # A killed process counts as a user of its images for so long; 30 s is the default, and less
        # than twice the 5 s between a client's signs of life would lose living ones.
        subprocess.run([ROOT / "dev/ceph.d/command", f"--conf={cluster.env['CEPH_CONF']}", "mon",
                        json.dumps({"prefix": "config set", "who": "osd",
                                    "name": "osd_client_watch_timeout", "value": "10"})],
                       check=True, timeout=60)
        yield cluster
    finally:
        if not kept:
            cluster.down()


@pytest.fixture(scope="session")
def passphrase():
    """The encryptionPassphrase of this run: like no other text on this machine."""
    return "passphrase " + secrets.token_urlsafe(24)


@pytest.fixture(scope="session")
def witness(ceph, passphrase):
    """Looks, all the time, at what the processes of this run show of their secrets."""
    watching = Witness()
    watching.add_secret("the Ceph user's key", ceph.key)
    watching.add_secret("encryptionPassphrase", passphrase)
    watching.start()
    yield watching
    watching.stop()


@pytest.fixture(scope="session")
def new_name():
    """Makes names that no other test and no earlier run has used."""
    return lambda stem="pvc": f"{stem}-{os.getpid()}-{next(NUMBERS)}-{secrets.token_hex(3)}"


class DriverMaker:
    """make(binary) -> a Driver, not started; end(driver) stops it and cleans up after it."""

    def __init__(self, ceph, folder, witness, passphrase):
        self.ceph, self.folder, self.witness = ceph, folder, witness
        self.secrets = {**ceph.secrets, "encryptionPassphrase": passphrase}

    def make(self, program, **options):
        number = next(NUMBERS)
        driver = Driver(program, self.ceph, self.folder / f"d{number}",
                        runtime=f"/run/rbdcrypt-{os.getpid()}-{number}", **options)
        driver.volume_secrets = self.secrets
        self.witness.watch_folder(driver.folder)
        self.witness.watch_folder(driver.runtime)
        return driver

    def end(self, driver):
        """What it left behind, as texts; all of it is taken away."""
        return clean_up(driver, self.witness)


@pytest.fixture(scope="session")
def driver_maker(ceph, session_folder, witness, passphrase):
    return DriverMaker(ceph, session_folder, witness, passphrase)


@pytest.fixture
def make_driver(request, driver_maker):
    """make_driver(binary) -> a Driver, not started; stopped and cleaned up after the test."""
    made = []

    def make(program, **options):
        made.append(driver_maker.make(program, **options))
        return made[-1]

    yield make
    left = []
    for driver in made:
        left += driver_maker.end(driver)
    if left and getattr(request.node, "call_passed", False):
        pytest.fail("left behind: " + "; ".join(left))


def clean_up(driver, witness):
    """Ends a driver and what it holds; what had to be taken away by force."""
    for process in (driver.node, driver.controller):
        if process.is_running():
            process.signal(signal.SIGCONT)
            witness.keep_metrics(process)
            process.signal(signal.SIGTERM)
    for process in (driver.node, driver.controller):
        process.stop()
    left = Leftovers(driver.folder, driver.runtime).remove()
    witness.keep_files(driver.folder)
    witness.add_ring(driver.folder / "kek-ring")
    shutil.rmtree(driver.folder, ignore_errors=True)
    shutil.rmtree(driver.runtime, ignore_errors=True)
    return left


@pytest.fixture
def driver(make_driver, release_binary):
    """A controller and a node of the release build."""
    return make_driver(release_binary).start()


@pytest.fixture
def volume(driver, new_name):
    """volume(kms_id="local", …) -> a Volume with the run's secrets, not created yet."""
    def make(**options):
        options.setdefault("secrets", driver.volume_secrets)
        return driver.volume(new_name(), **options)
    return make


@pytest.fixture(scope="session")
def pool(ceph):
    """The pool as its administrator sees it."""
    opened = Pool(ceph)
    yield opened
    opened.close()
