# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""A driver that a witness looks on, for what it shows of its secrets (safety E1)."""
import base64
import contextlib
import shutil
import types

from harness.leftovers import Leftovers
from witness import Witness


@contextlib.contextmanager
def watched_life(world):
    """A running driver and a witness. Its user adds set-ups, volumes and what is known of their
    secrets (name -> bytes); at the end the volumes are deleted, and everything is taken down."""
    lived = types.SimpleNamespace(driver=world.new_driver(), secrets={}, witness=Witness(),
                                  setups=[], volumes=[])
    lived.witness.start()
    lived.witness.watch_folder(lived.driver.folder)
    try:
        lived.driver.start()
        yield lived
        for v in lived.volumes:
            v.unstage().delete()
    finally:
        lived.driver.stop()
        lived.witness.stop()
        Leftovers(lived.driver.folder, lived.driver.runtime).remove()
        shutil.rmtree(lived.driver.runtime, ignore_errors=True)
        for setup in lived.setups:
            setup.remove()


def add_dek(secrets, volume, dek):
    """As text, which is the passphrase, and what it stands for."""
    secrets[f"DEK of {volume.id}"] = dek
    secrets[f"DEK of {volume.id}, decoded"] = base64.urlsafe_b64decode(dek + b"==")


def what_was_shown(lived, secrets, logs, sights):
    """The secrets that the witness finds in what the driver shows and in the servers' logs (path ->
    content). Each of `sights` must be part of something that was looked at."""
    witness = lived.witness
    for name, secret in secrets.items():
        witness.add_secret(name, secret)
    for process in (lived.driver.controller, lived.driver.node):
        witness.keep_metrics(process)
    witness.keep_files(lived.driver.folder)
    for path, content in logs.items():
        witness.keep(path, content)
    witness._look_at_processes()
    for sight in sights:
        assert any(sight in seen for seen in witness.sights), f"{sight} was not looked at"
    return witness.findings()


def what_was_written(secrets, logs):
    """Which of the secrets stand in logs."""
    witness = Witness()
    for name, secret in secrets.items():
        witness.add_secret(name, secret)
    for path, content in logs.items():
        witness.keep(path, content)
    return witness.findings()
