"""User names and passwords of indexes: from variables, addresses, netrc, and, when an index refuses, the keyring.

They are sent to their own origin only, and never shown.
"""

from __future__ import annotations

from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from blast_core.pip_configuration import NetrcEntry
    from blast_pm.index.model import IndexLocation

    class _Keyring(Protocol):
        def find(self, services: Sequence[str], username: str = "") -> Credentials | None: ...


__all__ = ["CredentialStore", "Credentials", "origin_of", "split_credentials", "without_credentials"]

_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Credentials:
    """A user name and a password whose repr, str and pickle hold neither."""

    __slots__ = ("_password", "username")

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self._password = password

    def __repr__(self) -> str:
        return "Credentials(hidden)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Credentials):
            return NotImplemented
        return (self.username, self._password) == (other.username, other._password)

    def __hash__(self) -> int:
        return hash((self.username, self._password))

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("credentials are not pickled")

    def header(self) -> str:
        """Return the value of an Authorization header (basic authentication, RFC 7617)."""
        from base64 import b64encode

        return "Basic " + b64encode(f"{self.username}:{self._password}".encode()).decode("ascii")


def split_credentials(url: str) -> tuple[str, Credentials | None]:
    """Split an address into the same without user and password, and those.

    A ``user@`` without password counts as a token: indexes take it as the user name.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url, None
    end = min((rest.find(sign) for sign in "/?#" if sign in rest), default=len(rest))
    userinfo, at, _ = rest[:end].rpartition("@")
    if not at:
        return url, None
    from urllib.parse import unquote

    username, _, password = userinfo.partition(":")
    return f"{scheme}://{rest[len(userinfo) + 1 :]}", Credentials(unquote(username), unquote(password))


def without_credentials(url: str) -> str:
    """Return the address without user and password, for texts that people read."""
    return split_credentials(url)[0]


def origin_of(url: str) -> str:
    """Return ``scheme://host:port`` in lower case, the port always written; "" for an address without a host."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return ""
    end = min((rest.find(sign) for sign in "/?#\\" if sign in rest), default=len(rest))
    host = rest[:end].rpartition("@")[2].lower()
    scheme = scheme.lower()
    if not host.rpartition("]")[2].rpartition(":")[2].isdigit() or ":" not in host.rpartition("]")[2]:
        host = f"{host.rstrip(':')}:{_DEFAULT_PORTS.get(scheme, '')}"
    return f"{scheme}://{host}"


class CredentialStore:
    """Answers which Authorization header belongs to an address; safe to use from many threads.

    Args:
        locations: indexes, whose addresses may have held user and password.
        environ: ``BLAST_INDEX_<NAME>_USERNAME`` and ``_PASSWORD`` count, or ``UV_INDEX_<NAME>_…``; the name in upper
            case, ``_`` for other signs.
        netrc: entries of the user's netrc, first match wins; the machine "" stands for every host.
        keyring: asked when a server refuses what is known.
    """

    def __init__(
        self,
        locations: Iterable[IndexLocation] = (),
        environ: Mapping[str, str] | None = None,
        netrc: Iterable[NetrcEntry] = (),
        keyring: _Keyring | None = None,
    ) -> None:
        self._places: list[tuple[str, Credentials | None]] = []
        for location in locations:
            url, written = split_credentials(location.url)
            if origin_of(url):
                found = _from_environment(location.name, environ or {}) or location.credentials or written
                self._places.append((url, found))
        # Of two indexes on one server the address decides: the longest that an address is below.
        self._places.sort(key=lambda place: -len(place[0]))
        self._netrc = tuple(netrc)
        self._keyring = keyring
        self._asked: dict[tuple[str, str], Credentials | None] = {}
        self._from_keyring: dict[str, Credentials] = {}
        self._lock = allocate_lock()

    def __repr__(self) -> str:
        return f"CredentialStore({len(self._places)} indexes, {len(self._netrc)} netrc entries)"

    def header_for(self, url: str) -> str | None:
        """Return the Authorization header for ``url``, None when nothing is known for its origin."""
        known = self._known(url)
        return known.header() if known is not None else None

    def header_after_refusal(self, url: str, challenge: str, sent: str | None) -> str | None:
        """Return another header to try after a server answered 401, None when there is no other.

        The keyring is asked once for a server and realm, by whichever thread comes first.

        Args:
            url: what was asked for.
            challenge: the answer's WWW-Authenticate.
            sent: the header that was refused, if any was sent.
        """
        if self._keyring is None or "basic" not in (challenge or "basic").lower():
            return None
        origin = origin_of(url)
        key = (origin, _realm_of(challenge))
        with self._lock:
            if key not in self._asked:
                self._asked[key] = found = self._keyring.find(self._services(url, origin), self._username(url))
                if found is not None:
                    self._from_keyring[origin] = found
            known = self._asked[key]
        header = known.header() if known is not None else None
        return header if header != sent else None

    def _known(self, url: str) -> Credentials | None:
        origin = origin_of(url)
        if not origin:
            return None
        found = self._from_keyring.get(origin) or self._of_index(url, origin)
        if found is None and self._netrc:
            found = self._of_netrc(origin.partition("://")[2].rpartition(":")[0])
        return found

    def _of_index(self, url: str, origin: str) -> Credentials | None:
        """Return the credentials of the index that the address is below, else of any index on its server."""
        elsewhere: Credentials | None = None
        for place, found in self._places:
            if origin_of(place) != origin or found is None:
                continue
            if url.startswith(place):
                return found
            elsewhere = elsewhere or found
        return elsewhere

    def _of_netrc(self, host: str) -> Credentials | None:
        for entry in self._netrc:
            if entry.machine in (host, "") and (entry.login or entry.password):
                return Credentials(entry.login, entry.password)
        return None

    def _services(self, url: str, origin: str) -> list[str]:
        """Return the names under which the keyring may have it: the index's address, ``host:port``, ``host``."""
        indexes = [place for place, _ in self._places if url.startswith(place)]
        scheme, _, server = origin.partition("://")
        host, _, port = server.rpartition(":")
        servers = [host] if _DEFAULT_PORTS.get(scheme) == port else [server, host]
        return [*indexes[:1], *servers]

    def _username(self, url: str) -> str:
        known = self._known(url)
        return known.username if known is not None else ""


def _realm_of(challenge: str) -> str:
    return challenge.partition("realm=")[2].lstrip('"').partition('"')[0][:200]


def _from_environment(name: str, environ: Mapping[str, str]) -> Credentials | None:
    stem = "INDEX_" + "".join(sign if sign.isalnum() else "_" for sign in name).upper()
    for prefix in ("BLAST_", "UV_"):
        username = environ.get(f"{prefix}{stem}_USERNAME", "")
        password = environ.get(f"{prefix}{stem}_PASSWORD", "")
        if username or password:
            return Credentials(username, password)
    return None
