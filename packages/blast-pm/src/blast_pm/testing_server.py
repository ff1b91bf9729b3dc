"""The server behind `blast_pm.testing.StaticIndex`: what it was asked, what it answers, and how it fails."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

__all__ = ["LoopbackServer", "Reply", "Request", "Site"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the server received; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer instead of the truth.

    Attributes:
        status: HTTP status.
        body: content.
        headers: replace or add to Content-Length and Content-Type; None as value leaves one out.
        cut_at: close the connection after so many bytes of the body.
        reset: reset the connection (RST) instead of closing it in order.
        chunk: bytes per write, 0 for all at once.
        pause_s: wait so long before each write, the first too.
        before_s: wait so long before the status line.
        raw: send these bytes and close, instead of everything above.
        passes: answer the truth after all (a place in a script).
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    cut_at: int | None = None
    reset: bool = False
    chunk: int = 0
    pause_s: float = 0.0
    before_s: float = 0.0
    raw: bytes = b""
    passes: bool = False


class Site(Protocol):
    """What a server serves.

    Attributes:
        connections: how many were made so far.
        stopped: set when no answer is waited for any more.
    """

    connections: int
    stopped: threading.Event

    def answer(self, request: Request) -> Reply:
        """Return what to send."""


class LoopbackServer(ThreadingHTTPServer):
    """Answers with what its ``index`` says, each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 64
    index: Site

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002 - the base's name
        """Count the connection."""
        self.index.connections += 1
        return True

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: clients that hang up are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoopbackServer
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.index.answer(Request(self.command, self.path, headers)))

    do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Stay silent."""

    def _send(self, reply: Reply) -> None:
        self._wait(reply.before_s)
        if reply.raw:
            self.wfile.write(reply.raw)
            self._hang_up(reset=reply.reset)
            return
        headers: dict[str, str | None] = {"Content-Type": "application/octet-stream"}
        headers["Content-Length"] = str(len(reply.body))
        for name, value in reply.headers.items():
            headers = {known: text for known, text in headers.items() if known.lower() != name.lower()}
            headers[name] = value
        self.send_response(reply.status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(reply)

    def _send_body(self, reply: Reply) -> None:
        body = reply.body if reply.cut_at is None else reply.body[: reply.cut_at]
        step = reply.chunk or len(body) or 1
        for start in range(0, len(body), step):
            if self._wait(reply.pause_s):
                break
            self.wfile.write(body[start : start + step])
            self.wfile.flush()
        if reply.cut_at is not None or reply.reset:
            self._hang_up(reset=reply.reset)
        if reply.headers.get("Content-Length", "") is None:
            self.close_connection = True

    def _wait(self, seconds: float) -> bool:
        return seconds > 0 and self.server.index.stopped.wait(seconds)

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        self.wfile.flush()
        if reset:
            import socket
            import struct

            time.sleep(0.02)  # what was written shall arrive before the reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
