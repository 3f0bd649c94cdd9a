# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Somebody between the driver and one KMIP server, who ends the TLS of both: sees each message in the
clear, counts connections, and can show the driver another certificate than the server's."""
import contextlib
import dataclasses
import socket
import socketserver
import ssl
import threading

from kmip.core import enums, utils
from kmip.core.messages import contents, messages

HEADER_BYTES = 8
# Where the operation of a request of one item stands (kmip.md 9).
OPERATION = slice(88, 92)


@dataclasses.dataclass
class Exchange:
    """One request and its answer, whole messages."""
    connection: int
    request: bytes
    answer: bytes


class Server(socketserver.ThreadingTCPServer):
    daemon_threads, request_queue_size = True, 64


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        relay = self.server.relay
        with contextlib.suppress(OSError), relay.tls.wrap_socket(
                self.request, server_side=True) as client, relay.dial() as server:
            relay.connections += 1
            number = relay.connections
            while (request := receive_message(client)) is not None:
                server.sendall(request)
                answer = receive_message(server)
                if relay.newest and operation_of(request) == enums.Operation.DISCOVER_VERSIONS:
                    answer = without_newer(answer, contents.ProtocolVersion(*relay.newest))
                relay.exchanges.append(Exchange(number, request, answer))
                client.sendall(answer)


def operation_of(request):
    return enums.Operation(int.from_bytes(request[OPERATION], "big"))


def without_newer(answer, newest):
    """An answer to Discover Versions, without versions beyond one."""
    version = enums.KMIPVersion.KMIP_1_4
    message, written = messages.ResponseMessage(), utils.BytearrayStream()
    message.read(utils.BytearrayStream(answer), kmip_version=version)
    payload = message.batch_items[0].response_payload
    payload.protocol_versions = [each for each in payload.protocol_versions if each <= newest]
    message.write(written, kmip_version=version)
    return bytes(written.buffer)


def receive_message(connection):
    """All bytes of a message; None at the end of the connection."""
    header = receive(connection, HEADER_BYTES)
    if header is None:
        return None
    return header + receive(connection, int.from_bytes(header[4:], "big"))


def receive(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            return None
        data += piece
    return data


class Relay:
    """In front of one node. `certificate`: paths of the PEM files that it shows, with its key;
    `newest`: the newest version of KMIP that the server seems to have."""

    def __init__(self, kmip, node, certificate=None, newest=None):
        self.upstream, self.newest = ("127.0.0.1", kmip.port(node)), newest
        self.connections, self.exchanges = 0, []
        self.client = ssl.create_default_context(cafile=kmip.tls / "ca.pem")
        self.client.load_cert_chain(kmip.tls / "client.pem", kmip.tls / "client.key")
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=kmip.tls / "ca.pem")
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.show(certificate or (kmip.tls / "server-ec.pem", kmip.tls / "server-ec.key"))
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.relay = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def show(self, certificate):
        """From the next connection on."""
        self.tls.load_cert_chain(*certificate)

    def dial(self):
        return self.client.wrap_socket(socket.create_connection(self.upstream, timeout=30),
                                       server_hostname="127.0.0.1")

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
