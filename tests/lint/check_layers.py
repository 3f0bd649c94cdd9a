#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Fails where a folder includes a header of a folder it must not see.

The rows are the architecture: folder -> every folder whose headers it may include beside its own.
Generated headers (csi.pb.h, csi.grpc.pb.h) belong to csi/ and cmd/ alone.
"""
import pathlib
import re
import sys

ROWS = {
    "base": set(),
    "net": {"base"},
    "k8s": {"base", "net"},
    "kms": {"base", "net", "k8s"},
    "vault": {"base", "net", "k8s", "kms"},
    "kmip": {"base", "net", "k8s", "kms"},
    "pkcs11": {"base", "net", "k8s", "kms"},
    "rbd/luks": {"base"},
    "rbd/attach": {"base"},
    "rbd": {"base", "kms", "rbd/luks"},
    "rotation": {"base", "k8s", "kms", "rbd"},
    "csi": {"base", "k8s", "kms", "rbd", "rbd/luks", "rbd/attach", "rotation"},
}
# cmd wires everything together; it may see all of them.
ROWS["cmd"] = set(ROWS)

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
GRPC = re.compile(r'^\s*#\s*include\s+[<"](?:grpcpp?/|google/protobuf/)', re.MULTILINE)
GENERATED = re.compile(r"\.(?:grpc\.)?pb\.h$")


def folder_of(path):
    """The row a path relative to the root belongs to, or None."""
    parent = str(pathlib.PurePosixPath(path).parent)
    return parent if parent in ROWS else None


def complaints_of(root, path):
    relative = path.relative_to(root).as_posix()
    folder = folder_of(relative)
    text = path.read_text()
    for included in INCLUDE.findall(text):
        if GENERATED.search(included):
            if folder not in ("csi", "cmd"):
                yield f"{relative}: {included}: generated types stop at csi"
            continue
        target = folder_of(included)
        if target is None:
            yield f'{relative}: "{included}" is no header of a known folder'
        elif target != folder and target not in ROWS[folder]:
            yield f"{relative}: {folder} must not see {target} ({included})"
    if folder not in ("csi", "cmd") and GRPC.search(text):
        yield f"{relative}: gRPC and protobuf types stop at csi"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    paths = [
        path
        for folder in ROWS
        for path in sorted((root / folder).glob("*"))
        if path.suffix in (".h", ".cc")
    ]
    if not paths:
        sys.exit(f"{root}: no sources found")
    complaints = [line for path in paths for line in complaints_of(root, path)]
    print("\n".join(complaints) or f"{len(paths)} files keep to their layers")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
