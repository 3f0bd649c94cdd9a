# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Two servers on one database: one killed in the middle of work costs nobody a call, and the first is
gone back to; both gone is said at once."""
import concurrent.futures
import contextlib
import threading
import time

import pytest

from admin import check
from harness.calls import (SMALL, error_of, expect_opens, expect_stage_error, small_volume,
                           wait_until)
from harness.driver import RpcError
from kmip_world import Case

KINDS = ("ec-1.3", "rsa-1.3")
VOLUMES = 500
KILL_AFTER = 150
# As many calls at once as a provisioner makes (--worker-threads 10); the driver's door lets in 32.
CALLERS = 10
SAMPLE = 100
# What a caller may wait where nobody answers: rounds over the servers, not the deadline of the call.
SOON_SECONDS = 20


@pytest.fixture
def nodes(kmip):
    """The two servers' numbers; whatever a test does to them, they run afterwards."""
    yield [kmip.node_of(kind) for kind in KINDS]
    kmip.up()


class Creating:
    """Many volumes made at once, without repeating a call."""

    def __init__(self, setup, driver):
        self.setup, self.driver = setup, driver
        self.volumes, self.errors = [], []
        self.lock = threading.Lock()
        self.reached = threading.Event()

    def create(self, _):
        v = self.setup.volume(self.driver, block=True, fs_type=None, size=SMALL)
        try:
            v.take(self.driver.controller.call("CreateVolume", v.create_request()))
        except RpcError as error:
            with self.lock:
                self.errors.append(str(error))
            return
        with self.lock:
            self.volumes.append(v)
            if len(self.volumes) == KILL_AFTER:
                self.reached.set()

    def run(self, count, meanwhile):
        """`meanwhile` is called when KILL_AFTER of them are there."""
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as threads:
            created = [threads.submit(self.create, number) for number in range(count)]
            assert self.reached.wait(300), self.errors[:3]
            assert not all(future.done() for future in created), "too late to be in the middle"
            meanwhile()
        for future in created:
            future.result()


def each(volumes, step):
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as threads:
        return list(threads.map(step, volumes))


def test_kill_in_the_middle_of_many_creates(world, start_driver, pool, kmip, nodes):
    first, second = nodes
    setup = world.set_up(Case(kinds=KINDS))
    before = set(pool.images())
    creating = Creating(setup, start_driver())
    logs = [kmip.log(node) for node in nodes]
    creating.run(VOLUMES, lambda: kmip.stop(first))
    assert creating.errors == []
    asked = [log.count("Encrypt") for log in logs]
    assert asked[0] >= KILL_AFTER and asked[1] > VOLUMES // 2 and sum(asked) >= VOLUMES, asked
    kmip.start(first)

    # Nothing is lost: each key is in its image, by the word of another implementation and by ours.
    volumes = creating.volumes
    assert len({v.id for v in volumes}) == VOLUMES
    assert set(pool.images()) - before == {v.image for v in volumes}
    deks = each(volumes, setup.dek_of)
    assert len(set(deks)) == VOLUMES and {len(dek) for dek in deks} == {28}
    status, report = check(setup, creating.driver, in_pool=True)
    assert status == 0, report
    for v in volumes[::SAMPLE]:
        expect_opens(v)

    expect_fail_back(kmip, first, volumes[0])
    each(volumes, lambda v: v.delete())
    assert set(pool.images()) == before


def expect_fail_back(kmip, first, v):
    """The first server is asked again, and the other one no more."""
    log = kmip.log(first)

    def is_asked():
        expect_opens(v)
        return log.count("Decrypt") > 0

    wait_until(is_asked, seconds=60)


@pytest.mark.parametrize("dead", [0, 1])
def test_one_of_two_from_the_beginning(world, start_driver, kmip, nodes, dead):
    kmip.stop(nodes[dead])
    setup = world.set_up(Case(kinds=KINDS))
    log = kmip.log(nodes[1 - dead])
    v = small_volume(start_driver(), setup)
    v.driver.node.call("NodeStageVolume", v.stage_request())
    v.unstage().delete()
    assert log.count("Encrypt") and log.count("Decrypt")


@contextlib.contextmanager
def none_of(kmip, nodes):
    for node in nodes:
        kmip.stop(node)
    yield
    for node in nodes:
        kmip.start(node)


def test_none_of_two(world, start_driver, pool, kmip, nodes):
    setup = world.set_up(Case(kinds=KINDS))
    driver = start_driver()
    v, goes = small_volume(driver, setup), small_volume(driver, setup)
    v.stage().unstage()
    before = set(pool.images())
    other = setup.volume(driver, block=True, fs_type=None, size=SMALL)
    with none_of(kmip, nodes):
        begun = time.monotonic()
        error = error_of(driver.controller.call, "CreateVolume", other.create_request())
        assert error.code == "UNAVAILABLE" and setup.kms_id in error.message, error
        expect_stage_error(v, setup, "UNAVAILABLE",
                           *(kmip.endpoint(node) for node in nodes))
        assert time.monotonic() - begun < SOON_SECONDS
        # The KEK has no part in it.
        goes.delete()
    wait_until(lambda: not fails(v))
    other.create().stage().unstage().delete()
    v.delete()
    assert set(pool.images()) == before - {goes.image, v.image}


def fails(v):
    try:
        v.driver.node.call("NodeStageVolume", v.stage_request())
    except RpcError as error:
        assert error.code == "UNAVAILABLE", error
        return True
    v.unstage()
    return False


def test_restarted_server(world, start_driver, kmip, nodes):
    """Connections that were kept are dead by then: at the first try all the same."""
    setup = world.set_up(Case())
    v = small_volume(start_driver(), setup).stage().unstage()
    kmip.stop(nodes[0])
    kmip.start(nodes[0])
    v.driver.node.call("NodeStageVolume", v.stage_request())
    v.unstage().delete()


def test_a_frozen_server_costs_its_time_limit(world, start_driver, kmip, nodes):
    """It listens and says nothing; the other one is asked after READ_TIMEOUT or a handshake's 5 s."""
    setup = world.set_up(Case(kinds=KINDS, options={"READ_TIMEOUT": 2}))
    v = small_volume(start_driver(), setup).stage().unstage()
    with kmip.frozen(nodes[0]):
        begun = time.monotonic()
        v.driver.node.call("NodeStageVolume", v.stage_request())
        assert time.monotonic() - begun < SOON_SECONDS
        v.unstage()
    v.delete()
