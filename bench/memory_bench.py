# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Resident memory: idle, during a storm of CreateVolume, and after a thousand volumes."""
from figure import LOWER, Figure
from world import Caller, memory_kib

CALLERS, CALLS, ROUNDS = 16, 100, 10


def mebibytes(name, kib, goal, what, why=""):
    return Figure(name, kib / 1024, "MiB", goal, LOWER, what, why)


def idle(driver):
    for process in (driver.controller, driver.node):
        memory = memory_kib(process)
        yield mebibytes(f"idle_{process.role}", memory["VmRSS"], 40,
                        f"VmRSS after start and one Probe; {memory['RssAnon'] >> 10} MiB of it are "
                        "its own (RssAnon), the rest are pages of libraries, which processes share")


def one_round(caller):
    volumes = [caller.volume() for _ in range(CALLS)]
    caller.create(volumes)
    yield
    caller.delete(volumes)
    yield


def figures(world):
    with world.driver() as driver:
        yield from idle(driver)
        caller = Caller(world, driver, CALLERS)
        before = memory_kib(driver.controller)
        first, *others = [one_round(caller) for _ in range(ROUNDS)]
        next(first)
        after = memory_kib(driver.controller)
        yield mebibytes("create_growth", after["VmHWM"] - before["VmRSS"], 64,
                        f"highest VmRSS of the controller during its first {CALLS} encrypted "
                        f"CreateVolume, from {CALLERS} callers, less the idle "
                        f"{before['VmRSS'] >> 10} MiB; {after['VmRSS'] >> 10} MiB remained",
                        why="each caller at work has a RADOS connection and an open image of its "
                            "own, and glibc keeps what their threads have freed")
        next(first)
        early = memory_kib(driver.controller)["VmRSS"]
        for one in others:
            list(one)
        late = memory_kib(driver.controller)["VmRSS"]
        yield mebibytes("create_delete_leak", late - early, 4,
                        f"VmRSS after {ROUNDS * CALLS} encrypted volumes created and deleted, less "
                        f"that after the first {CALLS} ({early >> 10} MiB); up to 4 MiB counts as "
                        "none", why="glibc's arenas, one per thread, go on filling up unevenly")
