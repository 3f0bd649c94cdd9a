# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What tshark makes of KMIP requests, by ttlv.lua beside this file."""
import dataclasses
import json
import pathlib
import struct
import subprocess

SCRIPT = pathlib.Path(__file__).with_name("ttlv.lua")
# https://www.tcpdump.org/linktypes.html
LINKTYPE_USER0 = 147
MAX_BYTES = 1 << 18


@dataclasses.dataclass
class Dissection:
    """Of one request: the names of its items in order, and what is wrong with it."""
    items: list
    errors: list


def write_capture(path, messages):
    """A file of pcap, one packet for each."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, MAX_BYTES, LINKTYPE_USER0))
        for message in messages:
            assert len(message) <= MAX_BYTES
            file.write(struct.pack("<IIII", 0, 0, len(message), len(message)) + message)


def dissect(folder, messages):
    """A Dissection of each."""
    capture = pathlib.Path(folder) / "requests.pcap"
    write_capture(capture, messages)
    done = subprocess.run(["tshark", "-n", "-r", capture, "-X", f"lua_script:{SCRIPT}", "-T", "json",
                           "-e", "ttlv.item", "-e", "ttlv.error"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    layers = [packet["_source"].get("layers", {}) for packet in json.loads(done.stdout)]
    assert len(layers) == len(messages)
    return [Dissection(each.get("ttlv.item", []), each.get("ttlv.error", [])) for each in layers]
