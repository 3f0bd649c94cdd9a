# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What examples/kms/kmip becomes on real KMIP servers and a real Kubernetes API."""
import base64
import dataclasses
import json
import os

import keys
import texts
from harness.world import DRIVER_NAMESPACE, NUMBERS, Entry, KubernetesWorld, example_entry

# The servers of a run: each kind of certificate with each TLS, all on one database.
KINDS = ("ec-1.2", "rsa-1.2", "ec-1.3", "rsa-1.3")
SERVER_NAME = "kmip.test"
# How a DEK is wrapped: the format of its text, and who has the key to do it.
WRAPS = {
    "cbc": {"USE_CRYPTO_RPC": "true"},
    "local": {"USE_CRYPTO_RPC": "false"},
    "aead": {"WRAP_FORMAT": "aead", "USE_CRYPTO_RPC": "true"},
    "aead-local": {"WRAP_FORMAT": "aead", "USE_CRYPTO_RPC": "false"},
}


@dataclasses.dataclass
class Case:
    """How the example is varied."""
    wrap: str = "cbc"
    # Of the servers in KMIP_ENDPOINT, in order.
    kinds: tuple = ("ec-1.3",)
    # Options that are changed in the entry; None removes one.
    options: dict = dataclasses.field(default_factory=dict)
    # "KMS_PROVIDER": the other name of the option that chooses the provider.
    spelling: str = "encryptionKMSType"

    def __str__(self):
        return "-".join([self.wrap, *self.kinds,
                         *([] if self.spelling == "encryptionKMSType" else ["kms-provider"])])


class KmipEntry(Entry):
    """One entry, its Secret, and its key in the servers."""

    def __init__(self, world, case, kms_id, options, secret_name):
        super().__init__(world, "kmip", f"tenant-{next(NUMBERS)}", kms_id, options)
        self.case, self.kmip, self.secret_name = case, world.kmip, secret_name
        # Identifier -> bytes: the first is the entry's own.
        self.keks = {}
        self.key_id = self.new_key()

    def new_key(self, **options):
        """Another key of random bytes in the servers; its identifier."""
        kek = os.urandom(32)
        key_id = self.kmip.register(f"{self.kms_id}-{len(self.keks)}", kek, **options)
        self.keks[key_id] = kek
        self.world.remember(f"KEK {key_id}", kek)
        return key_id

    def credentials(self):
        """What the Secret has."""
        return {"CA_CERT": self.kmip.pem("ca.pem"), "CLIENT_CERT": self.kmip.pem("client.pem"),
                "CLIENT_KEY": self.kmip.pem("client.key"), "UNIQUE_IDENTIFIER": self.key_id}

    @property
    def words(self):
        has = self.credentials()
        return {"REPLACE-BY-KMIP-CA-PEM": has["CA_CERT"],
                "REPLACE-BY-CLIENT-CERTIFICATE-PEM": has["CLIENT_CERT"],
                "REPLACE-BY-CLIENT-KEY-PEM": has["CLIENT_KEY"],
                "REPLACE-BY-KEY-IDENTIFIER": has["UNIQUE_IDENTIFIER"],
                "ceph-csi-kmip-credentials": self.secret_name}

    def spelled(self, options):
        return {self.case.spelling if name == "encryptionKMSType" else name: value
                for name, value in options.items()}

    def prepare(self):
        self.apply_to_the_drivers_namespace()
        self.write_entry()

    def rename(self, kms_id, options):
        """The same key manager under another ID, by other options."""
        super().remove()
        self.kms_id, self.options = kms_id, options
        self.prepare()

    def change_secret(self, **changes):
        """Other values under its keys; None removes a key."""
        data = {key: value if value is None else base64.b64encode(value.encode()).decode()
                for key, value in changes.items()}
        self.world.kube.merge("Secret", DRIVER_NAMESPACE, self.secret_name, {"data": data})

    def remove(self):
        super().remove()
        self.world.kube.delete("Secret", DRIVER_NAMESPACE, self.secret_name)

    # ---- what is stored ----
    def text_of(self, volume):
        """The wrapped DEK as the image has it."""
        return self.world.ceph.run("rbd", "image-meta", "get", keys.image_spec(volume),
                                   keys.DEK_KEY).strip()

    def dek_of(self, volume):
        """The LUKS passphrase, unwrapped without a line of the driver's or of the server's."""
        dek = texts.unwrap(self.case.wrap, self.text_of(volume), self.keks, self.key_id, volume.id)
        self.world.remember(f"DEK of {volume.id}", dek)
        return dek


class KmipWorld(KubernetesWorld):
    """The servers of a run."""

    def __init__(self, ceph, kube, kmip, folder, binary):
        super().__init__(ceph, kube, folder, binary)
        self.kmip = kmip
        self.remember("client key", kmip.pem("client.key"))

    def set_up(self, case=Case(), endpoint=None, secret_name="ceph-csi-kmip-credentials"):
        """Applies the example. `endpoint`: instead of that of the case."""
        endpoint = endpoint or self.kmip.endpoint(*map(self.kmip.node_of, case.kinds))
        kms_id, options = example_entry("kmip", {
            "kmip-1.example:5696,kmip-2.example:5696": endpoint, "kmip.example": SERVER_NAME,
            "ceph-csi-kmip-credentials": secret_name})
        options |= WRAPS[case.wrap] | case.options
        entry = KmipEntry(self, case, f"{kms_id}-{next(NUMBERS)}", options, secret_name)
        self.setups.append(entry)
        entry.prepare()
        if len(self.setups) > 1:
            self.grant_all_secrets()
        return entry

    def grant_all_secrets(self):
        """The example's Role, with the Secret of each entry in it."""
        name = "rbdcrypt-kms-kmip"
        rules = self.kube.get("Role", DRIVER_NAMESPACE, name)["rules"]
        for rule in rules:
            if rule["resources"] == ["secrets"]:
                rule["resourceNames"] = [setup.secret_name for setup in self.setups]
        self.kube.merge("Role", DRIVER_NAMESPACE, name, {"rules": rules})
