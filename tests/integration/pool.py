# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The pool as its administrator sees it, by librados and librbd of Python: what is in it, byte for
byte, and how to damage it."""
import contextlib

import rados
import rbd

SEARCH_BYTES = 4 << 20


class Pool:
    """One pool; every call opens and closes what it needs, so nothing watches an image between."""

    def __init__(self, ceph, name=None):
        self.name = name or ceph.env["RBDCRYPT_POOL"]
        self.cluster = rados.Rados(conffile=ceph.env["CEPH_CONF"], rados_id="admin")
        self.cluster.connect()
        self.io = self.cluster.open_ioctx(self.name)

    def close(self):
        self.io.close()
        self.cluster.shutdown()

    @contextlib.contextmanager
    def image(self, name, read_only=False):
        with rbd.Image(self.io, name, read_only=read_only) as image:
            yield image

    # What is there.
    def images(self):
        return rbd.RBD().list(self.io)

    def trash(self):
        return [entry["name"] for entry in self.trash_entries()]

    def trash_entries(self):
        return list(rbd.RBD().trash_list(self.io))

    def objects(self):
        """Names of all objects that are no image's."""
        return sorted(o.key for o in self.io.list_objects() if not o.key.startswith("rbd_"))

    def omap(self, name):
        """Keys and values of one object, or None where it is not there."""
        with rados.ReadOpCtx() as operation:
            values, _ = self.io.get_omap_vals(operation, "", "", 1000)
            try:
                self.io.operate_read_op(operation, name)
                return {key: value.decode() for key, value in values}
            except rados.ObjectNotFound:
                return None

    def metadata(self, image):
        with self.image(image, read_only=True) as opened:
            return dict(opened.metadata_list())

    def traces(self, uuid):
        """Everything in the pool that names a volume's UUID."""
        found = [f"image {i}" for i in self.images() if uuid in i]
        found += [f"trash {i}" for i in self.trash() if uuid in i]
        found += [f"object {o}" for o in self.objects() if uuid in o]
        directory = self.omap("csi.volumes.default") or {}
        return found + [f"key {k}" for k, v in directory.items() if uuid in v]

    def read(self, image, offset, length):
        with self.image(image, read_only=True) as opened:
            return opened.read(offset, length)

    def contains(self, image, marker):
        """Whether the raw image, as `rbd export` shows it, has these bytes anywhere."""
        extents = []
        with self.image(image, read_only=True) as opened:
            opened.diff_iterate(0, opened.size(), None,
                                lambda offset, length, exists: extents.append((offset, length)))
            before = b""
            for offset, length in sorted(extents):
                for start in range(offset, offset + length, SEARCH_BYTES):
                    data = opened.read(start, min(SEARCH_BYTES, offset + length - start))
                    if marker in before + data:
                        return True
                    before = data[-len(marker):]
        return False

    # How to change it.
    def write(self, image, offset, data):
        with self.image(image) as opened:
            opened.write(data, offset)
            opened.flush()

    def set_metadata(self, image, key, value):
        with self.image(image) as opened:
            opened.metadata_set(key, value)

    def set_omap(self, name, values):
        with rados.WriteOpCtx() as operation:
            operation.new(rados.LIBRADOS_CREATE_IDEMPOTENT)
            self.io.set_omap(operation, tuple(values), tuple(v.encode() for v in values.values()))
            self.io.operate_write_op(operation, name)

    def remove_metadata(self, image, key):
        with self.image(image) as opened:
            opened.metadata_remove(key)
