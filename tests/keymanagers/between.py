# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Somebody between the driver and one node of Vault: passes requests on, and does what a test wants
at one of them."""
import contextlib
import dataclasses
import http.client
import http.server
import ssl
import threading
import urllib.parse
from collections.abc import Callable

# Of one connection alone.
NOT_PASSED_ON = ("connection", "content-length", "host", "transfer-encoding")


@dataclasses.dataclass
class Rule:
    """What happens at the next request of a method whose path has a piece in it."""
    method: str
    piece: str
    # Called when the node has answered, before the driver hears of it.
    answered: Callable[[], None] = lambda: None
    # The driver never hears of it: the connection ends instead.
    is_lost: bool = False


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        between = self.server.between
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if between.is_deaf:
            self.hang_up()
            return
        rule = between.take(self.command, self.path)
        status, headers, data = between.pass_on(self.command, self.path, self.headers, body)
        if rule is not None:
            rule.answered()
            if rule.is_lost:
                self.hang_up()
                return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = handle_any

    def hang_up(self):
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_):
        pass


class Between:
    """A server with the certificate of a node's folder in front of one of its addresses."""

    def __init__(self, vault, node=1):
        self.rules, self.is_deaf = [], False
        self.upstream = urllib.parse.urlsplit(vault.addresses[node - 1]).netloc
        self.context = ssl.create_default_context(cafile=vault.env["RBDCRYPT_VAULT_CA"])
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.between = True, self
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(vault.folder / "tls" / "server.pem", vault.folder / "tls" / "server.key")
        # The handshake is the business of the connection's own thread.
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                             do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self):
        return f"https://127.0.0.1:{self.server.server_port}"

    def at_next(self, method, piece, **what):
        self.rules.append(Rule(method, piece, **what))

    def take(self, method, path):
        for rule in self.rules:
            if rule.method == method and rule.piece in path:
                self.rules.remove(rule)
                return rule
        return None

    def pass_on(self, method, path, headers, body):
        connection = http.client.HTTPSConnection(self.upstream, context=self.context, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body=body or None, headers={
                name: value for name, value in headers.items()
                if name.lower() not in NOT_PASSED_ON})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
