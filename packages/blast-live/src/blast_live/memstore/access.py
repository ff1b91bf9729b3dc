"""Who may use a memory store: by the uid that the kernel tells of a connection, or by a token.

Whoever may write to a store decides what code others import from it. So other users than the store's own only read,
unless it was started to take from them too; and what they put is marked with their uid.
"""

from __future__ import annotations

import os
import socket
import stat
import struct

from blast_core.errors import DaemonError, UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["TOKEN_VARIABLE", "Access", "Grant", "Peer", "find_token", "peer_of", "read_token"]

#: Names a file that holds the token; the token itself stands on no command line and in no variable.
TOKEN_VARIABLE = "BLAST_MEMSTORE_TOKEN_FILE"  # noqa: S105 - the name of a variable

_CREDENTIALS = struct.Struct("3i")
_SHORTEST, _LONGEST = 16, 4096


class Peer(NamedTuple):
    """Who is at the other end of a connection, as the kernel says."""

    pid: int
    uid: int


class Grant(NamedTuple):
    """What a connection may do.

    Attributes:
        is_open: it may do anything at all; else it has to show the token first.
        may_write: it may put, evict and stop.
        origin: what is said of records that it puts, "" for the store's own user.
    """

    is_open: bool
    may_write: bool
    origin: str


class Access:
    """The rule of one store.

    Args:
        uids: who may connect beside the user who runs the store.
        token: what everybody has to show; "" where the uid is enough.
        others_write: whether other users may put and evict, too.
    """

    def __init__(self, uids: Collection[int] = (), token: str = "", *, others_write: bool = False) -> None:
        self._own = os.geteuid()
        self._uids = frozenset(uids)
        self._token = token.encode()
        self._others_write = others_write

    @property
    def is_shared(self) -> bool:
        """Whether other users have to be able to reach the socket."""
        return bool(self._token or self._uids - {self._own})

    def admit(self, peer: Peer) -> Grant | None:
        """Return what a new connection may do, or None where it is to be closed at once."""
        known = peer.uid == self._own or peer.uid in self._uids
        if not known and not self._token:
            return None
        is_own = peer.uid == self._own
        return Grant(not self._token, is_own or self._others_write, "" if is_own else f"uid {peer.uid}")

    def check_token(self, token: object) -> bool:
        """Tell whether this is the token, in a time that does not depend on where it differs."""
        import hmac

        return isinstance(token, str) and bool(self._token) and hmac.compare_digest(token.encode(), self._token)


def peer_of(connection: socket.socket) -> Peer:
    """Return who is at the other end (SO_PEERCRED)."""
    pid, uid, _ = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )  # fmt: skip
    return Peer(pid, uid)


def find_token(environ: Mapping[str, str]) -> str:
    """Return the token of the file that ``BLAST_MEMSTORE_TOKEN_FILE`` names, or ""."""
    path = environ.get(TOKEN_VARIABLE, "")
    return read_token(path) if path else ""


def read_token(path: str) -> str:
    """Return the token that a file holds: its first line.

    Raises:
        UsageError: it can't be read, or is too short to be a secret.
        DaemonError: others can read it.
    """
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            line = file.readline(_LONGEST + 1).strip()
    except OSError as error:
        raise UsageError(f"the token file {path} can't be read", reason=error.strerror or str(error)) from error
    if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077 or found.st_uid not in {os.geteuid(), 0}:
        raise DaemonError(f"others may read or change the token file {path}", hint=f"chmod 600 {path}")
    try:
        token = line.decode("ascii")
    except UnicodeDecodeError:
        token = ""
    if not _SHORTEST <= len(token) <= _LONGEST or not token.isprintable():
        raise UsageError(
            f"the token file {path} holds no token",
            reason=f"one line of {_SHORTEST} or more ASCII characters is one",
            hint="make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return token
