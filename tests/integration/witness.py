# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Collects what a run shows to others, to be searched for its secrets at the end (safety E1)."""
import base64
import os
import pathlib
import re
import stat
import threading
import urllib.request

# Short enough to see children that live for a mkfs only, long enough to leave the cores to them.
INTERVAL_SECONDS = 0.05
MAX_FILE_BYTES = 8 << 20


def forms_of(secret):
    """The ways in which a secret's bytes may be written down."""
    forms = {secret, base64.b64encode(secret), base64.urlsafe_b64encode(secret),
             secret.hex().encode(), secret.hex().upper().encode()}
    return {form.rstrip(b"=") for form in forms} | {secret}


class Witness:
    """Sights by name: arguments and environments of all processes, files, logs, metrics."""

    def __init__(self):
        self.secrets = {}
        self.sights = {}
        self.folders = []
        self.processes_seen = 0
        self._known = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._lock = threading.Lock()

    def add_secret(self, name, value):
        data = value.encode() if isinstance(value, str) else bytes(value)
        assert len(data) >= 16, f"{name}: too short to be told from chance"
        self.secrets[name] = data

    def add_ring(self, path):
        """The KEKs of a ring of the provider "local" (kms/local_ring.h)."""
        if not path.exists():
            return
        for line in path.read_text().splitlines():
            if match := re.fullmatch(r"key (\d+) \d+ \d+ ([0-9a-f]+)", line):
                self.add_secret(f"KEK {match[1]} of {path}", bytes.fromhex(match[2]))
                self.secrets[f"KEK {match[1]} of {path}, as text"] = match[2].encode()

    def watch_folder(self, folder):
        with self._lock:
            self.folders.append(pathlib.Path(folder))

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def findings(self):
        """(secret, sight) for each secret that was seen."""
        with self._lock:
            sights = list(self.sights.items())
        return [(name, sight) for name, secret in self.secrets.items()
                for sight, data in sights if any(form in data for form in forms_of(secret))]

    # What is seen.
    def keep(self, name, data):
        with self._lock:
            self.sights[name] = data

    def keep_metrics(self, process):
        lives = re.findall(r"metrics=(127\.0\.0\.1:\d+)", process.log_path.read_text())
        if not lives:
            return
        try:
            with urllib.request.urlopen(f"http://{lives[-1]}/metrics", timeout=10) as answer:
                self.keep(f"metrics of {process.log_path}", answer.read())
        except OSError:
            pass  # it is ending by itself; whoever stops it goes on

    def keep_files(self, folder):
        """Files below a folder, but no mounts in it and not the ring, which is to hold its KEKs."""
        try:
            device = os.lstat(folder).st_dev
        except OSError:
            return
        for parent, names, files in os.walk(folder):
            names[:] = [n for n in names if self._is_on(device, parent, n)]
            for name in files:
                if not name.startswith("kek-ring") and self._is_on(device, parent, name):
                    self._keep_file(os.path.join(parent, name))

    @staticmethod
    def _is_on(device, parent, name):
        try:
            info = os.lstat(os.path.join(parent, name))
        except OSError:
            return False
        return info.st_dev == device and (stat.S_ISDIR(info.st_mode) or stat.S_ISREG(info.st_mode))

    def _keep_file(self, path):
        try:
            with open(path, "rb") as file:
                self.keep(f"file {path}", file.read(MAX_FILE_BYTES))
        except OSError:
            pass

    def _run(self):
        rounds = 0
        while not self._stop.wait(INTERVAL_SECONDS):
            self._look_at_processes()
            rounds += 1
            if rounds % 10 == 0:
                with self._lock:
                    folders = list(self.folders)
                for folder in folders:
                    self.keep_files(folder)

    def _look_at_processes(self):
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                argv = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
                # A program is looked at once, but again after an exec.
                if not argv or self._known.get(entry) == argv:
                    continue
                environment = pathlib.Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
            self._known[entry] = argv
            self.processes_seen += 1
            self.keep(f"process {entry} {argv[:200]!r}", argv + b"\0" + environment)
