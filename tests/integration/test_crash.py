# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Processes killed, or stopped and continued, at every named crash point, on a real cluster.

A driver of the crash build dies by SIGKILL right after one durable effect (base/crash_point.h), is
started again, and the call is repeated as sidecars and kubelet repeat theirs. After that the volume
must open, and a delete must leave nothing.

Most of a case is waiting: for locks to run out, for the cluster to miss a dead client. So all cases
that were chosen run side by side, each with a driver of its own.
"""
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

from harness.driver import RpcError

MIB = 1 << 20
SIZE = 384 * MIB
TEXT = "written before the crash, or after it"
# Crash builds take it in place of 180 s.
LOCK_SECONDS = 4
SIDE_BY_SIDE = 4

LABELS = {"csi.storage.k8s.io/pv/name": "pv", "csi.storage.k8s.io/pvc/name": "pvc"}

# Which call passes a point for the first time in its process. The rest of the life goes without.
CREATE = """create.directory-key create.journal-object lock.acquired create.image create.labels
    create.image-id create.dek create.state-prepared header.first-claim header.whole
    create.state-encrypted lock.released"""
# By the create that comes after one that was killed, there: it finds a lock, an image that it did
# not make, part of a header.
CREATE_AGAIN = {
    **dict.fromkeys("lock.fenced lock.broken lock.holder-forgotten".split(), "create.dek"),
    "create.header-uuid": "create.image",
    **dict.fromkeys("""header.keyslot-areas header.first-copy header.second-claim
        header.second-copy header.wipe""".split(), "header.first-claim"),
}
STAGE = """node.intent node.image-meta attach.qemu-recorded attach.qemu-started attach.qemu-secrets
    attach.qemu-opened attach.qemu-exported attach.qemu-loop attach.qemu-complete node.attached
    lock.widened stage.filesystem-making node.mkfs stage.filesystem-made node.mount-point node.mounted"""
ROTATE = """replace.dek rotation.unexplained-seen rotation.store-fenced rotation.dek-announced
    rotation.previous-restored rotation.begun rotation.keyslot-added rotation.dek-stored
    rotation.keyslot-dropped rotation.recorded rotation.ended rotation.previous-removed"""
PASSED_BY = {
    **dict.fromkeys(CREATE.split(), "create"),
    **dict.fromkeys(STAGE.split(), "stage"),
    **dict.fromkeys("node.target node.published".split(), "publish"),
    **dict.fromkeys("node.unpublished node.target-removed".split(), "unpublish"),
    "expand.image": "expand",
    **dict.fromkeys("grow.qemu-resized grow.qemu-loop node.grown".split(), "node_expand"),
    **dict.fromkeys("""node.unmounted node.mount-point-removed detach.qemu-flushed
        detach.qemu-loop-released detach.qemu-stopped detach.qemu-forgotten node.detached
        node.records-removed""".split(), "unstage"),
    **dict.fromkeys("""delete.image-to-trash delete.dek delete.trash
        delete.directory-key lock.object-removed delete.journal-object""".split(), "delete"),
    **dict.fromkeys(CREATE_AGAIN, "create_again"),
    # By a create that takes longer than 30 s.
    "lock.renewed": "slow_create",
}
ELSEWHERE = {
    "attach.krbd-mapped": "needs the kernel module rbd: tests/guest",
    "attach.dm-crypt-opened": "needs the kernel module dm-crypt: tests/guest",
    "detach.dm-crypt-closed": "needs the kernel module dm-crypt: tests/guest",
    "detach.krbd-unmapped": "needs the kernel module rbd: tests/guest",
    "create.dek-announced": "needs a key manager that cannot compare and set: tests/rbd",
    "create.dek-settled": "needs a key manager that cannot compare and set: tests/rbd",
    **dict.fromkeys(ROTATE.split(), "no call of the driver's socket rotates: tests/rotation"),
}
# Only the passphrase of the Secret is in a store of its own (kms/default_secret.h).
KMS_OF = {"delete.dek": "default"}
ON_NODE = ("stage", "publish", "unpublish", "node_expand", "unstage")


def points_of(program):
    return subprocess.run([program, "crash-points"], capture_output=True, text=True,
                          check=True).stdout.split()


class World:
    """What cases have in common; driver() gives one of the crash build with short locks."""

    def __init__(self, maker, program, pool, new_name):
        self.maker, self.program, self.pool, self.new_name = maker, program, pool, new_name

    def driver(self):
        driver = self.maker.make(self.program, env={"RBDCRYPT_LOCK_SECONDS": str(LOCK_SECONDS)})
        driver.controller.flags += ["--setmetadata", "--clustername", "k8s-1"]
        return driver

    def run(self, case, point):
        """One case with a driver, not started, which is to leave nothing on this machine."""
        driver = self.driver()
        try:
            case(self, driver, point)
        except BaseException:
            self.maker.end(driver)
            raise
        assert self.maker.end(driver) == []


@pytest.fixture(scope="module")
def cases(request, driver_maker, crash_binary, pool, new_name):
    """(test, point) -> the future of that case."""
    world = World(driver_maker, crash_binary, pool, new_name)
    bodies = {"test_killed_at": killed_at, "test_stopped_at": stopped_at}
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        chosen = [(item.originalname, item.callspec.params["point"])
                  for item in request.session.items
                  if item.module is request.module and item.originalname in bodies]
        yield {key: threads.submit(world.run, bodies[key[0]], key[1]) for key in chosen}
        threads.shutdown(cancel_futures=True)


def test_every_point_is_in_the_table(crash_binary):
    assert sorted(points_of(crash_binary)) == sorted([*PASSED_BY, *ELSEWHERE])


def expect_killed(process, call):
    """The call dies with its process, by the point's own SIGKILL."""
    with pytest.raises(RpcError) as caught:
        call()
    assert process.wait_for_end(20) == -signal.SIGKILL
    assert caught.value.code == "UNAVAILABLE"


class Life:
    """The steps of one volume's life; before the one given, the process is told where to die."""

    ORDER = ["create", "stage", "publish", "expand", "node_expand", "unpublish", "unstage",
             "stage_again", "unstage_again", "delete"]

    def __init__(self, driver, name, kms_id):
        self.driver = driver
        self.volume = driver.volume(name, kms_id=kms_id, fs_type="xfs", size=SIZE,
                                    parameters=LABELS, secrets=driver.volume_secrets)

    def run(self, until=None, since=None):
        begin = self.ORDER.index(since) if since else 0
        end = self.ORDER.index(until) if until else len(self.ORDER)
        for step in self.ORDER[begin:end]:
            getattr(self, step)()

    def call_of(self, step):
        """The step's one call, not repeated."""
        volume, controller, node = self.volume, self.driver.controller, self.driver.node
        return {
            "create": lambda: controller.call("CreateVolume", volume.create_request()),
            "stage": lambda: node.call("NodeStageVolume", volume.stage_request()),
            "publish": volume.publish,
            "expand": lambda: controller.call("ControllerExpandVolume", {
                "volumeId": volume.id, "capacityRange": {"requiredBytes": str(2 * SIZE)},
                "secrets": volume.secrets}),
            "node_expand": volume.node_expand,
            "unpublish": volume.unpublish,
            "unstage": lambda: node.call("NodeUnstageVolume", volume.unstage_request()),
            "delete": lambda: controller.call("DeleteVolume", volume.delete_request()),
        }[step]

    # Steps, each repeated until it is done.
    def create(self):
        self.volume.create()

    def stage(self):
        self.volume.stage()

    def publish(self):
        self.volume.publish()
        (self.volume.target / "hello").write_text(TEXT)

    def expand(self):
        self.volume.expand(2 * SIZE)

    def node_expand(self):
        self.volume.node_expand()
        usage = os.statvfs(self.volume.target)
        assert usage.f_blocks * usage.f_frsize > 1.6 * SIZE  # less a log

    def unpublish(self):
        assert (self.volume.target / "hello").read_text() == TEXT
        self.unpublish_only()

    def unpublish_only(self):
        self.volume.unpublish()
        assert not self.volume.target.exists()

    def unstage(self):
        self.volume.unstage()
        assert list(self.volume.staging.iterdir()) == []

    def stage_again(self):
        self.volume.stage()
        assert (self.volume.staging / self.volume.id / "hello").read_text() == TEXT

    def unstage_again(self):
        self.unstage()

    def delete(self):
        self.volume.delete()


def crash(life, point, step):
    """Runs the step until it dies at the point, starts the process again and finishes the step."""
    process = life.driver.node if step in ON_NODE else life.driver.controller
    process.kill()
    process.start(RBDCRYPT_CRASH_AT=point)
    expect_killed(process, life.call_of(step))
    process.start()
    if step == "unpublish":
        life.unpublish_only()
    else:
        getattr(life, step)()


def crash_before(life, point):
    """A create dies, so that the next one passes the point.

    With a lock that does not run out before the next one comes, however slow this machine is.
    """
    controller = life.driver.controller
    controller.start(RBDCRYPT_CRASH_AT=CREATE_AGAIN[point], RBDCRYPT_LOCK_SECONDS="180")
    expect_killed(controller, life.call_of("create"))


def crash_again_at(life, point):
    """A create dies; the next one, which takes up what that left, dies at the point."""
    crash_before(life, point)
    controller = life.driver.controller
    controller.start(RBDCRYPT_CRASH_AT=point)
    expect_killed(controller, life.call_of("create"))
    controller.start()
    life.create()


def crash_when_slow(life, point):
    """A create sleeps under its lock for so long that it has to renew it.

    Before there is an image: its watch of one would run out meanwhile, and a client that is killed
    while it watches again may leave a watch for good, which keeps the image in the trash
    (rbd/image_watchers.h).
    """
    controller = life.driver.controller
    controller.start(RBDCRYPT_CRASH_AT=point, RBDCRYPT_STOP_AT="lock.acquired",
                     RBDCRYPT_LOCK_SECONDS="180")
    with Stopped(controller, life.call_of("create")) as stopped:
        time.sleep(31)  # volume_lock.cc, kRenewAfter
    assert stopped.error is not None and controller.wait_for_end(20) == -signal.SIGKILL
    controller.start()
    life.create()


class Stopped:
    """A call that runs into RBDCRYPT_STOP_AT: inside the block its process is stopped."""

    def __init__(self, process, call):
        self.process, self.call = process, call
        self.answer = self.error = None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            self.answer = self.call()
        except RpcError as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        deadline = time.monotonic() + 60
        while state_of(self.process.child.pid) != "T":
            assert time.monotonic() < deadline and self.thread.is_alive(), "it did not stop"
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.signal(signal.SIGCONT)
        self.thread.join()


def state_of(pid):
    """The state letter of proc(5)."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def killed_at(world, driver, point):
    step = PASSED_BY[point]
    life = Life(driver, world.new_name(), KMS_OF.get(point, "local"))
    if step == "create_again":
        crash_again_at(life, point)
    elif step == "slow_create":
        crash_when_slow(life, point)
    else:
        driver.start()
        life.run(until=step)
        crash(life, point, step)
    if not driver.node.is_running():
        driver.node.start()
    following = life.ORDER.index(step if step in life.ORDER else "create") + 1
    if following < len(life.ORDER):
        life.run(since=life.ORDER[following])
    assert world.pool.traces(life.volume.uuid) == []


@pytest.mark.parametrize("point", PASSED_BY)
def test_killed_at(cases, point):
    cases["test_killed_at", point].result()


# ---- stopped and continued ----------------------------------------------------------------------

def stopped_at(world, driver, point):
    """Expiry does not fence (safety G2): the first one wakes up after its lock ran out."""
    second = world.driver()
    second.kms_config.write_text(driver.kms_config.read_text())
    second.controller.start()
    try:
        life = Life(driver, world.new_name(), "local")
        if point in CREATE_AGAIN:
            crash_before(life, point)
        driver.controller.start(RBDCRYPT_STOP_AT=point)
        driver.node.start()
        finish_by_second(world, life, second)
    finally:
        world.maker.end(second)


def finish_by_second(world, life, second):
    driver, volume, pool = life.driver, life.volume, world.pool
    with Stopped(driver.controller, life.call_of("create")) as stopped:
        volume.take(second.controller.call_until_done("CreateVolume", volume.create_request()))
        header = pool.read(volume.image, 0, 32 * 1024)
    # Whatever it tells its caller: nothing that the second one made is changed.
    if stopped.answer is not None:
        assert stopped.answer["volume"]["volumeId"] == volume.id
    else:
        assert stopped.error.code in ("ABORTED", "UNAVAILABLE"), stopped.error
    assert pool.read(volume.image, 0, 32 * 1024) == header
    life.stage()
    life.publish()
    # Its caller repeats the call; a process that was fenced serves on.
    again = driver.controller.call_until_done("CreateVolume", volume.create_request())
    assert again["volume"]["volumeId"] == volume.id
    life.unpublish()
    life.unstage()
    life.stage_again()
    life.unstage_again()
    life.delete()
    assert pool.traces(volume.uuid) == []


@pytest.mark.parametrize("point", [*CREATE.split(), *CREATE_AGAIN])
def test_stopped_at(cases, point):
    cases["test_stopped_at", point].result()


def test_no_case_left_an_orphan(cases, driver):
    """`rbdcrypt orphans` compares everything with everything: it can look only when all is done."""
    concurrent.futures.wait(cases.values())
    if any(case.exception() for case in cases.values()):
        pytest.skip("a failed case keeps its volume for a look")
    assert driver.orphans() == []
