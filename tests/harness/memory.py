# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What a running process has in its memory, as root sees it."""
import array
import base64
import binascii
import itertools
import json
import os
import pathlib
import re

from witness import forms_of

JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.(eyJ[A-Za-z0-9_-]{10,})\.[A-Za-z0-9_-]{20,}")
PAGE = os.sysconf("SC_PAGE_SIZE")


def touched(pid, start, end):
    """(start, end) of the runs of pages in a region that the process has ever used."""
    with open(f"/proc/{pid}/pagemap", "rb") as file:
        file.seek(start // PAGE * 8)
        pages = array.array("Q", file.read((end - start) // PAGE * 8))
    # In memory, or swapped out.
    for used, run in itertools.groupby(enumerate(pages), lambda page: page[1] >> 62 != 0):
        numbers = [number for number, _ in run]
        if used:
            yield start + numbers[0] * PAGE, start + (numbers[-1] + 1) * PAGE


def regions_of(pid):
    """(where, bytes) of all that it can have written."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_, = line.split(maxsplit=5)
            if not rights.startswith("rw"):
                continue
            for start, end in touched(pid, *(int(part, 16) for part in span.split("-"))):
                try:
                    memory.seek(start)
                    yield f"{start:x} of {line}", memory.read(end - start)
                except OSError:
                    continue  # it is gone by now


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
