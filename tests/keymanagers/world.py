# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What examples/kms/ becomes on a real Vault and a real Kubernetes API, and drivers that live there.

Everything is set up from the files of the examples: only their placeholders are replaced, and what a
case varies (KV version, namespace in Vault, spelling) is changed in what was read from them.
"""
import dataclasses
import json
import secrets

from harness.vault import HttpError
from harness.world import NUMBERS, Entry, KubernetesWorld, example_entry, replaced

TENANT_PROVIDERS = ("vaulttokens", "vaulttenantsa")

# ceph-csi-compat 6.4: the spelling of Rook, which "vault" and "metadata" do not have.
ROOK_NAMES = {"vaultAddress": "VAULT_ADDR", "vaultBackend": "VAULT_BACKEND",
              "vaultBackendPath": "VAULT_BACKEND_PATH", "vaultNamespace": "VAULT_NAMESPACE",
              "vaultCAFromSecret": "VAULT_CACERT", "encryptionKMSType": "KMS_PROVIDER"}


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


class Setup(Entry):
    """One entry in the configuration, one tenant, and what stands behind them in Vault."""

    def __init__(self, world, case, tenant, kms_id, options):
        super().__init__(world, case.provider, tenant, kms_id, options)
        self.case = case
        self.vault = world.vault.inside(case.namespace)
        # Mount, policy and login role in Vault, by their names.
        self.mount = "" if case.provider == "metadata" else tenant
        self.policy = self.role = f"rbdcrypt-{tenant}"
        self.passphrase = secrets.token_urlsafe(24)
        world.remember(f"passphrase of {tenant}", self.passphrase)

    @property
    def words(self):
        return {"https://vault.example:8200": self.options.get("vaultAddress", ""),
                "tenant-a": self.tenant, "REPLACE-BY-VAULT-CA-PEM": self.world.vault.ca_pem,
                "REPLACE-BY-PASSPHRASE": self.passphrase}

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
        self.apply_to_the_drivers_namespace()
        self.write_entry()
        if self.example("tenant.yaml").exists():
            words = {}
            if self.case.provider == "vaulttokens":
                words["REPLACE-BY-VAULT-TOKEN"] = self.new_token()
            self.world.kube.apply(self.manifests("tenant.yaml", **words))
        if self.case.provider == "vault":
            self.volume_secrets[self.options["vaultCAFromSecret"]] = self.world.vault.ca_pem

    def spelled(self, options):
        return in_rook_spelling(options) if self.case.rook else options

    # ---- volumes ----
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


class World(KubernetesWorld):
    """The servers of a run."""

    def __init__(self, ceph, kube, vault, folder, binary):
        super().__init__(ceph, kube, folder, binary)
        self.vault = vault

    def with_vault(self, vault):
        """The same world with another Vault."""
        other = World(self.ceph, self.kube, vault, self.folder, self.binary)
        other.setups, other.drivers = self.setups, self.drivers
        other.secrets, other.logs = self.secrets, self.logs
        return other

    def set_up(self, case, tenant=None, beside=None):
        """Applies a set of the examples for a tenant of its own. `beside` is a Setup whose entry it
        shares: another tenant of one key manager."""
        number = next(NUMBERS)
        tenant = tenant or f"tenant-{number}"
        address = ",".join(self.vault.addresses)
        if beside is not None:
            kms_id, options = beside.kms_id, beside.options
        else:
            kms_id, options = example_entry(case.provider, {"https://vault.example:8200": address})
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

    def give_identity(self, process):
        token = super().give_identity(process)
        process.flags += ["--vault-token-file", str(token)]
        return token
