# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Steps and expectations that the suites of key managers share."""
import os
import secrets
import time

import pytest

from harness.driver import RpcError

MIB = 1 << 20
# Of a block volume, which is enough where only keys count.
SMALL = 64 * MIB
# The least that mkfs.xfs takes is 300 MiB, and the header has 16 of them.
SIZE = 384 * MIB
MARKER = b"in the clear this must be nowhere in the pool"


def error_of(call, *arguments):
    with pytest.raises(RpcError) as caught:
        call(*arguments)
    return caught.value


def stage_error(volume):
    """The error of one NodeStageVolume, of which nothing stays."""
    error = error_of(volume.driver.node.call, "NodeStageVolume", volume.stage_request())
    assert list(volume.staging.iterdir()) == []
    return error


def expect_stage_error(volume, setup, code, *words):
    """Safety F: the code, and a text that names volume and KMS ID and says what is wrong."""
    error = stage_error(volume)
    assert error.code == code, error
    for word in (volume.id, setup.kms_id, *words):
        assert word in error.message, error
    return error


def try_stage(volume):
    """One NodeStageVolume, undone if it succeeds; its error or None."""
    try:
        volume.driver.node.call("NodeStageVolume", volume.stage_request())
    except RpcError as error:
        return error
    volume.unstage()
    return None


def expect_opens(volume):
    """It can be opened, if not at once then when what failed has recovered."""
    volume.stage()
    volume.unstage()


def small_volume(driver, setup):
    return setup.volume(driver, block=True, fs_type=None, size=SMALL).create()


def write_marker(volume, data):
    with open(volume.target / "file", "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_marker(volume):
    return (volume.target / "file").read_bytes()


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not become true"
        time.sleep(0.1)


def logs_of(driver):
    return driver.controller.log_path.read_text() + driver.node.log_path.read_text()


def live(setup, driver, pool, check_dek):
    """A whole life; check_dek(volume) is called while there is a DEK and gives it."""
    v = setup.volume(driver, fs_type="xfs", size=SIZE).create()
    dek = check_dek(v)
    assert driver.controller.call("CreateVolume", v.create_request())["volume"]["volumeId"] == v.id
    assert check_dek(v) == dek, "a repeated create made another DEK"

    v.stage().publish()
    data = MARKER + secrets.token_bytes(MIB)
    write_marker(v, data)
    v.expand(SIZE + 128 * MIB)
    v.node_expand()
    assert read_marker(v) == data
    v.unpublish().unstage()
    assert not pool.contains(v.image, MARKER)

    v.stage().publish()
    assert read_marker(v) == data
    assert check_dek(v) == dek
    v.unpublish().unstage()
    v.delete().delete()
    assert pool.traces(v.uuid) == []
    assert dek not in logs_of(driver)
    return v
