# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Throw-away KMIP servers (PyKMIP) on one database, by dev/kmip."""
import contextlib
import json
import os
import pathlib
import signal
import sys

from harness.kube import ROOT, environment, run_dev

sys.path.append(str(ROOT / "dev" / "kmip.d"))

import administrator  # noqa: E402


class Kmip:
    """Servers below a folder; up() and down() may be repeated. Nodes count from 1."""

    def __init__(self, folder, kinds=("ec-1.3",)):
        self.folder, self.kinds = pathlib.Path(folder), tuple(kinds)
        self.tls = self.folder / "tls"
        self.env = {}

    def up(self):
        """Starts what does not run."""
        run_dev("kmip", "up", "--dir", self.folder, "--nodes", ",".join(self.kinds))
        self.env = environment("kmip", self.folder)
        return self

    def down(self):
        run_dev("kmip", "down", "--dir", self.folder)

    def stop(self, node):
        """kill -9, with all that belongs to it."""
        run_dev("kmip", "stop", node, "--dir", self.folder)

    def start(self, node):
        run_dev("kmip", "start", node, "--dir", self.folder)

    @contextlib.contextmanager
    def frozen(self, node):
        """It goes on listening and says nothing."""
        group = int((self.folder / f"node{node}" / "pid").read_text())
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    def node_of(self, kind):
        return self.kinds.index(kind) + 1

    def port(self, node):
        return json.loads((self.folder / "state.json").read_text())["nodes"][node - 1]["port"]

    def endpoint(self, *nodes):
        """As in KMIP_ENDPOINT."""
        return ",".join(f"127.0.0.1:{self.port(node)}" for node in nodes)

    def pem(self, name):
        """Of the certificates' folder: "ca.pem", "client.key", …"""
        return (self.tls / name).read_text()

    # ---- keys ----
    def administrator(self, name="admin", node=1):
        """PyKMIP's client as the owner of the keys, or by another certificate."""
        return administrator.connected(self.port(node), self.tls, name)

    def register(self, name, key, owner="admin", **options):
        """A key of known bytes (administrator.register()); its identifier."""
        with self.administrator(owner) as client:
            return administrator.register(client, name, key, **options)

    # ---- what happened ----
    def logs(self):
        """path -> content of what the servers said, standard error included."""
        return {str(path): path.read_bytes()
                for pattern in ("node*/log", "node*/server.log")
                for path in self.folder.glob(pattern)}

    def log(self, node):
        """The log of one node from now on."""
        return ServerLog(self.folder / f"node{node}" / "server.log")


class ServerLog:
    """What a server's log says from here on."""

    def __init__(self, path):
        self.path = path
        self.position = path.stat().st_size

    def read(self):
        with open(self.path, "rb") as file:
            file.seek(self.position)
            return file.read().decode(errors="replace")

    def count(self, operation):
        """How many times that operation was tried."""
        return self.read().count(f"Processing operation: {operation}\n")
