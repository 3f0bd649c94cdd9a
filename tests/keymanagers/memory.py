# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What a running process has in its memory, as root sees it."""
import base64
import binascii
import json
import pathlib
import re

from witness import forms_of

JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.(eyJ[A-Za-z0-9_-]{10,})\.[A-Za-z0-9_-]{20,}")
CHUNK = 16 << 20


def regions_of(pid):
    """(where, bytes) of all that can be read; large regions in overlapping pieces."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_, = line.split(maxsplit=5)
            if "r" not in rights or line.endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            for begin in range(start, end, CHUNK):
                try:
                    memory.seek(begin)
                    yield f"{begin:x} of {line}", memory.read(min(CHUNK + 4096, end - begin))
                except (OSError, ValueError, OverflowError):
                    continue


def surroundings(data, at):
    """Some bytes before and after, to tell whose memory it was."""
    return re.sub(rb"[^ -~]", b".", data[max(0, at - 96):at + 96]).decode()


def find(pid, secrets):
    """(name, where, what is around it) for each of the secrets, in each form it may be written."""
    forms = {name: forms_of(secret) for name, secret in secrets.items()}
    found = []
    for where, data in regions_of(pid):
        for name, written in forms.items():
            for form in written:
                if (at := data.find(form)) >= 0:
                    found.append((name, where, surroundings(data, at)))
    return found


def subjects_of_tokens(pid):
    """Whose service account tokens are there."""
    subjects = set()
    for _, data in regions_of(pid):
        for match in JWT.finditer(data):
            try:
                claims = json.loads(base64.urlsafe_b64decode(match[1] + b"=="))
                subjects.add(claims.get("sub", ""))
            except (ValueError, binascii.Error):
                continue
    return subjects
