"""Fetching with manners: redirects, credentials, retries, limits. What a hostile or tired server can do ends here.

- Redirects: ten at most, never from https to http, never to another scheme; credentials stay with their origin (N5).
- Retries: connection faults, time-outs, 408, 429 and 5xx, four attempts in all, with jitter, heeding Retry-After up
  to a ceiling (N1, N3).
- Limits: sizes after decompression, time without progress, and a least speed, so that one byte a second is no progress
  (N4).
"""

from __future__ import annotations

import time

from blast_core.errors import IndexAccessError, IndexDenied, IndexTimeout, OfflineError
from blast_core.tuples import NamedTuple
from blast_pm import __version__
from blast_pm.index.credentials import CredentialStore, origin_of, split_credentials, without_credentials
from blast_pm.index.transport import ConnectionFault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import TypeVar

    from blast_pm.index.transport import Exchange, Transport

    _T = TypeVar("_T")

__all__ = ["Answer", "Fetcher"]

_USER_AGENT = f"blast/{__version__}"
_ATTEMPTS = 4
_MAX_REDIRECTS = 10
_FIRST_DELAY_S = 0.25
# A server that asks for more patience than this is down as far as one command is concerned.
_MAX_DELAY_S = 30.0
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))
# Below this many bytes within one time limit an exchange counts as stalled (slow loris).
_LEAST_BYTES = 1024
# A short body is read to keep the connection; a longer one is not worth it.
_DRAINED = 1 << 16


class Answer(NamedTuple):
    """A whole answer.

    Attributes:
        status: HTTP status.
        headers: names in lower case.
        body: decompressed; b"" for statuses whose body was not asked for.
        url: where it came from after redirects.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class _BusyFault(ConnectionFault):
    """The server asks to come back later."""

    def __init__(self, message: str, wait_s: float | None) -> None:
        super().__init__(message, reason="the server is overloaded or failing", hint="try again later")
        self.wait_s = wait_s


class Fetcher:
    """Fetches from any address with one policy; safe to use from many threads.

    Args:
        transport: returns what makes the exchanges; first called when something is really fetched.
        credentials: who is known where.
        offline: refuse instead of fetching.
        timeout_s: the window of the least speed.
        sleep: waits between attempts.
        now: seconds, for Retry-After dates.
    """

    def __init__(
        self,
        transport: Callable[[], Transport],
        credentials: CredentialStore | None = None,
        *,
        offline: bool = False,
        timeout_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._transport = transport
        self._credentials = credentials or CredentialStore()
        self._offline = offline
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._now = now
        #: For how many seconds the head of the quickest answer was waited for; infinite before the first.
        self.shortest_wait_s = float("inf")

    def get(
        self, url: str, headers: Mapping[str, str], *, limit: int, read: Collection[int], accept: Collection[int] = ()
    ) -> Answer:
        """Fetch a whole answer.

        Args:
            url: http or https.
            headers: of the request, without Authorization.
            limit: bytes that the decompressed body may have.
            read: statuses whose body is wanted.
            accept: further statuses to return, with an empty body.

        Raises:
            OfflineError: the network is forbidden.
            IndexDenied: 401, 403, 407.
            IndexTimeout: no, or too little, progress at every attempt.
            IndexAccessError: any other status, a refused redirect, or a body over the limit.
        """

        def once() -> Answer:
            exchange, final = self._open(url, {"Accept-Encoding": "gzip", **headers}, {*read, *accept})
            try:
                if exchange.status not in read:
                    _drain(exchange)
                    return Answer(exchange.status, exchange.headers, b"", final)
                body = _read_body(exchange, self._steady(exchange, final), limit, final)
                return Answer(exchange.status, exchange.headers, body, final)
            finally:
                exchange.close()

        return self.retrying(url, once)

    def stream(
        self, url: str, headers: Mapping[str, str], accept: Collection[int] = (200,)
    ) -> tuple[Iterator[bytes], Exchange]:
        """Open an answer of an accepted status, return its pieces as sent, and the exchange, which the caller closes.

        One attempt only: `retrying` goes around what consumes the pieces.
        """
        exchange, final = self._open(url, {"Accept-Encoding": "identity", **headers}, accept)
        return self._steady(exchange, final), exchange

    def retrying(self, url: str, once: Callable[[], _T]) -> _T:
        """Call ``once`` until it doesn't fail by a fault that may pass, four times at most.

        Raises:
            OfflineError: the network is forbidden; nothing is called.
        """
        if self._offline:
            raise OfflineError(
                f"{without_credentials(url)} is not in the store",
                reason="the network is forbidden (--offline)",
                hint="run the command once without --offline",
            )
        for attempt in range(1, _ATTEMPTS):
            try:
                return once()
            except (ConnectionFault, IndexTimeout) as fault:
                self._sleep(_delay(attempt, fault))
        return once()

    def _open(self, url: str, headers: Mapping[str, str], accept: Collection[int]) -> tuple[Exchange, str]:
        """Open an exchange, follow redirects, and turn refusals into errors."""
        first_origin = origin_of(url)
        seen = {url}
        other: str | None = None  # after a refusal
        while True:
            sent = {"User-Agent": _USER_AGENT, **headers}
            is_home = origin_of(url) == first_origin
            authorization = other or (self._credentials.header_for(url) if is_home else None)
            if authorization is not None:
                sent["Authorization"] = authorization
            transport, began = self._transport(), time.monotonic()
            exchange = transport.open(url, sent)
            self.shortest_wait_s = min(self.shortest_wait_s, time.monotonic() - began)
            if exchange.status in accept:
                return exchange, url
            _drain(exchange)
            exchange.close()
            if exchange.status in _REDIRECTS and "location" in exchange.headers:
                url, other = _redirected(url, exchange.headers["location"]), None
                if url in seen or len(seen) > _MAX_REDIRECTS:
                    raise IndexAccessError(f"{without_credentials(url)}: too many redirects")
                seen.add(url)
                continue
            if exchange.status == 401 and is_home and other is None:
                challenge = exchange.headers.get("www-authenticate", "")
                other = self._credentials.header_after_refusal(url, challenge, authorization)
                if other is not None:
                    continue
            raise self._refusal(exchange, url, signed=authorization is not None)

    def _refusal(self, exchange: Exchange, url: str, *, signed: bool) -> IndexAccessError:
        shown, status = without_credentials(url), exchange.status
        if status in _TRANSIENT:
            wait_s = _parse_retry_after(exchange.headers.get("retry-after", ""), self._now())
            return _BusyFault(f"{shown} answered {status}", wait_s)
        if status == 407:
            return IndexDenied(f"the proxy refuses to fetch {shown}", reason="it wants credentials (status 407)")
        if status in (401, 403):
            return IndexDenied(
                f"{shown} refuses access (status {status})",
                reason="the credentials are wrong or too weak" if signed else "no credentials are known for it",
                hint="give BLAST_INDEX_<NAME>_USERNAME and _PASSWORD, or use the index's address, netrc or the keyring",
            )
        return IndexAccessError(f"{shown} answered {status}")

    def _steady(self, exchange: Exchange, url: str) -> Iterator[bytes]:
        """Yield the body's pieces as long as they come fast enough."""
        began, received = time.monotonic(), 0
        while piece := exchange.read():
            yield piece
            received += len(piece)
            now = time.monotonic()
            if now - began > self._timeout_s:
                if received < _LEAST_BYTES:
                    raise IndexTimeout(
                        f"{without_credentials(url)} sends too slowly",
                        reason=f"{received} bytes in {now - began:.0f} s",
                        hint="set BLAST_HTTP_TIMEOUT to wait longer",
                    )
                began, received = now, 0


def _delay(attempt: int, fault: IndexAccessError) -> float:
    import random

    asked = fault.wait_s if isinstance(fault, _BusyFault) else None
    if asked is not None:
        return min(asked, _MAX_DELAY_S) + random.uniform(0, 0.1)  # noqa: S311 - spreads load, hides nothing
    return _FIRST_DELAY_S * (1 << attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - as above


def _parse_retry_after(value: str, now: float) -> float | None:
    """Return the seconds to wait that a Retry-After header asks for; None without or for nonsense."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    if not value:
        return None
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, OverflowError, TypeError):
        return None


def _redirected(url: str, location: str) -> str:
    """Return where a redirect leads, without user and password.

    Raises:
        IndexAccessError: to another scheme, to http from https, or to something malformed.
    """
    from urllib.parse import urljoin

    shown = without_credentials(url)
    try:
        target = split_credentials(urljoin(url, location.strip()))[0]
    except ValueError:
        target = ""
    target = target.partition("#")[0]
    scheme = target.partition("://")[0]
    if scheme not in ("http", "https") or not target.isascii() or not target.isprintable():
        raise IndexAccessError(f"{shown} redirects to something that is no web address")
    if scheme == "http" and url.startswith("https:"):
        raise IndexAccessError(
            f"{shown} redirects from https to http", reason="what follows could be read and changed on the way"
        )
    return target


def _drain(exchange: Exchange) -> None:
    """Read a short body, so that the connection can be used again."""
    length = exchange.headers.get("content-length", "")
    if not length.isdigit() or int(length) > _DRAINED:
        return
    try:
        while exchange.read():
            pass
    except IndexAccessError:
        return


def _read_body(exchange: Exchange, pieces: Iterator[bytes], limit: int, url: str) -> bytes:
    """Read and decompress a body.

    Raises:
        IndexAccessError: over the limit, or compressed in a way that wasn't offered.
        ConnectionFault: the compressed data is broken or cut.
    """
    encoding = exchange.headers.get("content-encoding", "").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        pieces = _inflate(pieces, limit, url)
    elif encoding not in ("", "identity"):
        raise IndexAccessError(f"{without_credentials(url)} answered in {encoding[:40]!r}, which was not asked for")
    collected: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise IndexAccessError(
                f"{without_credentials(url)} is too large", reason=f"more than {limit} bytes where that is the limit"
            )
        collected.append(piece)
    return b"".join(collected)


def _inflate(pieces: Iterator[bytes], limit: int, url: str) -> Iterator[bytes]:
    import zlib

    inflater = zlib.decompressobj(wbits=31)
    try:
        for piece in pieces:
            data = piece
            while data:
                yield inflater.decompress(data, limit + 1)
                data = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error as error:
        raise ConnectionFault(f"{without_credentials(url)} sent broken gzip data", reason=str(error)) from error
    if not inflater.eof:
        raise ConnectionFault(f"{without_credentials(url)} sent gzip data that ends too early")
