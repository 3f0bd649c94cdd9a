# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""csi-sanity, the Kubernetes project's own judge of CSI drivers, against our two sockets."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from harness.ceph import Ceph  # noqa: E402
from harness.leftovers import clean  # noqa: E402
from harness.driver import GIB, Driver  # noqa: E402

RESULTS = ROOT / "build" / "test-results" / "sanity"
SECRET_NAMES = ["CreateVolumeSecret", "DeleteVolumeSecret", "ControllerPublishVolumeSecret",
                "ControllerUnpublishVolumeSecret", "ControllerValidateVolumeCapabilitiesSecret",
                "NodeStageVolumeSecret", "NodePublishVolumeSecret", "ControllerExpandVolumeSecret"]


@pytest.fixture(scope="module")
def driver():
    folder = pathlib.Path(f"/var/tmp/rbdcrypt-sanity-{os.getpid()}")
    folder.mkdir(mode=0o700)
    ceph = Ceph(folder / "ceph").up()
    driver = Driver(ROOT / "build/release/cmd/rbdcrypt", ceph, folder / "driver").start()
    yield driver
    driver.stop()
    clean(driver.folder, driver.runtime)
    ceph.down()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def csi_sanity():
    done = subprocess.run([ROOT / "dev/go-tools", "csi-sanity"], stdout=subprocess.PIPE, text=True,
                          check=True)
    return done.stdout.strip()


def keep_offered(report, name):
    """Copies csi-sanity's report without what it left out because we do not advertise it; returns
    (cases run, cases left out)."""
    tree = ElementTree.parse(report)
    ran, left_out = 0, 0
    for suite in tree.getroot().iter("testsuite"):
        for case in list(suite.findall("testcase")):
            case.set("classname", name)
            if case.find("skipped") is not None:
                suite.remove(case)
                left_out += 1
            elif case.get("name", "").startswith("[It]"):
                ran += 1
            else:
                suite.remove(case)
    RESULTS.mkdir(parents=True, exist_ok=True)
    tree.write(RESULTS / f"csi-sanity-{name}.xml")
    return ran, left_out


@pytest.mark.parametrize("access", ["mount", "block"])
@pytest.mark.parametrize("kms_id", ["local", None], ids=["encrypted", "plain"])
def test_csi_sanity_finds_nothing(driver, csi_sanity, access, kms_id):
    name = f"{access}-{'encrypted' if kms_id else 'plain'}"
    work = driver.folder / "sanity" / name
    work.mkdir(parents=True)
    parameters = driver.volume("unused", kms_id=kms_id).parameters
    (work / "secrets.yaml").write_text(
        json.dumps({secret: driver.ceph.secrets for secret in SECRET_NAMES}))
    (work / "secrets.yaml").chmod(0o600)
    (work / "parameters.yaml").write_text(json.dumps(parameters))
    done = subprocess.run(
        [csi_sanity, f"--csi.endpoint=unix://{driver.node.socket}",
         f"--csi.controllerendpoint=unix://{driver.controller.socket}",
         f"--csi.secrets={work}/secrets.yaml", f"--csi.testvolumeparameters={work}/parameters.yaml",
         f"--csi.testvolumeaccesstype={access}", f"--csi.testvolumesize={GIB}",
         f"--csi.testvolumeexpandsize={2 * GIB}", f"--csi.stagingdir={work}/staging",
         f"--csi.mountdir={work}/mount", f"--ginkgo.junit-report={work}/report.xml",
         "--ginkgo.no-color"],
        capture_output=True, text=True, timeout=600)
    ran, left_out = keep_offered(work / "report.xml", name)
    failures = "\n".join(re.findall(r"^\s*\[FAIL\].*$", done.stdout, re.MULTILINE))
    print(f"csi-sanity {name}: {ran} cases run, {left_out} not offered")
    assert done.returncode == 0, failures + done.stdout[-6000:]
    assert ran > 30


def test_nothing_is_left(driver):
    assert driver.orphans() == []
