# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What examples/kms/ becomes on a real Kubernetes API, and drivers that live there.

Everything is set up from the files of the examples: only their placeholders are replaced, and what a
case varies is changed in what was read from them.
"""
import itertools
import json
import os
import pathlib
import secrets

import yaml

from harness.driver import Driver
from harness.kube import write_private

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "kms"
DRIVER_NAMESPACE = "rbdcrypt"
ACCOUNTS = {"controller": "rbdcrypt-controller", "node": "rbdcrypt-node"}
CONFIG_MAP = "csi-kms-connection-details"
NUMBERS = itertools.count(1)


def replaced(value, words):
    """A manifest with each placeholder replaced."""
    if isinstance(value, dict):
        return {replaced(key, words): replaced(item, words) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, words) for item in value]
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(word, text)
    return value


def read_manifests(path, words):
    return [replaced(each, words) for each in yaml.safe_load_all(path.read_text()) if each]


def example_entry(provider, words):
    """(KMS ID, options) of an example's ConfigMap."""
    for manifest in read_manifests(EXAMPLES / provider / "kms-config.yaml", words):
        if manifest["kind"] == "ConfigMap":
            assert manifest["metadata"]["name"] == CONFIG_MAP
            (kms_id, text), = manifest["data"].items()
            return kms_id, json.loads(text)
    raise AssertionError(f"no ConfigMap in the example of {provider}")


class Entry:
    """One entry in the driver's ConfigMap, from an example, for the volumes of one tenant."""

    def __init__(self, world, provider, tenant, kms_id, options):
        self.world, self.provider, self.tenant = world, provider, tenant
        self.kms_id, self.options = kms_id, options
        self.volume_secrets = dict(world.ceph.secrets)

    @property
    def words(self):
        """What the placeholders of the example stand for."""
        raise NotImplementedError

    def example(self, name):
        return EXAMPLES / self.provider / name

    def manifests(self, name, **words):
        return read_manifests(self.example(name), {**self.words, **words})

    def apply_to_the_drivers_namespace(self):
        """What the example has for it, but for the entry, which is write_entry()'s."""
        self.world.kube.apply(self.manifests("rbac.yaml"))
        for manifest in self.manifests("kms-config.yaml"):
            if manifest["kind"] != "ConfigMap":
                self.world.kube.apply([manifest])

    def spelled(self, options):
        """The options as they are written down."""
        return options

    def write_entry(self, **changes):
        """The entry in the driver's ConfigMap, with changes; None removes an option."""
        self.options |= changes
        options = {name: value for name, value in self.options.items() if value is not None}
        self.world.kube.apply([{
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP, "namespace": DRIVER_NAMESPACE},
            "data": {self.kms_id: json.dumps(self.spelled(options))}}],
            manager=f"entry-{self.kms_id}")

    def remove(self):
        """The entry, and what the driver was granted for it in its own namespace."""
        kube = self.world.kube
        kube.merge("ConfigMap", DRIVER_NAMESPACE, CONFIG_MAP, {"data": {self.kms_id: None}})
        binding = f"rbdcrypt-kms-{self.provider}"
        if kube.exists("RoleBinding", DRIVER_NAMESPACE, binding):
            kube.delete("RoleBinding", DRIVER_NAMESPACE, binding)

    def volume(self, driver, **options):
        """A Volume of this tenant and this key manager, not created yet."""
        parameters = {"csi.storage.k8s.io/pvc/namespace": self.tenant}
        return driver.volume(f"pvc-{os.getpid()}-{next(NUMBERS)}-{secrets.token_hex(3)}",
                             kms_id=self.kms_id, parameters=parameters,
                             secrets=dict(self.volume_secrets), **options)


class KubernetesWorld:
    """Ceph and the Kubernetes API of a run, and the drivers on them."""

    def __init__(self, ceph, kube, folder, binary):
        self.ceph, self.kube = ceph, kube
        self.folder, self.binary = pathlib.Path(folder), binary
        # Entries that were set up since the list was emptied.
        self.setups = []
        # All that new_driver() ever made.
        self.drivers = []
        # For test_zz_secrets: what tests saw of secrets, and what drivers wrote.
        self.secrets, self.logs = {}, {}

    def remember(self, name, secret):
        """Something that nobody may write down; a few bytes could be anything's."""
        if len(secret) >= 16:
            self.secrets[f"{name}, {len(self.secrets)}"] = secret

    def keep_logs(self, driver):
        for path in driver.folder.glob("*.log"):
            self.logs[str(path)] = path.read_bytes()

    def new_driver(self):
        """A controller and a node as their ServiceAccounts, not started."""
        number = next(NUMBERS)
        driver = Driver(self.binary, self.ceph, self.folder / f"d{number}",
                        runtime=f"/run/rbdcrypt-{os.getpid()}-{number}")
        # The file goes first where there is one; here the ConfigMap counts.
        driver.kms_config.unlink()
        self.drivers.append(driver)
        for process in (driver.controller, driver.node):
            self.give_identity(process)
        return driver

    def give_identity(self, process):
        """The process is its ServiceAccount from its next start on; the path of the token."""
        account = ACCOUNTS[process.role]
        token = write_private(process.folder / f"{account}.token",
                              self.kube.token(DRIVER_NAMESPACE, account))
        config = self.kube.kubeconfig(process.folder / f"{account}.kubeconfig", DRIVER_NAMESPACE,
                                      token)
        process.env = {"KUBERNETES_CONFIG_PATH": str(config), "POD_NAMESPACE": DRIVER_NAMESPACE}
        return token
