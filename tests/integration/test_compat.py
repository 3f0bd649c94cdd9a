# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Volumes that ceph-csi made, served by us; and ours, held against what ceph-csi makes."""
import base64
import hashlib
import json
import lzma
import pathlib
import re
import subprocess

import pytest
import rbd

import keys
from harness.driver import RpcError

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors" / "ceph-csi"
MIB = 1 << 20
PASSPHRASES = {"v-default": "test passphrase",
               "v-metadata": "a passphrase for the metadata provider"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Recording:
    """One of the recorded states, with what of it belongs to a volume."""

    def __init__(self, file):
        self.data = json.loads((VECTORS / file).read_text())

    def volume(self, driver, name):
        """A Volume of the harness that stands for the recorded one."""
        created = self.data["create"][name]["volume"]
        kms_id = created["volumeContext"]["encryptionKMSID"]
        volume = driver.volume(name, kms_id=kms_id, size=int(created["capacityBytes"]),
                               secrets={**driver.ceph.secrets,
                                        "encryptionPassphrase": PASSPHRASES[name]})
        return volume.take(self.data["create"][name])

    def load(self, pool, volume, content=None):
        """Puts journal, metadata and image of one volume into the pool."""
        recorded = self.data["images"][volume.image]
        rbd.RBD().create(pool.io, volume.image, recorded["size"], old_format=False,
                         features=recorded["features"])
        if content:
            with pool.image(volume.image) as image:
                for offset in range(0, len(content), 4 * MIB):
                    piece = content[offset:offset + 4 * MIB]
                    if piece.count(0) != len(piece):
                        image.write(piece, offset)
        for key, value in recorded["metadata"].items():
            pool.set_metadata(volume.image, key, value)
        journal = f"csi.volume.{volume.uuid}"
        pool.set_omap(journal, self.data["omap"][journal])
        directory = self.data["omap"]["csi.volumes.default"]
        pool.set_omap("csi.volumes.default", {f"csi.volume.{volume.name}":
                                              directory[f"csi.volume.{volume.name}"]})


def expect_image_meta(recording, volume):
    written = (volume.staging / "image-meta.json").read_text()
    assert written == recording.data["imageMeta"][volume.name]


def test_written_volume_of_ceph_csi(driver, pool):
    recording = Recording("written.json")
    v = recording.volume(driver, "v-metadata")
    assert pool.cluster.pool_lookup(pool.name) == 1, "its volume ID names pool 1"
    recording.load(pool, v, lzma.decompress((VECTORS / "images/v-metadata.img.xz").read_bytes()))

    v.stage().publish()
    expect_image_meta(recording, v)
    assert (v.target / "hello").read_text().strip() == "written through metadata"
    digest = hashlib.sha256((v.target / "random").read_bytes()).hexdigest()
    assert digest == recording.data["randomSha256"]["v-metadata"]
    (v.target / "ours").write_text("beside theirs")

    v.expand(128 * MIB)
    v.unpublish().unstage()
    with pool.image(v.image, read_only=True) as image:
        assert image.size() == 128 * MIB
    v.capability["accessMode"]["mode"] = "MULTI_NODE_READER_ONLY"  # no growth: it may be refused
    v.stage()
    assert (v.staging / v.id / "ours").read_text() == "beside theirs"
    v.unstage().delete()
    assert pool.traces(v.uuid) == []
    assert driver.orphans() == []


@pytest.mark.parametrize("name", ["v-default", "v-metadata"])
def test_prepared_volume_of_ceph_csi_is_formatted_at_stage(driver, pool, name):
    recording = Recording("prepared.json")
    v = recording.volume(driver, name)
    recording.load(pool, v)
    assert pool.read(v.image, 0, 16 * MIB) == bytes(16 * MIB)

    v.stage().publish()
    expect_image_meta(recording, v)
    assert pool.metadata(v.image)["rbd.csi.ceph.com/encrypted"] == "encrypted"
    assert pool.read(v.image, 0, 6) == b"LUKS\xba\xbe"
    (v.target / "hello").write_text("formatted by us")
    v.unpublish().unstage()
    expect_opens(v, pool, keys.dek_of(v))
    v.stage()
    assert (v.staging / v.id / "hello").read_text() == "formatted by us"
    v.unstage().delete()
    assert pool.traces(v.uuid) == []


def test_create_of_a_prepared_name_gives_the_same_volume(driver, pool):
    """The sidecar may repeat at our controller what it began at ceph-csi's."""
    recording = Recording("prepared.json")
    v = recording.volume(driver, "v-metadata")
    v.parameters["csi.storage.k8s.io/pvc/namespace"] = "tenant-a"
    recording.load(pool, v)
    answer = driver.controller.call_until_done("CreateVolume", v.create_request())
    assert answer["volume"]["volumeId"] == v.id
    expect_opens(v, pool, keys.dek_of(v))
    v.delete()
    assert pool.traces(v.uuid) == []


def expect_opens(volume, pool, dek):
    """Two other implementations of LUKS2 open the header: cryptsetup's and librbd's."""
    header = volume.driver.folder / f"{volume.name}.header"
    header.write_bytes(pool.read(volume.image, 0, 16 * MIB))
    dump = subprocess.run(["cryptsetup", "luksDump", header], capture_output=True, text=True,
                          check=True).stdout
    assert re.search(r"cipher: aes-xts-plain64", dump) and "Version:       \t2" in dump, dump
    subprocess.run(["cryptsetup", "open", "--test-passphrase", "--key-file", "-", header],
                   input=dek, check=True, capture_output=True)
    header.unlink()
    with pool.image(volume.image) as image:
        raw = image.size()
        image.encryption_load(rbd.RBD_ENCRYPTION_FORMAT_LUKS2, dek.decode())
        assert image.size() == raw - 16 * MIB
    with pool.image(volume.image) as image:
        with pytest.raises(rbd.Error):
            image.encryption_load(rbd.RBD_ENCRYPTION_FORMAT_LUKS2, dek.decode()[:-1] + "?")


# ---- ours against theirs ------------------------------------------------------------------------

def shape(value):
    """What is left of a value when what differs from volume to volume is taken out."""
    value = UUID.sub("<uuid>", value)
    try:
        fields = json.loads(value)
    except ValueError:
        return re.sub(r"^[0-9a-f]{10,16}$", "<image id>", value)
    if not isinstance(fields, dict):
        return re.sub(r"^\d+$", "<image id>", value)
    compact = json.dumps(fields, separators=(",", ":"))
    assert compact == value, "another JSON text than ceph-csi's compact one"
    return {name: len(base64.b64decode(text, validate=True)) for name, text in fields.items()}


def shapes(values, names):
    """Shapes by key, request names replaced."""
    def neutral(text):
        for name in names:
            text = text.replace(name, "<name>")
        return text
    return {neutral(key): shape(neutral(value)) for key, value in values.items()}


@pytest.mark.parametrize("name", ["v-default", "v-metadata"])
def test_our_journal_and_metadata_are_shaped_like_theirs(make_driver, release_binary, pool,
                                                        new_name, name):
    recording = Recording("prepared.json")
    theirs = recording.data
    driver = make_driver(release_binary)
    driver.controller.flags += ["--setmetadata", "--clustername", "k8s-1"]
    driver.start()
    mine = new_name()
    v = driver.volume(mine, kms_id=theirs["create"][name]["volume"]["volumeContext"]
                      ["encryptionKMSID"], size=64 * MIB, secrets=driver.volume_secrets,
                      parameters={"imageFeatures": "layering",
                                  "csi.storage.k8s.io/pvc/namespace": "tenant-a",
                                  "csi.storage.k8s.io/pv/name": mine,
                                  "csi.storage.k8s.io/pvc/name": mine})
    v.create()
    their_id = theirs["create"][name]["volume"]["volumeId"]
    their_uuid = their_id[-36:]
    assert shape(v.id) == shape(their_id)
    assert shapes(v.context, [mine]) == shapes(theirs["create"][name]["volume"]["volumeContext"],
                                               [name])
    assert shapes(pool.omap(f"csi.volume.{v.uuid}"), [mine]) == \
        shapes(theirs["omap"][f"csi.volume.{their_uuid}"], [name])
    assert pool.omap("csi.volumes.default")[f"csi.volume.{mine}"] == v.uuid

    recorded = theirs["images"][f"csi-vol-{their_uuid}"]
    with pool.image(v.image, read_only=True) as image:
        assert image.size() == recorded["size"] and image.features() == recorded["features"]
    metadata = pool.metadata(v.image)
    # Ours is formatted by now; and what is ours alone is under our own prefix.
    assert metadata.pop("rbd.csi.ceph.com/encrypted") == "encrypted"
    ours = {k for k in metadata if k.startswith("rbdcrypt/")}
    assert ours == {"rbdcrypt/header-uuid"}
    expected = dict(recorded["metadata"])
    del expected["rbd.csi.ceph.com/encrypted"]
    assert shapes({k: m for k, m in metadata.items() if k not in ours}, [mine]) == \
        shapes(expected, [name])
    expect_opens(v, pool, keys.dek_of(v))

    v.stage()
    written = (v.staging / "image-meta.json").read_text()
    assert UUID.sub("<uuid>", written) == UUID.sub("<uuid>", theirs["imageMeta"][name])
    v.unstage().delete()
    assert pool.traces(v.uuid) == []


def test_lock_of_ceph_csi_keeps_us_out(driver, volume, pool):
    """Safety G1: its rotation holds object, lock name and cookie that we take, too."""
    v = volume(size=64 * MIB).create()
    lock = (v.id, f"{v.id}-mutexlock", f"{v.id}-enc-key-rotate")
    pool.io.lock_exclusive(*lock, "Key rotation mutex lock for " + v.id, 180)
    with pytest.raises(RpcError) as caught:
        driver.controller.call("DeleteVolume", v.delete_request())
    assert caught.value.code == "ABORTED" and v.id in caught.value.message
    pool.io.unlock(*lock)
    v.delete()
    assert pool.traces(v.uuid) == []
