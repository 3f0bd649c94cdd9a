# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""DEKs of OpenBao over TLS: requests, throughput, memory, and a node that starts cold."""
import concurrent.futures
import contextlib
import statistics

from figure import HIGHER, LOWER, Figure, ms, percentile, ratio
from harness.leftovers import clean
from key_manager import Tenant, servers
from world import Caller, Failure, undisturbed

DEKS, CALLERS = 1000, 16
# In front of each measured round: connections, login and mount are there then.
WARM_UP = 10 * CALLERS
TURNS = 11
ONCE = 1 << 30
VOLUMES, VOLUME_BYTES, STAGERS = 200, 64 << 20, 4
FETCHES, PER_OPENING = 100_000, 100


def count_cold(tenant):
    """(result, Counts, requests to Kubernetes) of one new process."""
    counts_since = tenant.watch()
    done, = tenant.fetch([DEKS], CALLERS)
    counts, from_kubernetes = counts_since()
    if counts.logins < 1 or counts.others < DEKS:
        raise Failure(f"the audit log lacks requests: {vars(counts)}")
    return done, counts, from_kubernetes


def cold(tenant):
    """What a new process asks for."""
    done, counts, from_kubernetes = count_cold(tenant)
    yield Figure("fetch_logins", counts.logins, "count", 1, LOWER,
                 f"logins in OpenBao's audit log, for {DEKS} DEK fetches by {CALLERS} callers that "
                 "begin at once in a new process, all as one tenant's ServiceAccount (provider "
                 "vaulttenantsa, KV 2), the key manager opened anew for each fetch as a node does")
    asked = counts.others + counts.probes
    yield Figure("fetch_requests", asked / DEKS, "each", 1, LOWER,
                 f"requests to OpenBao per fetch in the same run, from the audit log: {asked} for "
                 f"{DEKS} fetches; left out are the login and {counts.given_back} at the end to "
                 f"give its token back; Kubernetes was asked {from_kubernetes} times, for the "
                 "tenant's ConfigMap and CA")
    times = done["each"]
    for percent in (50, 99):
        yield Figure(f"open_fetch_p{percent}", percentile(times, percent) * 1000, "ms", None, LOWER,
                     f"p{percent} of opening the key manager and fetching one DEK in the same run, "
                     "the requests to Kubernetes included")
    tenant.setup.write_entry(vaultBackend=None)
    _, counts, _ = count_cold(tenant)
    tenant.setup.write_entry(vaultBackend="kv-v2")
    yield Figure("fetch_probes", counts.probes, "count", 1, LOWER,
                 "requests for the KV version of the mount in another such run, with an entry that "
                 f"leaves it open; beside them {counts.others} for the {DEKS} fetches")


def warm(tenant):
    ratios, ours, bare, times = [], [], [], []
    # In turn, so that whatever else the machine does is shared by both sides.
    for turn in range(TURNS):
        runs = {"ours": lambda: tenant.fetch([WARM_UP, DEKS], CALLERS, perOpening=ONCE),
                "bare": lambda: tenant.fetch_barely([WARM_UP, DEKS], CALLERS)}
        order = ("ours", "bare") if turn % 2 == 0 else ("bare", "ours")
        seconds = {}
        for name in order:
            measured = runs[name]()[-1]
            seconds[name] = measured["seconds"]
            if name == "ours":
                times += measured["each"]
        ours.append(DEKS / seconds["ours"])
        bare.append(DEKS / seconds["bare"])
        ratios.append(seconds["bare"] / seconds["ours"])
    yield ratio("fetch_throughput", statistics.median(ratios), 0.8, HIGHER,
                f"{DEKS} DEK fetches by {CALLERS} callers, from a key manager that each has open "
                f"({statistics.median(ours):.0f} a second) ÷ the same requests over TLS by a bare "
                f"libcurl loop of {CALLERS} threads with a kept connection each "
                f"({statistics.median(bare):.0f} a second), both after {WARM_UP} fetches to warm "
                f"up; median of {TURNS} pairs in turn, {min(ratios):.2f} to {max(ratios):.2f}")
    for percent in (50, 99):
        yield Figure(f"fetch_p{percent}", percentile(times, percent) * 1000, "ms", None, LOWER,
                     f"p{percent} of one such fetch while {CALLERS} go on at once")


def memory(tenant):
    before, after = tenant.fetch([DEKS, FETCHES], CALLERS, perOpening=PER_OPENING, each=False)
    yield Figure("fetch_memory", (after["rssKib"] - before["rssKib"]) / 1024, "MiB", 2, LOWER,
                 f"VmRSS of a process that fetches DEKs after {FETCHES} fetches by {CALLERS} "
                 f"callers, less that after its first {DEKS} ({before['rssKib'] >> 10} MiB); the "
                 f"key manager is opened anew after each {PER_OPENING} of a caller; up to 2 MiB "
                 f"counts as flat", why="glibc's arenas fill up unevenly")


@contextlib.contextmanager
def driver_of(key_managers):
    driver = key_managers.new_driver()
    with contextlib.ExitStack() as stack:
        stack.callback(undisturbed, clean, driver.folder, driver.runtime)
        stack.callback(undisturbed, driver.stop)
        yield driver.start()


def stage_and_unstage(volume):
    volume.stage()
    volume.unstage()


def cold_node(world, key_managers, tenant):
    """Volumes of the tenant, opened by a node that has just started."""
    with driver_of(key_managers) as driver:
        caller = Caller(world, driver, CALLERS)
        volumes = [tenant.setup.volume(driver, block=True, fs_type=None, size=VOLUME_BYTES)
                   for _ in range(VOLUMES)]
        caller.create(volumes)
        driver.stop()
        counts_since = tenant.watch()
        driver.node.start()
        with concurrent.futures.ThreadPoolExecutor(STAGERS) as pool:
            list(pool.map(stage_and_unstage, volumes))
        counts, from_kubernetes = counts_since()
        driver.controller.start()
        caller.delete(volumes)
    total = counts.others + counts.probes + counts.logins
    if counts.others < VOLUMES:
        raise Failure(f"the audit log lacks requests: {vars(counts)}")
    yield Figure("cold_node_requests", total / VOLUMES, "each", (VOLUMES + 1) / VOLUMES, LOWER,
                 f"requests to OpenBao per volume, from its audit log, while a node that has just "
                 f"started opens {VOLUMES} encrypted block volumes of one tenant through "
                 f"NodeStageVolume, {STAGERS} at a time: {counts.others + counts.probes} and "
                 f"{counts.logins} to log in; the goal is one a volume and one login; Kubernetes "
                 f"was asked {from_kubernetes} times")


def figures(world):
    with servers(world) as key_managers:
        tenant = Tenant(world, key_managers, DEKS)
        yield from cold(tenant)
        yield from warm(tenant)
        yield from memory(tenant)
        yield from cold_node(world, key_managers, tenant)
