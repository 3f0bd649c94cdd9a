# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""A throw-away Ceph cluster, by dev/ceph."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Ceph:
    """One cluster below a folder; up() and down() may be repeated."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.env = {}

    def up(self):
        subprocess.run([ROOT / "dev/ceph", "up", "--dir", self.folder], check=True,
                       stderr=subprocess.PIPE)
        text = subprocess.run([ROOT / "dev/ceph", "env", "--dir", self.folder], check=True,
                              capture_output=True, text=True).stdout
        for line in text.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.env[name] = value
        return self

    def down(self):
        subprocess.run([ROOT / "dev/ceph", "down", "--dir", self.folder], check=True,
                       stderr=subprocess.PIPE)

    @property
    def key(self):
        return pathlib.Path(self.env["RBDCRYPT_CEPH_KEY_FILE"]).read_text().strip()

    @property
    def secrets(self):
        """What a StorageClass's Secret holds."""
        return {"userID": self.env["RBDCRYPT_CEPH_USER"], "userKey": self.key}

    def run(self, *argv, check=True, text=True, stdin=None):
        """Runs rbd, rados or ceph as the administrator; returns standard output."""
        env = {**os.environ, "CEPH_CONF": self.env["CEPH_CONF"]}
        done = subprocess.run([str(a) for a in argv], env=env, capture_output=True, text=text,
                              input=stdin)
        if check and done.returncode != 0:
            raise RuntimeError(f"{argv}: {done.stderr}")
        return done.stdout
