"""User names and passwords of indexes: found in addresses, variables, netrc; sent to their own origin, never shown."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from blast_core.pip_configuration import NetrcEntry
    from blast_pm.index.model import IndexLocation

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
    """Answers which Authorization header belongs to an address.

    Args:
        locations: indexes, whose addresses may have held user and password.
        environ: ``BLAST_INDEX_<NAME>_USERNAME`` and ``_PASSWORD`` count; the name in upper case, ``_`` for other signs.
        netrc: entries of the user's netrc, first match wins; the machine "" stands for every host.
    """

    def __init__(
        self,
        locations: Iterable[IndexLocation] = (),
        environ: Mapping[str, str] | None = None,
        netrc: Iterable[NetrcEntry] = (),
    ) -> None:
        self._by_origin: dict[str, Credentials] = {}
        for location in locations:
            found = _from_environment(location.name, environ or {}) or location.credentials
            if found is None:
                found = split_credentials(location.url)[1]
            origin = origin_of(location.url)
            if found is not None and origin:
                self._by_origin.setdefault(origin, found)
        self._netrc = tuple(netrc)

    def __repr__(self) -> str:
        return f"CredentialStore({len(self._by_origin)} origins, {len(self._netrc)} netrc entries)"

    def header_for(self, url: str) -> str | None:
        """Return the Authorization header for ``url``, None when nothing is known for its origin."""
        origin = origin_of(url)
        if not origin:
            return None
        known = self._by_origin.get(origin)
        if known is None:
            host = origin.partition("://")[2].rpartition(":")[0]
            known = self._from_netrc(host)
        return known.header() if known is not None else None

    def _from_netrc(self, host: str) -> Credentials | None:
        for entry in self._netrc:
            if entry.machine in (host, "") and (entry.login or entry.password):
                return Credentials(entry.login, entry.password)
        return None


def _from_environment(name: str, environ: Mapping[str, str]) -> Credentials | None:
    stem = "BLAST_INDEX_" + "".join(sign if sign.isalnum() else "_" for sign in name).upper()
    username, password = environ.get(f"{stem}_USERNAME", ""), environ.get(f"{stem}_PASSWORD", "")
    return Credentials(username, password) if username or password else None
