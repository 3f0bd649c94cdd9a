# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Faults between two steps of one call, standbys that lag, and servers that changed their certificate
or have no address. None loses a key, replaces one or makes a second."""
import contextlib
import os
import shutil
import signal
import ssl

import pytest

from between import Between
from harness.calls import (SMALL, error_of, expect_opens, expect_stage_error, small_volume,
                           try_stage, wait_until)
from harness.world import DRIVER_NAMESPACE
from service import make_ca, make_certificate
from test_denied import grant_of
from test_stories import keys_of
from world import Case

SERVER_NAMES = "IP:127.0.0.1,DNS:localhost,DNS:vault.test"


@pytest.fixture
def between(vault):
    made = Between(vault)
    yield made
    made.close()


def through(between, provider, kv=2):
    """A case whose entry names who stands in between."""
    return Case(provider, kv, options={"vaultAddress": between.address})


def create(v):
    """One call, not repeated."""
    return v.take(v.driver.controller.call("CreateVolume", v.create_request()))


def new_volume(driver, setup):
    return setup.volume(driver, block=True, fs_type=None, size=SMALL)


def expect_one_key(v, setup):
    """It is the only one, was written once, and opens the volume; and goes with it."""
    assert keys_of(setup) == {v.id}
    if setup.case.kv == 2:
        assert setup.vault.call("GET", setup.path_of(v))["data"]["metadata"]["version"] == 1
    expect_opens(v)
    v.delete()
    assert setup.is_gone(v)


# ---- between two steps of a create --------------------------------------------------------------

@pytest.mark.parametrize("kv", [1, 2])
def test_lost_answer_to_a_store(world, between, start_driver, kv):
    setup = world.set_up(through(between, "vault", kv))
    v = new_volume(start_driver(), setup)
    between.at_next("PUT", f"/{setup.mount}/", is_lost=True)
    create(v)
    assert between.rules == []
    expect_one_key(v, setup)


@pytest.mark.parametrize("kv", [1, 2])
def test_f19_lost_answer_without_update(world, between, start_driver, kv):
    """A write that is repeated since its answer was lost is an update. Without that capability it is
    denied, and the DEK read back, whatever the repetition was told."""
    setup = world.set_up(through(between, "vault", kv))
    grant = grant_of(Case("vault", kv), "secret/data/ceph-csi/*" if kv == 2
                     else "secret/ceph-csi/*", "update")
    setup.vault.policy(setup.policy, grant.removed_from(setup.policy_text()))
    v = new_volume(start_driver(), setup)
    between.at_next("PUT", f"/{setup.mount}/", is_lost=True)
    expect_one_key(create(v), setup)
    assert between.rules == []


def test_restart_between_store_and_read_back(world, vault, between, start_driver):
    setup = world.set_up(through(between, "vaulttenantsa"))
    v = new_volume(start_driver(), setup)

    def restart():
        vault.stop()
        vault.start()

    between.at_next("PUT", f"/{setup.mount}/", answered=restart)
    v.create()
    assert between.rules == []
    expect_one_key(v, setup)


@pytest.mark.parametrize("step", ["GET", "PUT"])
@pytest.mark.parametrize("provider", ["vault", "vaulttenantsa"])
def test_login_revoked_in_the_middle(world, vault, between, start_driver, provider, step):
    setup = world.set_up(through(between, provider))
    v = new_volume(start_driver(), setup)
    between.at_next(step, f"/{setup.mount}/", answered=vault.revoke_logins)
    create(v)
    assert between.rules == []
    expect_one_key(v, setup)


@pytest.mark.parametrize("step", ["GET", "PUT"])
def test_tenants_token_revoked_in_the_middle(world, kube, vault, between, pool, start_driver, step):
    setup = world.set_up(through(between, "vaulttokens"))
    v = new_volume(start_driver(), setup)
    before, images = keys_of(setup), set(pool.images())
    token = kube.secret(setup.tenant, "ceph-csi-kms-token")["token"]
    between.at_next(step, f"/{setup.mount}/",
                    answered=lambda: vault.call("POST", "auth/token/revoke", {"token": token}))
    error = error_of(create, v)
    assert error.code == "PERMISSION_DENIED" and setup.tenant in error.message, error
    assert token not in error.message
    # Nothing is half made; a key that was stored and could not be taken back is told of.
    assert set(pool.images()) == images
    stayed = keys_of(setup) - before
    assert len(stayed) == (1 if step == "PUT" else 0)
    for key in stayed:
        assert any("unreleased_dek" in line and key in line
                   for line in v.driver.controller.log_path.read_text().splitlines())
        setup.vault.call("DELETE", f"{setup.mount}/metadata/{key}")
    setup.put_token(setup.new_token())
    expect_one_key(create(v), setup)


# ---- standbys that lag --------------------------------------------------------------------------

@contextlib.contextmanager
def paused(vault, node):
    """It is there and silent, and learns later of what is written meanwhile."""
    pid = int((vault.folder / f"node{node}" / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def missed_by(vault, node):
    """What happens inside, a node never hears of, until the others, which then end, are back: it
    serves reads of the past, as a standby of OpenBao does."""
    others = {1, 2, 3} - {node}
    try:
        with paused(vault, node):
            yield
            for other in others:
                vault.stop(other)
    except BaseException:
        back(vault)
        raise


def back(vault):
    vault.up()
    vault.active()


def standby_of(vault):
    """(the active node, a standby)"""
    active = vault.active()
    return active, next(node for node in (1, 2, 3) if node != active)


def test_stale_standby_comes_first(three_nodes, start_driver):
    """It lacks the key of a volume that was made while it was silent: it is not believed."""
    vault = three_nodes.vault
    _, stale = standby_of(vault)
    order = [vault.addresses[stale - 1], *vault.addresses]
    setup = three_nodes.set_up(Case("vault", options={"vaultAddress": ",".join(order)}))
    driver = start_driver()
    with paused(vault, stale):
        v = small_volume(driver, setup)
    # At once, while it catches up; and the node logs in for the first time.
    driver.node.call("NodeStageVolume", v.stage_request())
    v.unstage()
    expect_one_key(v, setup)


def test_stale_standby_makes_no_second_key(three_nodes, start_driver):
    """A create that stored its key and did not learn of it is repeated where the key is not known."""
    vault = three_nodes.vault
    active, stale = standby_of(vault)
    between = Between(vault, active)
    # Its token is good wherever it is known: no login is needed.
    setup = three_nodes.set_up(through(between, "vaulttokens"))
    driver = start_driver()
    v = new_volume(driver, setup)
    small_volume(driver, setup).delete()
    with contextlib.closing(between), missed_by(vault, stale):
        between.at_next("PUT", f"/{setup.mount}/", is_lost=True,
                        answered=lambda: setattr(between, "is_deaf", True))
        error = error_of(create, v)
        assert error.code == "UNAVAILABLE", error
        key, = keys_of(setup)
        setup.write_entry(vaultAddress=vault.addresses[stale - 1])
    try:
        for _ in range(2):
            error = error_of(driver.controller.call, "CreateVolume", v.create_request())
            assert error.code in ("UNAVAILABLE", "ABORTED"), error
            assert vault.addresses[stale - 1] in error.message, error
    finally:
        back(vault)
    v.create()
    assert v.id == key
    expect_one_key(v, setup)


def test_stale_standby_alone_loses_no_key(three_nodes, start_driver):
    vault = three_nodes.vault
    active, stale = standby_of(vault)
    setup = three_nodes.set_up(Case("vaulttokens", options={
        "vaultAddress": vault.addresses[active - 1]}))
    driver = start_driver()
    small_volume(driver, setup).delete()
    with missed_by(vault, stale):
        v, goes = small_volume(driver, setup), small_volume(driver, setup)
        dek = setup.stored_dek(v)
        setup.write_entry(vaultAddress=vault.addresses[stale - 1])
    try:
        # The node never knew of the key: what it is told is where to look for it, no more.
        wait_until(lambda: (error := try_stage(v)) and error.code == "NOT_FOUND")
        expect_stage_error(v, setup, "NOT_FOUND", setup.path_of(v))
        # A create that is repeated does not doubt the volume.
        again = driver.controller.call("CreateVolume", v.create_request())
        assert again["volume"]["volumeId"] == v.id
        # With several addresses the one that lags is not believed.
        setup.write_entry(vaultAddress=",".join([vault.addresses[stale - 1], *vault.addresses]))
        wait_until(lambda: (error := try_stage(v)) and error.code == "UNAVAILABLE")
        for process, method, request in (
                (driver.node, "NodeStageVolume", v.stage_request()),
                (driver.controller, "DeleteVolume", goes.delete_request())):
            error = error_of(process.call, method, request)
            assert error.code == "UNAVAILABLE" and "active node" in error.message, error
    finally:
        back(vault)
    goes.delete()
    assert setup.is_gone(goes)
    assert setup.stored_dek(v) == dek
    expect_one_key(v, setup)


# ---- certificates and names ---------------------------------------------------------------------

def shown_certificate(vault):
    """What the server shows to those who come now."""
    host, port = vault.address.removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port)))


def test_certificate_rotated_by_the_same_ca(world, vault, start_driver):
    setup = world.set_up(Case("vault"))
    driver = start_driver()
    v = small_volume(driver, setup)
    v.stage().unstage()
    before = shown_certificate(vault)
    make_certificate(vault.folder / "tls", "server", SERVER_NAMES)
    os.kill(int((vault.folder / "node1" / "pid").read_text()), signal.SIGHUP)
    wait_until(lambda: shown_certificate(vault) != before)
    for process in (None, driver.node):
        if process:
            # Without the connections it had.
            process.stop()
            process.start()
        driver.node.call("NodeStageVolume", v.stage_request())
        v.unstage()
    v.delete()


@pytest.fixture
def other_ca(vault, folder):
    """other_ca() -> the PEM of another CA, which has issued the server's certificate from then on."""
    tls, made = vault.folder / "tls", folder / "other-ca"
    names = ("ca.pem", "server.pem", "server.key")
    kept = {name: (tls / name).read_bytes() for name in names}

    def restart(files):
        for name, data in files.items():
            (tls / name).write_bytes(data)
        vault.stop()
        vault.start()

    def change():
        make_ca(made)
        make_certificate(made, "server", SERVER_NAMES)
        new = {name: (made / name).read_bytes() for name in names}
        # These tests trust both.
        restart({**new, "ca.pem": kept["ca.pem"] + new["ca.pem"]})
        return new["ca.pem"].decode()

    yield change
    restart(kept)
    shutil.rmtree(made)


def test_certificate_by_another_ca(world, kube, start_driver, other_ca):
    """Refused until the new CA is where the old one was; then good without a restart."""
    setups = {provider: world.set_up(Case(provider)) for provider in ("vault", "vaulttenantsa")}
    driver = start_driver()
    volumes = {provider: small_volume(driver, setup) for provider, setup in setups.items()}
    for v in volumes.values():
        v.stage().unstage()
    pem = other_ca()
    for provider, v in volumes.items():
        expect_stage_error(v, setups[provider], "INVALID_ARGUMENT", "vaultCAFromSecret")
    volumes["vault"].secrets["vaultCA"] = pem
    kube.merge("Secret", DRIVER_NAMESPACE, "vault-ca", {"stringData": {"cert": pem}})
    for provider, v in volumes.items():
        driver.node.call("NodeStageVolume", v.stage_request())
        v.unstage().delete()
        assert setups[provider].is_gone(v)


def test_name_without_an_address(world, start_driver):
    setup = world.set_up(Case("vaulttokens"))
    v = small_volume(start_driver(), setup)
    right = setup.options["vaultAddress"]
    setup.write_entry(vaultAddress="https://no-such-host.invalid:8200")
    wait_until(lambda: try_stage(v) is not None)
    expect_stage_error(v, setup, "UNAVAILABLE", "no-such-host.invalid")
    setup.write_entry(vaultAddress=right)
    wait_until(lambda: try_stage(v) is None)
    v.delete()
    assert setup.is_gone(v)
