# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What examples/kms/ becomes on a real Vault and a real Kubernetes API, and drivers that live there.

Everything is set up from the files of the examples: only their placeholders are replaced, and what a
case varies (KV version, namespace in Vault, spelling) is changed in what was read from them.
"""
import dataclasses
import itertools
import json
import os
import pathlib
import secrets

import yaml

from harness.driver import Driver
from harness.kube import write_private
from harness.vault import HttpError

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "kms"
DRIVER_NAMESPACE = "rbdcrypt"
ACCOUNTS = {"controller": "rbdcrypt-controller", "node": "rbdcrypt-node"}
CONFIG_MAP = "csi-kms-connection-details"
TENANT_PROVIDERS = ("vaulttokens", "vaulttenantsa")

# ceph-csi-compat 6.4: the spelling of Rook, which "vault" and "metadata" do not have.
ROOK_NAMES = {"vaultAddress": "VAULT_ADDR", "vaultBackend": "VAULT_BACKEND",
              "vaultBackendPath": "VAULT_BACKEND_PATH", "vaultNamespace": "VAULT_NAMESPACE",
              "vaultCAFromSecret": "VAULT_CACERT", "encryptionKMSType": "KMS_PROVIDER"}
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


def in_rook_spelling(options):
    """As Rook writes an entry; what it has no name for is dropped, as Rook's form does."""
    return {ROOK_NAMES[name]: value for name, value in options.items() if name in ROOK_NAMES}


@dataclasses.dataclass
class Case:
    """How one set of the examples is varied."""
    provider: str
    kv: int = 2
    namespace: str = ""
    rook: bool = False
    # Whether the driver finds out the KV version by itself.
    probes: bool = False
    # Options that are changed in the entry; None removes one.
    options: dict = dataclasses.field(default_factory=dict)

    def __str__(self):
        parts = [self.provider]
        if self.provider != "metadata":
            parts += [f"kv{self.kv}", self.namespace, "probed" if self.probes else ""]
        return "-".join(filter(None, parts + ["rook" if self.rook else ""]))


class Setup:
    """One entry in the configuration, one tenant, and what stands behind them in Vault."""

    def __init__(self, world, case, tenant, kms_id, options):
        self.world, self.case, self.tenant = world, case, tenant
        self.kms_id, self.options = kms_id, options
        self.vault = world.vault.inside(case.namespace)
        self.volume_secrets = dict(world.ceph.secrets)
        # Mount, policy and login role in Vault, by their names.
        self.mount = "" if case.provider == "metadata" else tenant
        self.policy = self.role = f"rbdcrypt-{tenant}"
        self.passphrase = secrets.token_urlsafe(24)
        world.remember(f"passphrase of {tenant}", self.passphrase)

    @property
    def words(self):
        """What the placeholders of the examples stand for."""
        return {"https://vault.example:8200": self.options.get("vaultAddress", ""),
                "tenant-a": self.tenant, "REPLACE-BY-VAULT-CA-PEM": self.world.vault.ca_pem,
                "REPLACE-BY-PASSPHRASE": self.passphrase}

    def example(self, name):
        return EXAMPLES / self.case.provider / name

    def manifests(self, name, **words):
        return read_manifests(self.example(name), {**self.words, **words})

    # ---- Vault ----
    def policy_text(self):
        name = "vault-policy.hcl" if self.case.kv == 2 else "vault-policy-kv1.hcl"
        place = {"vault": "secret/"}.get(self.case.provider, "tenant-a/")
        return self.example(name).read_text().replace(f'"{place}', f'"{self.mount}/')

    def role_body(self):
        body = replaced(json.loads(self.example("vault-role.json").read_text()), self.words)
        body["token_policies" if "token_policies" in body else "policies"] = [self.policy]
        if self.case.rook:
            body.pop("audience", None)  # the README of vaulttenantsa
        return body

    def new_token(self):
        """What a tenant of vaulttokens puts into its Secret."""
        token = self.vault.token(**self.role_body())
        self.world.remember(f"token of {self.tenant}", token)
        return token

    def put_token(self, token):
        self.world.kube.merge("Secret", self.tenant, "ceph-csi-kms-token",
                              {"stringData": {"token": token}})

    def write_role(self, **changes):
        self.vault.role(self.role, {**self.role_body(), **changes})

    def prepare_vault(self):
        self.vault.mount_kv(self.mount, self.case.kv)
        self.vault.policy(self.policy, self.policy_text())
        if self.case.provider != "vaulttokens":
            self.vault.kubernetes_auth(self.world.kube)
            self.write_role()

    # ---- Kubernetes ----
    def prepare_kubernetes(self):
        kube = self.world.kube
        kube.apply(self.manifests("rbac.yaml"))
        for manifest in self.manifests("kms-config.yaml"):
            # The entry itself, varied, is write_entry()'s.
            if manifest["kind"] != "ConfigMap":
                kube.apply([manifest])
        self.write_entry()
        if self.example("tenant.yaml").exists():
            words = {}
            if self.case.provider == "vaulttokens":
                words["REPLACE-BY-VAULT-TOKEN"] = self.new_token()
            kube.apply(self.manifests("tenant.yaml", **words))
        if self.case.provider == "vault":
            self.volume_secrets[self.options["vaultCAFromSecret"]] = self.world.vault.ca_pem

    def write_entry(self, **changes):
        """The entry in the driver's ConfigMap, with changes; None removes an option."""
        self.options |= changes
        options = {name: value for name, value in self.options.items() if value is not None}
        text = json.dumps(in_rook_spelling(options) if self.case.rook else options)
        self.world.kube.apply([{
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP, "namespace": DRIVER_NAMESPACE},
            "data": {self.kms_id: text}}], manager=f"entry-{self.kms_id}")

    def remove(self):
        """The entry, and what the driver was granted for it in its own namespace."""
        kube = self.world.kube
        kube.merge("ConfigMap", DRIVER_NAMESPACE, CONFIG_MAP, {"data": {self.kms_id: None}})
        binding = f"rbdcrypt-kms-{self.case.provider}"
        if kube.exists("RoleBinding", DRIVER_NAMESPACE, binding):
            kube.delete("RoleBinding", DRIVER_NAMESPACE, binding)

    # ---- volumes ----
    def volume(self, driver, **options):
        """A Volume of this tenant and this key manager, not created yet."""
        parameters = {"csi.storage.k8s.io/pvc/namespace": self.tenant}
        return driver.volume(f"pvc-{os.getpid()}-{next(NUMBERS)}-{secrets.token_hex(3)}",
                             kms_id=self.kms_id, parameters=parameters,
                             secrets=dict(self.volume_secrets), **options)

    def path_of(self, volume, area="data"):
        """Where ceph-csi keeps the DEK, and so do we (ceph-csi-compat 6.7)."""
        prefix = self.options.get("vaultPassphrasePath", "").strip("/")
        parts = (self.mount, area if self.case.kv == 2 else "", prefix, volume.id)
        return "/".join(filter(None, parts))

    def stored_dek(self, volume):
        """The DEK as Vault has it, read by root; None where there is none."""
        try:
            data = self.vault.call("GET", self.path_of(volume))["data"]
        except HttpError as error:
            assert error.status == 404, error
            return None
        dek = (data["data"] if self.case.kv == 2 else data)["data"]["passphrase"]
        self.world.remember(f"DEK of {volume.id}", dek)
        return dek

    def remove_dek(self, volume):
        self.vault.call("DELETE", self.path_of(volume, "metadata"))

    def is_gone(self, volume):
        """Whether nothing of it is left in Vault, no older version either."""
        return self.vault.send("GET", self.path_of(volume, "metadata"))[0] == 404


class World:
    """The servers of a run."""

    def __init__(self, ceph, kube, vault, folder, binary):
        self.ceph, self.kube, self.vault = ceph, kube, vault
        self.folder, self.binary = pathlib.Path(folder), binary
        # What set_up() made since the list was emptied.
        self.setups = []
        # All that new_driver() ever made.
        self.drivers = []
        # For test_zz_secrets: what tests saw of secrets, and what drivers wrote.
        self.secrets, self.logs = {}, {}

    def with_vault(self, vault):
        """The same world with another Vault."""
        other = World(self.ceph, self.kube, vault, self.folder, self.binary)
        other.setups, other.drivers = self.setups, self.drivers
        other.secrets, other.logs = self.secrets, self.logs
        return other

    def remember(self, name, secret):
        """Something that nobody may write down; a few bytes could be anything's."""
        if len(secret) >= 16:
            self.secrets[f"{name}, {len(self.secrets)}"] = secret

    def keep_logs(self, driver):
        for path in driver.folder.glob("*.log"):
            self.logs[str(path)] = path.read_bytes()

    def example_entry(self, case, words):
        """(KMS ID, options) of the example's ConfigMap."""
        for manifest in read_manifests(EXAMPLES / case.provider / "kms-config.yaml", words):
            if manifest["kind"] == "ConfigMap":
                assert manifest["metadata"]["name"] == CONFIG_MAP
                (kms_id, text), = manifest["data"].items()
                return kms_id, json.loads(text)
        raise AssertionError(f"no ConfigMap in the example of {case.provider}")

    def set_up(self, case, tenant=None, beside=None):
        """Applies a set of the examples for a tenant of its own. `beside` is a Setup whose entry it
        shares: another tenant of one key manager."""
        number = next(NUMBERS)
        tenant = tenant or f"tenant-{number}"
        address = ",".join(self.vault.addresses)
        if beside is not None:
            kms_id, options = beside.kms_id, beside.options
        else:
            kms_id, options = self.example_entry(case, {"https://vault.example:8200": address})
            kms_id = f"{kms_id}-{number}"
            options |= self.variation(case, tenant) | case.options
        setup = Setup(self, case, tenant, kms_id, options)
        self.setups.append(setup)
        if case.provider != "metadata":
            setup.prepare_vault()
        setup.prepare_kubernetes()
        return setup

    @staticmethod
    def variation(case, tenant):
        """The options by which a case differs from its example."""
        changes = {}
        if case.provider == "metadata":
            return changes
        if case.kv == 1:
            changes["vaultBackend"] = "kv"
        if case.probes:
            changes["vaultBackend"] = None
        if case.namespace:
            changes["vaultNamespace"] = case.namespace
        if case.provider == "vault":
            # The tests share one Vault: a mount and a role each.
            changes |= {"vaultBackendPath": tenant, "vaultRole": f"rbdcrypt-{tenant}"}
        return changes

    def new_driver(self):
        """A controller and a node as their ServiceAccounts, not started."""
        number = next(NUMBERS)
        driver = Driver(self.binary, self.ceph, self.folder / f"d{number}",
                        runtime=f"/run/rbdcrypt-{os.getpid()}-{number}")
        # The file goes first where there is one; here the ConfigMap counts.
        driver.kms_config.unlink()
        self.drivers.append(driver)
        for process in (driver.controller, driver.node):
            account = ACCOUNTS[process.role]
            token = write_private(driver.folder / f"{account}.token",
                                  self.kube.token(DRIVER_NAMESPACE, account))
            config = self.kube.kubeconfig(driver.folder / f"{account}.kubeconfig",
                                          DRIVER_NAMESPACE, token)
            process.env = {"KUBERNETES_CONFIG_PATH": str(config),
                           "POD_NAMESPACE": DRIVER_NAMESPACE}
            process.flags += ["--vault-token-file", str(token)]
        return driver
