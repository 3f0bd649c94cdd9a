# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The bytes that we send a KMIP server, by the eyes of others: tshark takes them apart as TTLV, and
PyKMIP's own messages write them again as they were. And how few there are."""
import struct

import pytest
from kmip.core import enums, primitives, utils
from kmip.core.messages import contents, messages

from admin import check, destroy_key, new_key
from harness.calls import small_volume
from kmip_world import WRAPS, Case
from relay import HEADER_BYTES, Relay, operation_of
from tshark import dissect

STRUCTURE = 1
# kmip.md 9: Encrypt by ceph-csi's parameters.
EXAMPLE = bytes.fromhex(
    "420078010000010042007701000000384200690100000020"
    "42006a0200000004000000010000000042006b02000000040000000400000000"
    "42000d02000000040000000100000000" "42000f01000000b8" "42005c05000000040000001f00000000"
    "420093080000001011111111222233334444555555555555" "4200790100000088"
    "42009407000000013100000000000000" "42002b0100000030" "42001105000000040000000100000000"
    "42005f05000000040000000300000000" "42002805000000040000000300000000"
    "4200c20800000020a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
    "42003d0800000010101112131415161718191a1b1c1d1e1f")


@pytest.fixture
def relay(kmip, request):
    """By the version that a test asks for, else the server's newest."""
    newest = getattr(request, "param", None)
    with Relay(kmip, kmip.node_of("ec-1.3"), newest=newest) as made:
        yield made


def read(request):
    """(PyKMIP's message of these bytes, the version it has)."""
    version = header_version(request)
    message = messages.RequestMessage()
    message.read(utils.BytearrayStream(request), kmip_version=version)
    return message, version


def header_version(request):
    """Of the header, at its fixed place; the values are at 32 and 48 (kmip.md 9)."""
    numbers = struct.unpack(">i", request[32:36]) + struct.unpack(">i", request[48:52])
    return contents.protocol_version_to_kmip_version(contents.ProtocolVersion(*numbers))


def read_text(self, *arguments, **options):
    """PyKMIP 0.10.0 takes a text of 8, 16 … bytes for one with 8 bytes of padding once it has read
    it: rightly read, it is written wrongly."""
    READ_TEXT(self, *arguments, **options)
    self.padding_length %= self.PADDING_SIZE


READ_TEXT = primitives.TextString.read_value
primitives.TextString.read_value = read_text


def written(message, version):
    stream = utils.BytearrayStream()
    message.write(stream, kmip_version=version)
    return bytes(stream.buffer)


def operations(exchanges):
    return [operation_of(each.request) for each in exchanges]


def make_everything_be_sent(world, start_driver, relay):
    """Each request that the driver and the administrator's verbs have."""
    for wrap in WRAPS:
        setup = world.set_up(Case(wrap), endpoint=relay.endpoint)
        driver = start_driver()
        v = small_volume(driver, setup)
        assert setup.dek_of(v)
        v.stage().unstage().delete()
        setup.remove()
        world.setups.remove(setup)
    setup = world.set_up(Case(options={"USE_CRYPTO_RPC": None}), endpoint=relay.endpoint)
    driver = start_driver()
    assert check(setup, driver)[0] == 0
    key_id = new_key(setup, driver, f"bytes-{setup.kms_id}")
    status, report = destroy_key(setup, driver, key_id)
    assert status == 0, report


def test_the_dissector_sees_damage(folder):
    """A byte of any header, or of padding, with its highest bit turned."""
    assert dissect(folder, [EXAMPLE])[0].errors == []
    places = sorted(structure_of(EXAMPLE))
    # 17 items with headers of 8 bytes; 4 of padding behind each of 7 numbers, 7 behind the text "1".
    assert len(places) == 17 * HEADER_BYTES + 7 * 4 + 7
    damaged = [EXAMPLE[:at] + bytes([EXAMPLE[at] ^ 0x80]) + EXAMPLE[at + 1:] for at in places]
    damaged += [EXAMPLE[:-HEADER_BYTES], EXAMPLE + bytes(HEADER_BYTES), b"HTTP/1.1 400 Bad Request"]
    missed = [at for at, each in zip([*places, "cut", "more", "http"], dissect(folder, damaged))
              if not each.errors]
    assert missed == []


def items_of(message, start=0, end=None):
    """(place, length of its value) of each item."""
    end = len(message) if end is None else end
    while start < end:
        length = int.from_bytes(message[start + 4:start + HEADER_BYTES], "big")
        yield start, length
        value, after = start + HEADER_BYTES, start + HEADER_BYTES + -(-length // 8) * 8
        if message[start + 3] == STRUCTURE:
            yield from items_of(message, value, after)
        start = after


def structure_of(message):
    """The places of bytes that are header or padding."""
    for start, length in items_of(message):
        value = start + HEADER_BYTES
        yield from range(start, value)
        yield from range(value + length, value + -(-length // 8) * 8)


EVERYTHING = {enums.Operation[name] for name in (
    "DISCOVER_VERSIONS", "QUERY", "ENCRYPT", "DECRYPT", "GET", "GET_ATTRIBUTES", "LOCATE", "CREATE",
    "ACTIVATE", "REVOKE", "DESTROY")}


@pytest.mark.parametrize("relay", [(2, 0), (1, 4), (1, 2)], indirect=True)
def test_others_read_what_we_send(world, start_driver, relay, folder):
    make_everything_be_sent(world, start_driver, relay)
    requests = [each.request for each in relay.exchanges]
    assert set(operations(relay.exchanges)) == EVERYTHING
    agreed = contents.protocol_version_to_kmip_version(contents.ProtocolVersion(*relay.newest))
    for request, dissection in zip(requests, dissect(folder, requests), strict=True):
        assert dissection.errors == [], request.hex()
        assert len(dissection.items) == sum(1 for _ in items_of(request)), request.hex()
        message, version = read(request)
        assert written(message, version) == request, request.hex()
        assert version == agreed or operation_of(request) == enums.Operation.DISCOVER_VERSIONS
    for each in relay.exchanges:
        expect_understood(each)


def expect_understood(exchange):
    """The server answers that very question: not that it could not read it."""
    message, version = read(exchange.request)
    asked, = message.batch_items
    answer = messages.ResponseMessage()
    answer.read(utils.BytearrayStream(exchange.answer), kmip_version=version)
    answered, = answer.batch_items
    assert answered.operation.value == asked.operation.value
    assert answered.unique_batch_item_id.value == asked.unique_batch_item_id.value


@pytest.mark.parametrize("relay", [(1, 4)], indirect=True)
def test_encrypt_is_as_ceph_csi_sends_it(world, start_driver, relay):
    """The worked example, but for the IDs, the DEK and its IV."""
    setup = world.set_up(Case("cbc"), endpoint=relay.endpoint)
    v = small_volume(start_driver(), setup)
    dek = setup.dek_of(v)
    sent, = (each.request for each in relay.exchanges if dek in each.request)
    message, version = read(sent)
    item, = message.batch_items
    assert item.request_payload.data == dek
    example, _ = read(EXAMPLE)
    was = example.batch_items[0]
    item.unique_batch_item_id = was.unique_batch_item_id
    for field in ("unique_identifier", "data", "iv_counter_nonce"):
        setattr(item.request_payload, field, getattr(was.request_payload, field))
    assert written(message, version) == EXAMPLE
    v.delete()


# Of a warm driver: what one stage asks, and what one create: the text is unwrapped once more from
# where it is stored.
STAGE = {"cbc": ["DECRYPT"], "local": ["GET"], "aead": ["DECRYPT"], "aead-local": ["DECRYPT"]}
CREATE = {"cbc": ["ENCRYPT", "DECRYPT"], "local": ["GET_ATTRIBUTES", "GET", "GET"],
          "aead": ["ENCRYPT", "DECRYPT"], "aead-local": ["GET_ATTRIBUTES", "GET", "DECRYPT"]}


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_warm_driver_asks_once_and_never_shakes_hands_again(world, start_driver, relay, wrap):
    setup = world.set_up(Case(wrap), endpoint=relay.endpoint)
    driver = start_driver()
    volumes = [small_volume(driver, setup).stage().unstage() for _ in range(2)]
    connections, asked = relay.connections, len(relay.exchanges)
    for _ in range(3):
        volumes[0].stage().unstage()
    assert [each.name for each in operations(relay.exchanges[asked:])] == STAGE[wrap] * 3
    asked = len(relay.exchanges)
    volumes += [small_volume(driver, setup) for _ in range(3)]
    assert [each.name for each in operations(relay.exchanges[asked:])] == CREATE[wrap] * 3
    assert relay.connections == connections, "it connected again"
    for v in volumes:
        v.delete()


def test_a_fetched_key_is_kept_as_long_as_the_entry_says(world, start_driver, relay):
    setup = world.set_up(Case("local", options={"KEK_CACHE_SECONDS": "600"}),
                         endpoint=relay.endpoint)
    driver = start_driver()
    v = small_volume(driver, setup).stage().unstage()
    asked = len(relay.exchanges)
    for _ in range(3):
        v.stage().unstage()
    assert operations(relay.exchanges[asked:]) == []
    v.delete()
