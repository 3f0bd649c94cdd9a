# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Volumes that ceph-csi made with its key managers, served by us with ceph-csi's own configuration;
and ours, held against what ceph-csi makes. Those of `default`: tests/integration/test_compat.py."""
import base64
import concurrent.futures
import hashlib
import json
import os
import secrets
import subprocess

import pytest

import keys
from harness.calls import MIB, read_marker, wait_until, write_marker
from harness.vault import HttpError
from harness.world import CONFIG_MAP, DRIVER_NAMESPACE, EXAMPLES, read_manifests
from recording import (VECTORS, Recording, expect_image_meta, expect_image_meta_like_theirs,
                       expect_opens, expect_shaped_like_theirs, theirs_again)

TENANT = "tenant-a"
PASSPHRASE = "a passphrase for the metadata provider"
NAMES = ["v-vault-kv2", "v-vaulttokens-kv1", "v-tenantsa", "v-metadata"]
ROTATED = ["v-vault-kv2", "v-tenantsa", "v-metadata"]
STATES = ([("prepared", name) for name in NAMES] + [("staged", name) for name in NAMES] +
          [("rotated", name) for name in ROTATED] + [("rotation-killed", "v-vaulttokens-kv1")])
# Above this the memory gate takes a key derivation for an expensive one (rbd/luks/memory_gate.h).
CHEAP_KDF_KIB = 64 * 1024


class BesideCephCsi:
    """Vault and Kubernetes as ceph-csi had them: the same mounts, role, entries and tenant, with no
    right but those of the examples."""

    def __init__(self, world):
        self.world, self.vault, self.kube = world, world.vault, world.kube
        # As they were, but for where Vault is and how one knows it. That of vault-kv2 says in words
        # that it does not.
        self.entries = json.loads((VECTORS / "ceph-csi" / "kms-config.json").read_text())
        del self.entries["kmip"]  # tests/kmip_server/test_recorded.py
        for kms_id, entry in self.entries.items():
            if "vaultAddress" in entry:
                entry["vaultAddress"] = self.vault.address
                if entry.get("vaultCAVerify") != "false":
                    entry["vaultCAFromSecret"] = "vault-ca"

    def set_up(self):
        self.vault.mount_kv("secret", 2)
        self.vault.mount_kv("kv1", 1)
        self.write_policies()
        self.vault.kubernetes_auth(self.kube)
        self.vault.role("csi-kubernetes", {
            "bound_service_account_names": ["rbdcrypt-controller", "rbdcrypt-node",
                                            "ceph-csi-vault-sa"],
            "bound_service_account_namespaces": [DRIVER_NAMESPACE, TENANT],
            "token_policies": ["recorded-vault", "recorded-vaulttenantsa"],
            "token_no_default_policy": True, "token_ttl": "1h"})
        self.grant()
        self.write_entries(self.entries)

    def write_policies(self):
        for provider, file, mount in (("vault", "vault-policy.hcl", "secret"),
                                      ("vaulttenantsa", "vault-policy.hcl", "secret"),
                                      ("vaulttokens", "vault-policy-kv1.hcl", "kv1")):
            text = (EXAMPLES / provider / file).read_text()
            self.vault.policy(f"recorded-{provider}", text.replace('"tenant-a/', f'"{mount}/'))

    def grant(self):
        """What the examples say of the driver's namespace, the tenant's and the passphrase's."""
        words = {"REPLACE-BY-VAULT-CA-PEM": self.vault.ca_pem,
                 "REPLACE-BY-PASSPHRASE": PASSPHRASE,
                 "REPLACE-BY-VAULT-TOKEN": self.vault.token(
                     policies=["recorded-vaulttokens"], display_name=TENANT,
                     no_default_policy=True)}
        for provider in ("vault", "vaulttokens", "vaulttenantsa", "metadata"):
            self.apply(provider, "rbac.yaml", words)
            self.apply(provider, "kms-config.yaml", words)
        for provider in ("vaulttokens", "vaulttenantsa"):
            # A tenant of two key managers has two grants.
            self.apply(provider, "tenant.yaml", {**words, "rbdcrypt-kms": f"rbdcrypt-{provider}"})
        namespace = self.entries["metadata"]["secretNamespace"]
        self.apply("metadata", "tenant.yaml", {**words, TENANT: namespace})

    def apply(self, provider, file, words):
        """The example without its ConfigMaps: the entries are the recorded ones, and the tenant had
        no options of its own."""
        self.kube.apply(manifest for manifest in read_manifests(EXAMPLES / provider / file, words)
                        if manifest["kind"] != "ConfigMap")

    def write_entries(self, entries):
        data = {kms_id: json.dumps(entry) for kms_id, entry in entries.items()}
        self.kube.apply([{"apiVersion": "v1", "kind": "ConfigMap",
                          "metadata": {"name": CONFIG_MAP, "namespace": DRIVER_NAMESPACE},
                          "data": data}], manager="entries-recorded")

    # ---- keys ----
    def load_keys(self, recording, volume):
        """Puts each version that was recorded back under its path."""
        path, answers = recording.vault_answers(volume) or ("", [])
        for answer in answers:
            is_v2 = path.startswith("secret/")
            self.vault.call("PUT", path, {"data": answer["data"]} if is_v2 else answer)
        return path

    def answer(self, path):
        """What Vault answers to root; None where nothing is."""
        try:
            return self.vault.call("GET", path)["data"]
        except HttpError as error:
            assert error.status == 404, error
            return None

    def dek_of(self, volume, path):
        """The LUKS passphrase, read without a line of the driver's."""
        if not path:
            wrapped = self.world.ceph.run("rbd", "image-meta", "get", keys.image_spec(volume),
                                          keys.DEK_KEY)
            return keys.metadata_dek(wrapped, PASSPHRASE, volume.id)
        data = self.answer(path)
        return (data["data"] if "metadata" in data else data)["data"]["passphrase"].encode()

    def expect_no_keys(self):
        """That every test took its keys away, older versions included."""
        assert self.stored_ids() == []

    def stored_ids(self):
        places = (("secret", 2, ""), ("secret", 2, "ceph-csi/"), ("kv1", 1, ""))
        return [f"{mount}/{prefix}{key}" for mount, version, prefix in places
                for key in self.vault.keys(mount, version, prefix) if key.startswith("0001-")]


@pytest.fixture(scope="module")
def beside(world):
    made = BesideCephCsi(world)
    made.set_up()
    yield made
    made.write_entries({})


def load(recording, beside, driver, pool, name, content=b""):
    """(Volume, path of its key in Vault or "")."""
    v = recording.volume(driver, name, dict(driver.ceph.secrets))
    recording.load(pool, v, content)
    return v, beside.load_keys(recording, v)


def expand_and_delete(volume, pool, beside, marker):
    """The end of a life: what is in the file system stays readable in a larger image."""
    volume.expand(128 * MIB)
    with pool.image(volume.image, read_only=True) as image:
        assert image.size() == 128 * MIB
    # So ext4 is not grown while it is mounted: not every machine lets us (CAP_SYS_RESOURCE).
    volume.capability["accessMode"]["mode"] = "MULTI_NODE_READER_ONLY"
    volume.stage()
    assert (volume.staging / volume.id / "file").read_bytes() == marker
    volume.unstage().delete()
    expect_gone(volume, pool, beside)


def expect_gone(volume, pool, beside):
    assert pool.traces(volume.uuid) == []
    assert [line for line in volume.driver.orphans() if volume.uuid in line] == []
    beside.expect_no_keys()


@pytest.mark.parametrize("name", ["v-vault-kv2", "v-metadata"])
def test_a_written_volume_goes_on_living(beside, start_driver, pool, name):
    recording = Recording("written.json")
    driver = start_driver()
    v, path = load(recording, beside, driver, pool, name, recording.written_image(name))
    dek = beside.dek_of(v, path)

    v.stage().publish()
    expect_image_meta(recording, v)
    kms_id = v.context["encryptionKMSID"]
    assert (v.target / "hello").read_text().strip() == f"written through {kms_id}"
    digest = hashlib.sha256((v.target / "random").read_bytes()).hexdigest()
    assert digest == recording.data["randomSha256"][name]
    write_marker(v, b"beside theirs")
    v.unpublish().unstage()

    expect_opens(v, pool, dek)
    v.stage().publish()
    assert read_marker(v) == b"beside theirs"
    assert hashlib.sha256((v.target / "random").read_bytes()).hexdigest() == digest
    v.unpublish().unstage()
    expand_and_delete(v, pool, beside, b"beside theirs")


def test_an_entry_that_verifies_nothing_is_told_of(beside, start_driver, pool):
    """Safety E3: as recorded, vault-kv2 has vaultCAVerify "false"."""
    recording = Recording("prepared.json")
    v, _ = load(recording, beside, start_driver(), pool, "v-vault-kv2")
    v.stage()

    def warnings():
        return [event["message"] for event in beside.kube.get("Event", DRIVER_NAMESPACE)["items"]
                if event["reason"] == "KeyManagerNotVerified" and '"vault-kv2"' in event["message"]]

    wait_until(warnings)
    assert all("vaultCAVerify" in text for text in warnings())
    v.unstage().delete()
    expect_gone(v, pool, beside)


def kdf_memory_kib(pool, volume):
    """Of each keyslot, as cryptsetup reads them."""
    header = volume.driver.folder / f"{volume.name}.dump"
    header.write_bytes(pool.read(volume.image, 0, 16 * MIB))
    text = subprocess.run(["cryptsetup", "luksDump", "--dump-json-metadata", header], check=True,
                          capture_output=True, text=True).stdout
    header.unlink()
    return {int(number): slot["kdf"].get("memory", 0)
            for number, slot in json.loads(text)["keyslots"].items()}


@pytest.mark.parametrize("state, name", STATES)
def test_each_state_of_a_volume_opens(beside, start_driver, pool, state, name):
    recording = Recording(*dict.fromkeys(["prepared.json", f"{state}.json"]))
    driver = start_driver()
    v, path = load(recording, beside, driver, pool, name)
    loaded = path and beside.answer(path)
    dek = beside.dek_of(v, path)
    if state.startswith("rot"):
        slots = kdf_memory_kib(pool, v)
        assert max(slots.values()) > CHEAP_KDF_KIB, "nothing for the memory gate to look at"
        assert sorted(slots) == ([0, 1] if state == "rotation-killed" else [0])

    v.stage().publish()
    expect_image_meta(recording, v)
    marker = secrets.token_bytes(MIB)
    write_marker(v, marker)
    v.unpublish().unstage()
    assert not pool.contains(v.image, marker[:64])
    expect_opens(v, pool, dek)
    assert (path and beside.answer(path)) == loaded, "opening wrote to Vault"

    v.stage().publish()
    assert read_marker(v) == marker
    v.unpublish().unstage()
    expand_and_delete(v, pool, beside, marker)


def test_rotated_volumes_open_at_the_same_time(beside, start_driver, pool):
    """Each slot wants so much memory that the gate lets one be tried at a time."""
    recording = Recording("prepared.json", "rotated.json")
    driver = start_driver()
    volumes = [load(recording, beside, driver, pool, name)[0] for name in ROTATED]
    with concurrent.futures.ThreadPoolExecutor(len(volumes)) as threads:
        list(threads.map(lambda v: v.stage(), volumes))
    for v in volumes:
        v.unstage().delete()
    for v in volumes:
        expect_gone(v, pool, beside)


def shape_of_answer(value):
    """What Vault answers about a key, without what differs from key to key."""
    shaped = json.loads(json.dumps(value))
    if "metadata" in shaped:
        shaped["metadata"]["created_time"] = "<time>"
    secret = (shaped["data"] if "metadata" in shaped else shaped)["data"]
    text = secret["passphrase"]
    secret["passphrase"] = len(text), len(base64.b64decode(text, altchars=b"-_", validate=True))
    return shaped


@pytest.mark.parametrize("name", NAMES)
def test_ours_is_shaped_like_theirs(beside, start_driver, pool, name):
    recording = Recording("prepared.json")
    driver = start_driver()
    driver.controller.stop()
    driver.controller.flags += ["--setmetadata", "--clustername", "k8s-1"]
    driver.controller.start()
    mine = f"pvc-{os.getpid()}-{secrets.token_hex(4)}"
    v = driver.volume(mine, secrets=dict(driver.ceph.secrets),
                      **theirs_again(recording, name, mine)).create()
    expect_shaped_like_theirs(recording, name, v, pool)

    theirs = recording.volume(driver, name, {})
    path, answers = recording.vault_answers(theirs) or ("", [])
    path = path.replace(theirs.id, v.id)
    assert beside.stored_ids() == ([path.replace("secret/data/", "secret/")] if path else [])
    if path:
        assert shape_of_answer(beside.answer(path)) == shape_of_answer(answers[0])
    expect_opens(v, pool, beside.dek_of(v, path))

    v.stage()
    expect_image_meta_like_theirs(recording, name, v)
    v.unstage().delete()
    expect_gone(v, pool, beside)
