"""How bytes come from a server: the protocol that an adapter fulfils, and what all adapters share.

An adapter makes one exchange: it follows no redirect, adds no credentials and retries nothing. That is decided once, in
``blast_pm.index.fetch``, whatever library makes the connection.
"""

from __future__ import annotations

from blast_core.errors import IndexAccessError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol
else:
    Protocol = object

__all__ = ["UNREACHABLE_HINT", "ConnectionFault", "Exchange", "Transport"]

#: What to do where no connection could be made.
UNREACHABLE_HINT = "look at the address and the connection; '--offline' takes what the store has"


class ConnectionFault(IndexAccessError):
    """The connection failed in a way that may pass: refused, reset, cut short, or not understood."""

    code = "index.connection"


class Exchange(Protocol):
    """One answer, of which the head has arrived; whoever opened it closes it.

    Attributes:
        status: HTTP status.
        headers: names in lower case; of repeated ones the values are joined by ``, ``.
    """

    status: int
    headers: Mapping[str, str]

    def read(self) -> bytes:
        """Return the next piece of the body as it was sent (not decompressed), b"" at its end.

        Raises:
            IndexTimeout: no byte arrived in time.
            ConnectionFault: the body ended before or after its announced length, or the connection broke.
        """

    def close(self) -> None:
        """Give the connection back, or drop it when the body wasn't read to its end; safe to call twice."""


class Transport(Protocol):
    """Opens exchanges; used by many threads at once."""

    def open(self, url: str, headers: Mapping[str, str]) -> Exchange:
        """Send one GET and return the answer, whatever its status.

        Raises:
            IndexTimeout: connecting or waiting for the head took too long.
            ConnectionFault: the server can't be reached, or the connection broke.
            IndexAccessError: the server's certificate is not trusted, or the address is not one.
        """

    def close(self) -> None:
        """Drop all connections; safe to call twice."""
