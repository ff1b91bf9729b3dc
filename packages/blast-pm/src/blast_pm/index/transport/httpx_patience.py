"""A limit that httpx lacks: a server that sends the head of its answer byte by byte makes no progress.

httpx's time limit begins anew with each byte, so that such a server could hold a thread for days.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

__all__ = ["ImpatientBackend"]

# As `blast_pm.index.fetch` has it for bodies: fewer bytes within one time limit are no progress.
_LEAST_BYTES = 1024


class ImpatientBackend(httpcore.NetworkBackend):
    """Makes connections whose answers have to come at a least speed.

    Args:
        timeout_s: the window in which that speed is measured.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect, and watch what comes."""
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _ImpatientStream(stream, self._timeout_s)

    def sleep(self, seconds: float) -> None:
        """Wait between attempts to connect."""
        self._backend.sleep(seconds)


class _ImpatientStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, timeout_s: float) -> None:
        self._stream = stream
        self._timeout_s = timeout_s
        self._began = time.monotonic()
        self._received = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, timeout)
        self._received += len(data)
        now = time.monotonic()
        if now - self._began > self._timeout_s:
            if data and self._received < _LEAST_BYTES:
                raise httpcore.ReadTimeout(f"{self._received} bytes in {now - self._began:.0f} s")
            self._began, self._received = now, 0
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)
        self._began, self._received = time.monotonic(), 0

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _ImpatientStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._timeout_s)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
