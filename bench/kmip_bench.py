# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""DEKs wrapped by a KMIP server: our CPU, requests, handshakes, and ceph-csi's way beside it."""
import json
import statistics

from figure import HIGHER, LOWER, Figure, ms, ratio
from world import BUILD

CALLS, THEIRS, CALLERS = 4000, 200, 16
CONNECTIONS = 8
SERVER = "a KMIP server in the same process, over TLS 1.3 with both certificates"


def figures(world):
    plan = {"calls": CALLS, "theirs": THEIRS, "callers": CALLERS}
    seen = json.loads(world.run(BUILD / "bench/kmip_calls", stdin=json.dumps(plan)))
    for name, verb in (("wrapCpu", "wrap"), ("unwrapCpu", "unwrap")):
        yield Figure(f"kmip_{verb}_cpu", seen[name] * 1e6, "us", 60, LOWER,
                     f"CPU of the calling thread for one {verb} of a DEK (AES-CBC by the server, as "
                     f"ceph-csi stores it), TLS and system calls included, warm, mean of {CALLS} "
                     f"at {SERVER}")
    yield Figure("kmip_requests", seen["requests"] / seen["calls"], "each", 1, LOWER,
                 f"requests to the server for each of those {seen['calls']} calls")
    yield Figure("kmip_handshakes", seen["dials"], "count", 0, LOWER,
                 "connections, and so handshakes, that those calls needed")
    ours, theirs = seen["ours"], seen["theirs"]
    yield ratio("kmip_unwrap", statistics.median(theirs) / statistics.median(ours), 10, HIGHER,
                f"one unwrap as ceph-csi does it (connect, TLS, Discover Versions, Decrypt, close: "
                f"{ms(theirs)}) ÷ ours over a kept connection ({ms(ours)}), by turns at the same "
                f"server, {THEIRS} of each")
    yield Figure("kmip_connections", seen["connections"], "count", CONNECTIONS, LOWER,
                 f"connections that the server had while {CALLERS} callers unwrapped {CALLS} DEKs "
                 "at once")
