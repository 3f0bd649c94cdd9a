# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The life of volumes whose keys a real KMIP server wraps, with no right granted but those of the
example; and the texts they leave, held against their descriptions."""
import os

import pytest

import keys
import texts
from harness.calls import (expect_stage_error, live, small_volume, stage_error, try_stage,
                           wait_until)
from kmip_world import WRAPS, Case
from recording import expect_opens

# What of a server's that each way to wrap needs. That of our own format is opened by the server's
# Decrypt where it has one, whoever wrapped it, so that the key stays there.
USED = {"cbc": {"Encrypt", "Decrypt"}, "local": {"Get"}, "aead": {"Encrypt", "Decrypt"},
        "aead-local": {"Get", "Encrypt", "Decrypt"}}
ONLY_1_3 = {"TLS_MIN_VERSION": "1.3"}
# Each way of wrapping with either certificate, each kind of server twice.
CASES = [
    Case("cbc", ("ec-1.2",)),
    Case("cbc", ("rsa-1.3",), ONLY_1_3, spelling="KMS_PROVIDER"),
    Case("local", ("ec-1.3",), ONLY_1_3),
    Case("local", ("rsa-1.2",)),
    Case("aead", ("rsa-1.2",), spelling="KMS_PROVIDER"),
    Case("aead", ("ec-1.3",), ONLY_1_3),
    Case("aead-local", ("ec-1.2",)),
    Case("aead-local", ("rsa-1.3",), ONLY_1_3),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_whole_life_with_kmip(world, start_driver, pool, kmip, case):
    setup = world.set_up(case)
    log = kmip.log(kmip.node_of(case.kinds[0]))
    live(setup, start_driver(), pool, lambda v: setup.dek_of(v).decode())
    used = {operation for operation in ("Encrypt", "Decrypt", "Get") if log.count(operation)}
    assert used == USED[case.wrap]


@pytest.mark.parametrize("wrap", WRAPS)
def test_other_implementations_open_what_the_text_holds(world, start_driver, pool, wrap):
    setup = world.set_up(Case(wrap))
    v = small_volume(start_driver(), setup)
    expect_opens(v, pool, setup.dek_of(v))
    v.stage().unstage().delete()


@pytest.mark.parametrize("wrap, rewrap", [("cbc", texts.wrap_cbc), ("local", texts.wrap_local)])
def test_a_text_by_ceph_csi_opens_here(world, start_driver, pool, wrap, rewrap):
    """Under either setting: the text says by its nonce how it was wrapped."""
    setup = world.set_up(Case(wrap))
    v = small_volume(start_driver(), setup)
    dek, kek = setup.dek_of(v), setup.keks[setup.key_id]
    nonce = os.urandom(16 if wrap == "cbc" else 12)
    theirs = rewrap(dek, kek, nonce)
    pool.set_metadata(v.image, keys.DEK_KEY, theirs)
    v.stage().unstage()
    setup.write_entry(USE_CRYPTO_RPC="false" if wrap == "cbc" else "true")
    v.stage().unstage()
    # It was looked at, and nothing else was tried.
    pool.set_metadata(v.image, keys.DEK_KEY, rewrap(dek[:-1] + b"?", kek, nonce))
    stage_error(v)
    pool.set_metadata(v.image, keys.DEK_KEY, theirs)
    v.stage().unstage().delete()


def test_the_server_is_asked_what_it_can(world, start_driver, kmip):
    """Without USE_CRYPTO_RPC: PyKMIP says by Query that it encrypts."""
    setup = world.set_up(Case("cbc", options={"USE_CRYPTO_RPC": None}))
    log = kmip.log(kmip.node_of("ec-1.3"))
    v = small_volume(start_driver(), setup)
    assert setup.dek_of(v)
    assert log.count("Query") and log.count("Encrypt") and not log.count("Get")
    v.stage().unstage().delete()


@pytest.mark.parametrize("wrap", WRAPS)
def test_swapped_texts_are_noticed(world, start_driver, pool, wrap):
    """By the text itself in our format; in ceph-csi's, which binds nothing, by the header that does
    not open (safety E2)."""
    setup = world.set_up(Case(wrap))
    driver = start_driver()
    volumes = [small_volume(driver, setup) for _ in range(2)]
    stored = [setup.text_of(v) for v in volumes]
    for v, text in zip(volumes, reversed(stored)):
        pool.set_metadata(v.image, keys.DEK_KEY, text)
    for v in volumes:
        expect_stage_error(v, setup, "DATA_LOSS" if "aead" in wrap else "UNAUTHENTICATED")
    for v, text in zip(volumes, stored):
        pool.set_metadata(v.image, keys.DEK_KEY, text)
        v.stage().unstage().delete()


@pytest.mark.parametrize("wrap", WRAPS)
def test_damaged_texts_are_damage(world, start_driver, pool, wrap):
    setup = world.set_up(Case(wrap))
    v = small_volume(start_driver(), setup)
    text = setup.text_of(v)
    for damaged in (text[:-5], "{}", text.replace('"dek"', '"kek"'), text.replace("nonce", "nonse")):
        pool.set_metadata(v.image, keys.DEK_KEY, damaged)
        expect_stage_error(v, setup, "DATA_LOSS")
    pool.set_metadata(v.image, keys.DEK_KEY, text)
    v.stage().unstage().delete()


def test_credentials_in_a_folder(world, start_driver, kmip, folder):
    """Files instead of a Secret, as a projected volume has them; renewed ones count, too."""
    setup = world.set_up(Case())
    place = folder / "credentials"
    place.mkdir()
    for name, value in setup.credentials().items():
        write_file(place / name, value)
    setup.write_entry(KMIP_SECRET_NAME=None, KMIP_CREDENTIALS_DIR=str(place))
    setup.change_secret(CA_CERT="no longer looked at")
    v = small_volume(start_driver(), setup)
    v.stage().unstage()
    other = setup.new_key()
    write_file(place / "UNIQUE_IDENTIFIER", "no-such-key")
    wait_until(lambda: try_stage(v) is not None)
    expect_stage_error(v, setup, "NOT_FOUND", "no-such-key", "UNIQUE_IDENTIFIER")
    write_file(place / "UNIQUE_IDENTIFIER", f"{other}\n")
    wait_until(lambda: try_stage(v).code != "NOT_FOUND")
    write_file(place / "UNIQUE_IDENTIFIER", setup.key_id)
    wait_until(lambda: try_stage(v) is None)
    v.delete()


def write_file(path, text):
    """As Kubernetes does: the whole, or what was there before."""
    new = path.with_name(f".{path.name}")
    new.touch(0o600)
    new.write_text(text)
    new.rename(path)
