"""The transport over pyreqwest (reqwest, hyper and rustls, in Rust); imported when the first request is really made.

The library does everything by itself unless it is told not to: here it follows no redirect, decompresses nothing, keeps
no cookie, reads no proxy from the environment and retries nothing, so that `blast_pm.index.fetch` decides it all.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from pyreqwest.client import SyncClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    ConnectError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestPanicError,
    RequestTimeoutError,
)
from pyreqwest.proxy import ProxyBuilder

from blast_core.errors import IndexAccessError, IndexTimeout, UsageError
from blast_pm.index.credentials import origin_of, without_credentials
from blast_pm.index.transport import UNREACHABLE_HINT, ConnectionFault
from blast_pm.index.transport.options import NetworkOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyreqwest.client import SyncClient
    from pyreqwest.request import SyncStreamRequest
    from pyreqwest.response import SyncResponse

__all__ = ["PyreqwestExchange", "PyreqwestTransport", "translated"]

_CONNECT_TIMEOUT_S = 10.0
_IDLE_S = 30.0
# Nothing is read ahead of whoever consumes a body: reading ahead would wait for a slow server where nobody watches it.
_BUFFER_BYTES = 0
# Per HTTP/2 stream and connection. Small windows would make every download wait for the other side's permission.
_STREAM_WINDOW = 1 << 20
_CONNECTION_WINDOW = 16 << 20
_HEADERS_BYTES = 64 << 10


class PyreqwestTransport:
    """Makes exchanges with pyreqwest, over kept connections; HTTP/2 where the server offers it.

    Args:
        options: certificates, proxies, time limits. A bundle of authorities is not for this adapter: it would count
            besides the system's, not instead of them.
        connections: kept per server.
        http2: offer HTTP/2 to the server.
        secure: read the certificates now rather than when they are first needed, which takes some 10 ms.

    Raises:
        UsageError: the client certificate, or this machine's certificate authorities, can't be used.
    """

    def __init__(
        self,
        options: NetworkOptions | None = None,
        *,
        connections: int = 16,
        http2: bool = True,
        secure: bool = False,
    ) -> None:
        self._options = options or NetworkOptions()
        self._connections = connections
        self._http2 = http2
        self._clients: dict[tuple[str, bool], SyncClient] = {}
        self._lock = threading.Lock()
        if secure or self._options.client_cert:
            # What can't be used shows at once, while another adapter can still be chosen.
            self._client_for_key("", verify=True)

    def open(self, url: str, headers: Mapping[str, str]) -> PyreqwestExchange:
        """Send one GET; see ``Transport.open``."""
        shown = without_credentials(url)
        host, port = _split(url)
        if not host:
            raise IndexAccessError(f"{shown} is not an address", reason="it has no host, or signs that none has")
        with translated(shown):
            client = self._client_for(url, host, port)
            builder = client.get(url).streamed_read_buffer_limit(_BUFFER_BYTES)
            for name, value in headers.items():
                builder = builder.header(name, value, is_sensitive=name == "Authorization")
            request = builder.build_streamed()
            return PyreqwestExchange(request, request.__enter__(), shown)

    def close(self) -> None:
        """Drop all connections."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def _client_for(self, url: str, host: str, port: int) -> SyncClient:
        options = self._options
        scheme = url.partition("://")[0].lower()
        proxy = options.proxy_for(scheme, host, port)
        # Where no certificate is shown none needs to be checked, and the authorities' 300 files needn't be read.
        shown = [(host, port)] if scheme == "https" else []
        if proxy.startswith("https:"):
            shown.append(_split(without_credentials(proxy)))
        return self._client_for_key(proxy, verify=not all(options.is_trusted(*server) for server in shown))

    def _client_for_key(self, proxy: str, *, verify: bool) -> SyncClient:
        with self._lock:
            client = self._clients.get((proxy, verify))
            if client is None:
                client = self._clients[proxy, verify] = self._make_client(proxy, verify=verify)
        return client

    def _make_client(self, proxy: str, *, verify: bool) -> SyncClient:
        timeout_s = self._options.timeout_s
        builder = (
            SyncClientBuilder()
            .follow_redirects(False)  # noqa: FBT003 - the library's own interface
            .referer(False)  # noqa: FBT003
            .gzip(False)  # noqa: FBT003
            .brotli(False)  # noqa: FBT003
            .zstd(False)  # noqa: FBT003
            .deflate(False)  # noqa: FBT003
            .no_proxy()  # the environment was read once, in `network_options`
            .connect_timeout(timedelta(seconds=min(timeout_s, _CONNECT_TIMEOUT_S)))
            .read_timeout(timedelta(seconds=timeout_s))
            .pool_idle_timeout(timedelta(seconds=_IDLE_S))
            .pool_max_idle_per_host(self._connections)
            .http2(self._http2)
            .danger_accept_invalid_certs(not verify)
        )
        if self._http2:
            builder = (
                builder.http2_initial_stream_window_size(_STREAM_WINDOW)
                .http2_initial_connection_window_size(_CONNECTION_WINDOW)
                .http2_max_header_list_size(_HEADERS_BYTES)
            )
        if proxy:
            builder = builder.proxy(_make_proxy(proxy))
        try:
            if self._options.client_cert:
                builder = builder.identity_pem(_read_identity(self._options.client_cert))
            return builder.build()
        except (BuilderError, ValueError) as error:
            raise UsageError(
                "the certificates of this machine or the client's own can't be used", reason=_reason(error)
            ) from None


class PyreqwestExchange:
    """One answer of pyreqwest; see ``Exchange``."""

    __slots__ = ("_closed", "_left", "_reader", "_request", "_shown", "headers", "status")

    def __init__(self, request: SyncStreamRequest, response: SyncResponse, shown: str) -> None:
        self._request = request
        self._reader = response.body_reader
        self._shown = shown
        self._closed = False
        self.status = response.status
        headers: dict[str, str] = {}
        for name, value in response.headers.items():
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.headers: Mapping[str, str] = headers

    def read(self) -> bytes:
        """Return the next piece of the body; see ``Exchange.read``."""
        with translated(self._shown):
            piece = self._reader.read_chunk()
            while piece is not None and not len(piece):  # an empty piece is not the end
                piece = self._reader.read_chunk()
            return b"" if piece is None else piece.to_bytes()

    def close(self) -> None:
        """Give the connection back or drop it."""
        if not self._closed:
            self._closed = True
            with translated(self._shown):
                self._request.__exit__(None, None, None)


def _split(url: str) -> tuple[str, int]:
    """Return host and port; "" for what this adapter must not send, as the library would read it in another way."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "://" not in url:
        return "", 0
    if url.partition("://")[0].lower() not in ("http", "https"):
        return "", 0
    host, _, port = origin_of(url).partition("://")[2].rpartition(":")
    return (host, int(port)) if port.isdigit() else ("", 0)


def _make_proxy(address: str) -> ProxyBuilder:
    """Return the proxy at an address, which may hold user and password.

    Raises:
        UsageError: the library can't use it; the password is not in the text.
    """
    try:
        return ProxyBuilder.all(address)
    except (BuilderError, ValueError):
        raise UsageError("the proxy's address can't be used", hint="check pip's option 'proxy'") from None


def _read_identity(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(1 << 20)
    except OSError as error:
        raise UsageError(
            "a certificate file can't be used",
            reason=f"{path}: {error.strerror}",
            hint="see pip's option 'client-cert', or set BLAST_CLIENT_CERT",
        ) from None


def _reason(error: Exception) -> str:
    """Return the innermost cause's text: the outer ones repeat the address."""
    if isinstance(error, DetailedPyreqwestError):
        causes = error.details.get("causes") or []
        if causes:
            return causes[-1]["message"]
    return str(error) if not isinstance(error, PyreqwestError) else error.message


@contextmanager
def translated(shown: str) -> Iterator[None]:
    """Turn pyreqwest's errors into ours, most specific first."""
    try:
        yield
    except RequestTimeoutError as error:
        # The library says "connect" for all that happens before the answer begins.
        waiting = "connect" if "client error (Connect)" in _texts(error) else "answer"
        raise IndexTimeout(
            f"{shown} did not {waiting} in time",
            reason=type(error).__name__,
            hint="set BLAST_HTTP_TIMEOUT to wait longer",
        ) from None
    except ConnectError as error:
        reason = _reason(error)
        if "certificate" in reason:
            raise IndexAccessError(
                f"the certificate of {shown} is not trusted",
                reason=reason,
                hint="name your certificate authority with BLAST_CERT or pip's option 'cert'",
            ) from None
        what = "can't be reached" if any("(Connect)" in text for text in _texts(error)) else "broke off"
        raise ConnectionFault(f"{shown} {what}", reason=reason, hint=UNREACHABLE_HINT) from None
    except BuilderError as error:
        raise IndexAccessError(f"{shown} is no address that is fetched", reason=_reason(error)) from None
    except RequestPanicError as error:
        raise IndexAccessError(f"{shown} can't be fetched", reason=_reason(error)) from None
    except PyreqwestError as error:
        raise ConnectionFault(f"the connection to {shown} broke", reason=_reason(error)) from None
    except ValueError as error:  # an address that its parser refuses
        raise IndexAccessError(f"{shown} is not an address", reason=str(error)) from None


def _texts(error: DetailedPyreqwestError) -> list[str]:
    return [cause["message"] for cause in error.details.get("causes") or []]
