"""Helpers for tests: proxies and certificates on loopback, real ones.

    with LoopbackProxy(index.port, username="me", password="secret") as proxy:
        options = NetworkOptions(proxies=(("https", proxy.url),))
        assert proxy.asked == ["CONNECT index.invalid:443"]

A proxy leads every host to one port of this machine, so that tests use names that no one has.
"""

from __future__ import annotations

import base64
import os
import select
import socket
import socketserver
import ssl
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Authority", "LoopbackProxy", "make_authority"]

_PIECE = 1 << 16


class Authority(NamedTuple):
    """A certificate authority made for one test.

    Attributes:
        bundle: path of its certificate, PEM.
        server: path of a certificate with key for ``localhost``, ``127.0.0.1`` and ``index.invalid``.
        client: path of a certificate with key for a client.
    """

    bundle: str
    server: str
    client: str

    def server_context(self, *, mutual: bool = False) -> ssl.SSLContext:
        """Return the context of a server; ``mutual`` asks clients for a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        if mutual:
            context.load_verify_locations(self.bundle)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make_authority(directory: str | os.PathLike[str]) -> Authority:
    """Write a new authority's files into ``directory``, which must exist."""
    import trustme

    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1", "index.invalid")
    client = authority.issue_cert("client@index.invalid")
    paths = [os.path.join(directory, name) for name in ("authority.pem", "server.pem", "client.pem")]
    authority.cert_pem.write_to_path(paths[0])
    server.private_key_and_cert_chain_pem.write_to_path(paths[1])
    client.private_key_and_cert_chain_pem.write_to_path(paths[2])
    return Authority(*paths)


class LoopbackProxy:
    """An HTTP proxy (CONNECT and whole addresses) that also speaks SOCKS5; a context manager.

    Args:
        target: port on 127.0.0.1 that every host leads to.
        username: asks for basic authentication; "" for none.
        password: goes with ``username``.
        context: makes the way to the proxy itself an encrypted one.
    """

    def __init__(
        self, target: int, *, username: str = "", password: str = "", context: ssl.SSLContext | None = None
    ) -> None:
        self.target = target
        self.credentials = f"{username}:{password}" if username else ""
        self.context = context
        self.asked: list[str] = []
        self._server = _ProxyServer(("127.0.0.1", 0), _ProxyHandler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, without user and password."""
        return f"{'https://localhost' if self.context else 'http://127.0.0.1'}:{self.port}"


class _ProxyServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    proxy: LoopbackProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: clients that hang up are what some tests are about."""


class _ProxyHandler(socketserver.BaseRequestHandler):
    server: _ProxyServer

    def handle(self) -> None:
        proxy = self.server.proxy
        connection: socket.socket = self.request
        if proxy.context is not None:
            connection = proxy.context.wrap_socket(connection, server_side=True)
        with connection:
            first = connection.recv(1, socket.MSG_PEEK) if proxy.context is None else b""
            if first == b"\x05":
                _serve_socks(connection, proxy)
            else:
                _serve_http(connection, proxy)


def _serve_http(connection: socket.socket, proxy: LoopbackProxy) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(_PIECE)
        if not piece:
            return
        head += piece
    lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, asked, _ = lines[0].split(" ")
    proxy.asked.append(f"{method} {asked}")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if proxy.credentials:
        wanted = "Basic " + base64.b64encode(proxy.credentials.encode()).decode()
        if headers.get("proxy-authorization") != wanted:
            connection.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n"
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return
    with socket.create_connection(("127.0.0.1", proxy.target)) as upstream:
        if method == "CONNECT":
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + asked.partition("://")[2].partition("/")[2]
            kept = [line for line in lines[1:] if not line.lower().startswith(("proxy-", "connection:"))]
            sent = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""])
            upstream.sendall(sent.encode("latin-1"))
        _pump(connection, upstream)


def _serve_socks(connection: socket.socket, proxy: LoopbackProxy) -> None:
    """Speak SOCKS5 without authentication (RFC 1928)."""
    connection.recv(2 + 255)
    connection.sendall(b"\x05\x00")
    request = connection.recv(4 + 256 + 2)
    if request[3] == 3:
        host, rest = request[5 : 5 + request[4]].decode(), request[5 + request[4] :]
    else:
        host, rest = socket.inet_ntoa(request[4:8]), request[8:]
    proxy.asked.append(f"SOCKS {host}:{int.from_bytes(rest[:2], 'big')}")
    with socket.create_connection(("127.0.0.1", proxy.target)) as upstream:
        connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
        _pump(connection, upstream)


def _pump(left: socket.socket, right: socket.socket) -> None:
    while True:
        pending = isinstance(left, ssl.SSLSocket) and left.pending()
        ready = [left] if pending else select.select([left, right], [], [], 10)[0]
        if not ready:
            return
        for source in ready:
            piece = source.recv(_PIECE)
            if not piece:
                return
            (right if source is left else left).sendall(piece)
