"""The transport over httpx; imported when the first request is really made."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from blast_core.errors import IndexAccessError, IndexTimeout, UsageError
from blast_pm.index.credentials import without_credentials
from blast_pm.index.transport import UNREACHABLE_HINT, ConnectionFault
from blast_pm.index.transport.httpx_patience import ImpatientBackend
from blast_pm.index.transport.options import NetworkOptions, make_ssl_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["HttpxExchange", "HttpxTransport", "translated"]

_CONNECT_TIMEOUT_S = 10.0


class HttpxTransport:
    """Makes exchanges with httpx, over kept connections.

    HTTP/1.1 is the default: measured against an HTTP/2 index, eight connections of HTTP/1.1 moved 60 pages in half of
    the time and two thirds of the processor's that one of HTTP/2 took, whose framing is done in Python.

    Args:
        options: certificates, proxies, time limits.
        connections: kept per proxy, and opened at most.
        http2: offer HTTP/2 to the server.
    """

    def __init__(self, options: NetworkOptions | None = None, *, connections: int = 16, http2: bool = False) -> None:
        self._options = options or NetworkOptions()
        self._connections = connections
        self._http2 = http2
        self._clients: dict[tuple[str, bool], httpx.Client] = {}
        self._lock = threading.Lock()

    def open(self, url: str, headers: Mapping[str, str]) -> HttpxExchange:
        """Send one GET; see ``Transport.open``."""
        shown = without_credentials(url)
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise IndexAccessError(f"{shown} is not an address", reason=str(error)) from None
        with translated(shown):
            client = self._client_for(parsed)
            response = client.send(client.build_request("GET", parsed, headers=dict(headers)), stream=True)
        return HttpxExchange(response, shown)

    def client_for(self, url: str) -> httpx.Client:
        """Return the client for exchanges that are no GET, with the proxy and the certificates that ``url`` asks for.

        Raises:
            IndexAccessError: it is no address.
        """
        try:
            return self._client_for(httpx.URL(url))
        except httpx.InvalidURL as error:
            raise IndexAccessError(f"{without_credentials(url)} is not an address", reason=str(error)) from None

    def close(self) -> None:
        """Drop all connections."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def _client_for(self, url: httpx.URL) -> httpx.Client:
        options = self._options
        port = url.port or (443 if url.scheme == "https" else 80)
        key = (options.proxy_for(url.scheme, url.host, port), not options.is_trusted(url.host, port))
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = self._make_client(*key)
        return client

    def _make_client(self, proxy: str, verify: bool) -> httpx.Client:  # noqa: FBT001 - as in the key
        timeout_s = self._options.timeout_s
        try:
            transport = httpx.HTTPTransport(
                verify=make_ssl_context(self._options, verify=verify),
                http2=self._http2,
                proxy=self._make_proxy(proxy) if proxy else None,
                trust_env=False,  # the environment was read once, in `network_options`
                limits=httpx.Limits(
                    max_connections=self._connections, max_keepalive_connections=self._connections, keepalive_expiry=30
                ),
            )
            # httpx has no argument for it; where a later one keeps it elsewhere, only that limit is missing.
            if hasattr(transport._pool, "_network_backend"):  # noqa: SLF001
                transport._pool._network_backend = ImpatientBackend(timeout_s)  # noqa: SLF001
            return httpx.Client(
                transport=transport,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none is kept
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S), pool=None),
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise UsageError(
                "the proxy's address can't be used", reason=type(error).__name__, hint="check pip's option 'proxy'"
            ) from None

    def _make_proxy(self, address: str) -> httpx.Proxy:
        url = httpx.URL(address)
        if url.scheme != "https":
            return httpx.Proxy(url)
        # It shows a certificate of its own, whatever the server behind it has.
        verify = not self._options.is_trusted(url.host, url.port or 443)
        return httpx.Proxy(url, ssl_context=make_ssl_context(self._options, verify=verify))


class HttpxExchange:
    """One answer of httpx; see ``Exchange``."""

    __slots__ = ("_pieces", "_response", "_shown", "headers", "status")

    def __init__(self, response: httpx.Response, shown: str) -> None:
        self._response = response
        self._shown = shown
        self._pieces = response.iter_raw()
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name: response.headers[name] for name in response.headers}

    def read(self) -> bytes:
        """Return the next piece of the body; see ``Exchange.read``."""
        with translated(self._shown):
            return next(self._pieces, b"")

    def close(self) -> None:
        """Give the connection back or drop it."""
        with translated(self._shown):
            self._response.close()


@contextmanager
def translated(shown: str) -> Iterator[None]:
    """Turn httpx's errors into ours, most specific first."""
    try:
        yield
    except httpx.TimeoutException as error:
        waiting = "connect" if isinstance(error, httpx.ConnectTimeout) else "answer"
        raise IndexTimeout(
            f"{shown} did not {waiting} in time",
            reason=type(error).__name__,
            hint="set BLAST_HTTP_TIMEOUT to wait longer",
        ) from error
    except httpx.ConnectError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise IndexAccessError(
                f"the certificate of {shown} is not trusted",
                reason=str(error),
                hint="name your certificate authority with BLAST_CERT or pip's option 'cert'",
            ) from error
        raise ConnectionFault(f"{shown} can't be reached", reason=str(error), hint=UNREACHABLE_HINT) from error
    except httpx.UnsupportedProtocol as error:
        raise IndexAccessError(f"{shown} has a scheme that is not fetched", reason=str(error)) from error
    except (httpx.InvalidURL, httpx.TooManyRedirects, httpx.CookieConflict, UnicodeError) as error:
        # httpx reads the Location of a redirect even where it doesn't follow.
        raise IndexAccessError(f"{shown} leads to something that is no address", reason=type(error).__name__) from None
    except httpx.TransportError as error:
        raise ConnectionFault(f"the connection to {shown} broke", reason=str(error) or type(error).__name__) from error
    except (httpx.StreamError, httpx.HTTPError) as error:
        raise ConnectionFault(f"the connection to {shown} was closed", reason=type(error).__name__) from error
