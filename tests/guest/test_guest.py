# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The kernel's own mapping path, krbd and dm-crypt, in a QEMU guest that has its modules.

The guest boots once and runs tests/guest/inside.py; each of its cases is one case here.
"""
import json
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSIDE = ROOT / "tests/guest/inside.py"
NAMES = re.findall(r"^@case\ndef (\w+)", INSIDE.read_text(), re.MULTILINE)


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("guest")
    done = subprocess.run(
        [ROOT / "dev/guest", "run", "--timeout", "1500", "--out", out, "--", "/usr/bin/python3",
         INSIDE, "/mnt/out/results.json"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout[-20000:])
    path = out / "results.json"
    return json.loads(path.read_text()) if path.exists() else {"": done.stdout[-3000:]}


def test_there_are_cases():
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_in_guest(results, name):
    assert name in results, f"did not run: {results.get('')}"
    assert results[name] is None, results[name]
