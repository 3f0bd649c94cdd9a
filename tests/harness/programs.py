# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The C++ test programs that ask for real servers: those that ctest labels so in the sanitizer build.

RBDCRYPT_TEST_BUILD names another build folder. Where RBDCRYPT_TEST_RESULTS names a folder, each
writes its JUnit file there.
"""
import json
import os
import pathlib
import subprocess

from harness.world import ROOT

BUILD = pathlib.Path(os.environ.get("RBDCRYPT_TEST_BUILD") or ROOT / "build" / "asan")


class Programs:
    """Those of one label, by their names; none where that build was never configured."""

    def __init__(self, label):
        self.label, self.commands = label, {}
        if (BUILD / "CTestTestfile.cmake").exists():
            done = subprocess.run(["ctest", "--test-dir", BUILD, "-L", f"^{label}$",
                                   "--show-only=json-v1"], capture_output=True, text=True,
                                  check=True)
            self.commands = {test["name"]: test.get("command")
                             for test in json.loads(done.stdout)["tests"]}

    def expect(self, *names):
        assert set(names) <= set(self.commands), \
            f"{BUILD}: cmake --preset asan && cmake --build build/asan --target {self.label}_tests"

    def run(self, name, environment):
        """The lines of the cases that passed; fails where one did not."""
        results = os.environ.get("RBDCRYPT_TEST_RESULTS")
        env = {**os.environ, **environment, "GTEST_COLOR": "no"}
        if results:
            env["GTEST_OUTPUT"] = f"xml:{results}/{name}.xml"
        done = subprocess.run(self.commands[name], env=env, capture_output=True, text=True,
                              timeout=900)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
        return [line for line in done.stdout.splitlines() if line.startswith("[       OK ]")]

    def expect_skips_without_servers(self):
        """Each says why."""
        for command in self.commands.values():
            done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True,
                                  text=True, timeout=300)
            assert done.returncode == 0, done.stdout
            assert "is not set" in done.stdout and "[  SKIPPED ]" in done.stdout, done.stdout
