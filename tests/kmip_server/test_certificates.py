# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Certificates: renewed ones are used without a restart; wrong ones, of either side, fail with words
and leave nothing behind, and once they are right again it goes on."""
import contextlib

import pytest

from certificates import CLIENT, SERVER, issue
from harness.calls import (SMALL, error_of, expect_opens, expect_stage_error, small_volume,
                           try_stage, wait_until)
from harness.driver import RpcError
from harness.world import DRIVER_NAMESPACE
from kmip_world import SERVER_NAME, Case
from relay import Relay


def new_volume(setup, driver):
    return setup.volume(driver, block=True, fs_type=None, size=SMALL)


def expect_create_error(setup, driver, pool, code, *words):
    """The answer of CreateVolume, of which nothing stays; the volume, to be tried again."""
    before = set(pool.images()), pool.omap("csi.volumes.default") or {}
    v = new_volume(setup, driver)
    error = error_of(driver.controller.call, "CreateVolume", v.create_request())
    assert error.code == code, error
    for word in (setup.kms_id, *words):
        assert word in error.message, error
    assert (set(pool.images()), pool.omap("csi.volumes.default") or {}) == before
    assert pool.trash() == []
    return v


def expect_recovery(*volumes):
    """Of volumes whose creation failed, once what was wrong is right again: no restart is needed."""
    for v in volumes:
        v.create().stage().unstage().delete()


# ---- ours ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["ec-1.2", "ec-1.3"])
def test_renewed_client_certificate(world, start_driver, kmip, kind):
    setup = world.set_up(Case(kinds=(kind,)))
    driver = start_driver()
    log = kmip.log(kmip.node_of(kind))
    v = small_volume(driver, setup).stage().unstage()
    assert "Session client identity: client\n" in log.read()
    certificate, key = issue(kmip, f"renewed-{kind}", CLIENT)
    setup.change_secret(CLIENT_CERT=certificate.read_text(), CLIENT_KEY=key.read_text())

    def is_used():
        expect_opens(v)
        return f"Session client identity: renewed-{kind}\n" in log.read()

    wait_until(is_used)
    # The old one is not: neither process has a connection by it.
    log = kmip.log(kmip.node_of(kind))
    other = small_volume(driver, setup)
    for each in (v, other):
        each.stage().unstage().delete()
    assert "Session client identity: client\n" not in log.read()


WRONG_SECRETS = {
    "no client certificate": ({"CLIENT_CERT": None}, ["CLIENT_CERT"]),
    "no identifier": ({"UNIQUE_IDENTIFIER": None}, ["UNIQUE_IDENTIFIER"]),
    "an empty key": ({"CLIENT_KEY": ""}, ["CLIENT_KEY"]),
    "words for a certificate": ({"CLIENT_CERT": "certainly not"}, ["CLIENT_CERT"]),
    "words for a CA": ({"CA_CERT": "certainly not"}, ["CA_CERT"]),
    "one key too many": ({"SOMETHING": "else"}, ["SOMETHING"]),
}


@pytest.mark.parametrize("name", WRONG_SECRETS)
def test_a_secret_that_is_wrong_in_itself(world, start_driver, pool, name):
    change, words = WRONG_SECRETS[name]
    setup = world.set_up(Case())
    driver = start_driver()
    setup.change_secret(**change)
    v = expect_create_error(setup, driver, pool, "INVALID_ARGUMENT", setup.secret_name, *words)
    setup.change_secret(SOMETHING=None, **setup.credentials())
    expect_recovery(v)


def test_no_secret_at_all(world, start_driver, pool, kube):
    setup = world.set_up(Case())
    driver = start_driver()
    existing = small_volume(driver, setup)
    was = kube.delete("Secret", DRIVER_NAMESPACE, setup.secret_name)
    v = expect_create_error(setup, driver, pool, "INVALID_ARGUMENT", setup.secret_name)
    expect_stage_error(existing, setup, "INVALID_ARGUMENT", setup.secret_name)
    kube.apply([was])
    expect_recovery(v)
    expect_opens(existing)
    existing.delete()


def strangers_certificate(kube):
    """By a CA that the server does not know."""
    tls = kube.folder / "tls"
    return (tls / "admin.pem").read_text(), (tls / "admin.key").read_text()


@pytest.mark.parametrize("kind", ["ec-1.2", "ec-1.3"])
def test_client_certificate_of_another_ca(world, start_driver, pool, kube, kind):
    setup = world.set_up(Case(kinds=(kind,)))
    driver = start_driver()
    certificate, key = strangers_certificate(kube)
    setup.change_secret(CLIENT_CERT=certificate, CLIENT_KEY=key)
    v = expect_create_error(setup, driver, pool, "INVALID_ARGUMENT", "certificate",
                            setup.options["KMIP_ENDPOINT"])
    setup.change_secret(**setup.credentials())
    expect_recovery(v)


def test_client_certificate_and_key_of_two_pairs(world, start_driver, pool, kube):
    setup = world.set_up(Case())
    driver = start_driver()
    setup.change_secret(CLIENT_KEY=strangers_certificate(kube)[1])
    v = expect_create_error(setup, driver, pool, "INVALID_ARGUMENT", "key")
    setup.change_secret(**setup.credentials())
    expect_recovery(v)


def test_client_certificate_that_is_not_for_clients(world, start_driver, pool, kmip):
    """PyKMIP lets it connect and says so to each request (Authentication Not Successful)."""
    setup = world.set_up(Case())
    driver = start_driver()
    certificate, key = issue(kmip, "no-client", None)
    setup.change_secret(CLIENT_CERT=certificate.read_text(), CLIENT_KEY=key.read_text())
    v = expect_create_error(setup, driver, pool, "PERMISSION_DENIED", "Authentication")
    setup.change_secret(**setup.credentials())
    expect_recovery(v)


def test_expired_client_certificate(world, start_driver, pool, kmip):
    setup = world.set_up(Case())
    driver = start_driver()
    certificate, key = issue(kmip, "expired-client", CLIENT, days=(-2, -1))
    setup.change_secret(CLIENT_CERT=certificate.read_text(), CLIENT_KEY=key.read_text())
    v = expect_create_error(setup, driver, pool, "INVALID_ARGUMENT", "certificate", "expired")
    setup.change_secret(**setup.credentials())
    expect_recovery(v)


# ---- the server's -------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["rsa-1.2", "ec-1.3"])
def test_ca_of_somebody_else(world, start_driver, pool, kube, kind):
    setup = world.set_up(Case(kinds=(kind,)))
    driver = start_driver()
    existing = small_volume(driver, setup)
    setup.change_secret(CA_CERT=kube.ca_pem)
    wait_until(lambda: try_stage(existing) is not None)
    expect_stage_error(existing, setup, "INVALID_ARGUMENT", "CA certificate")
    v = expect_create_error(setup, driver, pool, "INVALID_ARGUMENT", "CA certificate",
                            setup.options["KMIP_ENDPOINT"])
    setup.change_secret(**setup.credentials())
    expect_opens(existing)
    existing.delete()
    expect_recovery(v)


@contextlib.contextmanager
def in_front(kmip, certificate=None):
    with Relay(kmip, kmip.node_of("ec-1.3"), certificate) as relay:
        yield relay


SERVERS = {
    "expired": ({"dns": SERVER_NAME, "days": (-2, -1)}, ["expired"]),
    "another host's": ({"dns": "other.example"}, [SERVER_NAME]),
    "without any name": ({}, [SERVER_NAME]),
}


@pytest.mark.parametrize("name", SERVERS)
def test_server_certificate(world, start_driver, pool, kmip, name):
    options, words = SERVERS[name]
    wrong = issue(kmip, f"server-{name}".replace(" ", "-").replace("'", ""), SERVER, **options)
    with in_front(kmip, wrong) as relay:
        setup = world.set_up(Case(), endpoint=relay.endpoint)
        driver = start_driver()
        v = expect_create_error(setup, driver, pool, "INVALID_ARGUMENT", relay.endpoint, *words)
        assert relay.exchanges == [], "it was asked something all the same"
        relay.show((kmip.tls / "server-ec.pem", kmip.tls / "server-ec.key"))
        expect_recovery(v)
        assert relay.exchanges


def test_name_of_another_server(world, start_driver, pool):
    setup = world.set_up(Case(options={"TLS_SERVER_NAME": "other.example"}))
    driver = start_driver()
    v = expect_create_error(setup, driver, pool, "INVALID_ARGUMENT", "other.example", "server name")
    setup.write_entry(TLS_SERVER_NAME=None)
    wait_until_served(v)


def wait_until_served(v):
    """The entry's change reaches the driver by a watch."""
    def is_served():
        try:
            v.take(v.driver.controller.call("CreateVolume", v.create_request()))
            return True
        except RpcError:
            return False

    wait_until(is_served)
    v.stage().unstage().delete()


def test_server_without_the_tls_that_is_asked_for(world, start_driver, pool):
    setup = world.set_up(Case(kinds=("ec-1.2",), options={"TLS_MIN_VERSION": "1.3"}))
    driver = start_driver()
    v = expect_create_error(setup, driver, pool, "INVALID_ARGUMENT", "TLS")
    setup.write_entry(TLS_MIN_VERSION="1.2")
    wait_until_served(v)


def test_a_server_with_a_wrong_certificate_is_passed_over(world, start_driver, kmip):
    """And that is said, for nobody would notice by itself."""
    wrong = issue(kmip, "server-passed-over", SERVER, dns="other.example")
    with in_front(kmip, wrong) as relay:
        endpoint = f"{relay.endpoint},{kmip.endpoint(kmip.node_of('ec-1.3'))}"
        setup = world.set_up(Case(), endpoint=endpoint)
        driver = start_driver()
        v = small_volume(driver, setup).stage().unstage()
        for process in (driver.controller, driver.node):
            lines = [line for line in process.log_path.read_text().splitlines()
                     if relay.endpoint in line and "kmip_server_refused" in line]
            assert len(lines) == 1 and SERVER_NAME in lines[0], process.role
        assert relay.exchanges == []
        v.delete()
