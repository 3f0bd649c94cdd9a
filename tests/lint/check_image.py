#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Fails where the image's build would lack a folder that the build needs.

The folders that CMakeLists.txt adds must be copied by the Dockerfile and let through by .dockerignore,
each by its own line, as it is there for the ones before it.
"""
import pathlib
import re
import sys

FOLDERS = re.compile(r"^foreach\(folder ([^)]+)\)", re.MULTILINE)
COPIES = re.compile(r"^COPY (\S+) (\S+)$", re.MULTILINE)
ALSO_NEEDED = {"cmake", "proto"}


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = FOLDERS.search((root / "CMakeLists.txt").read_text())
    if not found:
        sys.exit("CMakeLists.txt: the list of folders is not where it was")
    wanted = {folder.split("/")[0] for folder in found.group(1).split()} | ALSO_NEEDED
    copied = {source for source, target in COPIES.findall((root / "Dockerfile").read_text())
              if source == target}
    admitted = {line[1:] for line in (root / ".dockerignore").read_text().splitlines()
                if line.startswith("!")}
    complaints = [f"Dockerfile: {folder} is not copied" for folder in sorted(wanted - copied)]
    complaints += [f".dockerignore: {folder} is left out" for folder in sorted(wanted - admitted)]
    print("\n".join(complaints) or f"the image's build has all {len(wanted)} folders")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
