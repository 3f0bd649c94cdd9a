# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What ceph-csi left behind (tests/vectors/ceph-csi): put into a pool, and held against what is ours."""
import base64
import json
import lzma
import pathlib
import re
import subprocess
import zlib

import pytest
import rbd

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors"
MIB = 1 << 20
PIECE = 4 * MIB
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# An image has it while it has snapshots or clones, which are not loaded.
FEATURE_OPERATIONS = 1 << 8


class Recording:
    """A recorded state. Of several files the later ones tell what had changed by then."""

    def __init__(self, *files):
        self.states = [json.loads((VECTORS / "ceph-csi" / file).read_text()) for file in files]
        self.data = {}
        for state in self.states:
            for section, values in state.items():
                self.data.setdefault(section, {}).update(values)

    def volume(self, driver, name, secrets):
        """A Volume of the harness that stands for the recorded one."""
        created = self.data["create"][name]["volume"]
        volume = driver.volume(name, kms_id=created["volumeContext"]["encryptionKMSID"],
                               size=int(created["capacityBytes"]), secrets=secrets)
        return volume.take(self.data["create"][name])

    def load(self, pool, volume, content=b""):
        """Puts journal, metadata and image of one volume into the pool; without content, as much of
        the image as was recorded: its header."""
        assert pool.cluster.pool_lookup(pool.name) == 1, "its volume ID names pool 1"
        recorded = self.data["images"][volume.image]
        rbd.RBD().create(pool.io, volume.image, recorded["size"], old_format=False,
                         features=recorded["features"] & ~FEATURE_OPERATIONS)
        if not content and "header" in recorded:
            content = zlib.decompress((VECTORS / recorded["header"]).read_bytes())
        write_used(pool, volume.image, content)
        for key, value in recorded["metadata"].items():
            pool.set_metadata(volume.image, key, value)
        journal = f"csi.volume.{volume.uuid}"
        # A rotation leaves its lock's object, which is named as the volume.
        for name in {journal, volume.id} & set(self.data["omap"]):
            pool.set_omap(name, self.data["omap"][name])
        directory = self.data["omap"]["csi.volumes.default"]
        pool.set_omap("csi.volumes.default", {f"csi.volume.{volume.name}":
                                              directory[f"csi.volume.{volume.name}"]})

    def written_image(self, name):
        """The whole image of a volume of written.json."""
        return lzma.decompress((VECTORS / "ceph-csi" / "images" / f"{name}.img.xz").read_bytes())

    def vault_answers(self, volume):
        """(path, Vault's answers in order of time) of a volume's DEK; None where there was none."""
        found = [(path, answer) for state in self.states
                 for path, answer in state.get("vault", {}).items() if path.endswith(volume.id)]
        if not found:
            return None
        answers = [answer for _, answer in found]
        return found[0][0], [answer for i, answer in enumerate(answers)
                             if i == 0 or answer != answers[i - 1]]


def write_used(pool, image, content):
    with pool.image(image) as opened:
        for offset in range(0, len(content), PIECE):
            piece = content[offset:offset + PIECE]
            if piece.count(0) != len(piece):
                opened.write(piece, offset)


def expect_image_meta(recording, volume):
    written = (volume.staging / "image-meta.json").read_text()
    assert written == recording.data["imageMeta"][volume.name]


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


def expect_shaped_like_theirs(recording, name, volume, pool):
    """ID, context, journal, image and metadata of a volume that we created, against those of the
    recorded one of that name."""
    theirs, mine = recording.data, volume.name
    created = theirs["create"][name]["volume"]
    their_uuid = created["volumeId"][-36:]
    assert shape(volume.id) == shape(created["volumeId"])
    assert shapes(volume.context, [mine]) == shapes(created["volumeContext"], [name])
    assert shapes(pool.omap(f"csi.volume.{volume.uuid}"), [mine]) == \
        shapes(theirs["omap"][f"csi.volume.{their_uuid}"], [name])
    assert pool.omap("csi.volumes.default")[f"csi.volume.{mine}"] == volume.uuid

    recorded = theirs["images"][f"csi-vol-{their_uuid}"]
    with pool.image(volume.image, read_only=True) as image:
        assert image.size() == recorded["size"] and image.features() == recorded["features"]
    metadata = pool.metadata(volume.image)
    # Ours is formatted by now; and what is ours alone is under our own prefix.
    assert metadata.pop("rbd.csi.ceph.com/encrypted") == "encrypted"
    ours = {k for k in metadata if k.startswith("rbdcrypt/")}
    assert ours == {"rbdcrypt/header-uuid", "rbdcrypt/dek-made-at"}
    expected = dict(recorded["metadata"])
    del expected["rbd.csi.ceph.com/encrypted"]
    assert shapes({k: m for k, m in metadata.items() if k not in ours}, [mine]) == \
        shapes(expected, [name])


def expect_image_meta_like_theirs(recording, name, volume):
    written = (volume.staging / "image-meta.json").read_text()
    assert UUID.sub("<uuid>", written) == UUID.sub("<uuid>", recording.data["imageMeta"][name])


def theirs_again(recording, name, mine):
    """Options of a Volume that asks us for what ceph-csi was asked for."""
    created = recording.data["create"][name]["volume"]
    return {"kms_id": created["volumeContext"]["encryptionKMSID"],
            "size": int(created["capacityBytes"]),
            "parameters": {"imageFeatures": "layering",
                           "csi.storage.k8s.io/pvc/namespace": "tenant-a",
                           "csi.storage.k8s.io/pv/name": mine,
                           "csi.storage.k8s.io/pvc/name": mine}}
