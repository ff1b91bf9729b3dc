"""One connection of a memory store: what it may do, whether it waits, and the answer that it has not taken yet."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from blast_core.errors import BlastError, FormatError
from blast_live.memstore import messages

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from blast_live.memstore.access import Grant, Peer
    from blast_live.memstore.model import Record
    from blast_live.memstore.table import Lent

__all__ = ["Connection"]


class Connection:
    """A client, as the store sees it. It has at most one request under way and one answer on its way.

    Attributes:
        number: the owner in the engine; never used again.
        is_busy: its request is not answered yet, or the answer not taken.
        is_closing: it is dropped once its answer is on its way.
        since: when what it is expected to do next began to be expected: its hello, or to take its answer.
        is_crowded: so many descriptors are on their way to others that the kernel takes no more of them now.
        listing: what it pages through.
        records: of a commit that takes several packets.
    """

    def __init__(self, number: int, link: socket.socket, peer: Peer, grant: Grant, now: float) -> None:
        self.number = number
        self.link = link
        self.peer = peer
        self.grant = grant
        self.since = now
        self.has_greeted = False
        self.is_busy = False
        self.is_closing = False
        self.is_crowded = False
        self.listing: list[Lent] = []
        self.records: list[Record] = []
        self._unsent: tuple[bytes, tuple[int, ...]] | None = None

    def fileno(self) -> int:
        """Return the socket's descriptor, for the selector."""
        return self.link.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether an answer waits until the client takes what it was sent before."""
        return self._unsent is not None

    def read(self) -> tuple[dict[str, Any], list[int]] | None:
        """Return the next request and its descriptor, or None where there is none after all.

        Raises:
            FormatError: it is none, or came before the last one was answered.
            OSError, DaemonUnreachable: the client is gone.
        """
        try:
            if self.is_busy:
                if not self.link.recv(1, 2):  # MSG_PEEK
                    raise ConnectionResetError
                raise FormatError("a request came before the last one was answered")
            request = messages.receive(self.link, 1)
        except BlockingIOError:
            return None
        self.is_busy = True
        return request

    def answer(self, document: Mapping[str, Any], fds: Sequence[int], now: float) -> None:
        """Send the answer to the request under way, or keep it until the client takes it.

        Raises:
            OSError: the client is gone.
        """
        try:
            data = messages.encode({"ok": True, **document})
        except FormatError as error:
            data, fds = messages.encode({"error": error.to_dict()}), ()
        self._unsent = (data, tuple(fds))
        self.since = now
        self.flush()

    def refuse(self, error: BlastError, now: float) -> None:
        """Send an error as the answer.

        Raises:
            OSError: the client is gone.
        """
        self._unsent = (messages.encode({"error": error.to_dict()}), ())
        self.since = now
        self.flush()

    def flush(self) -> None:
        """Send what is unsent, if the client takes it now.

        Raises:
            OSError: the client is gone.
        """
        if self._unsent is None:
            return
        try:
            messages.send(self.link, *self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self.is_crowded = error.errno == errno.ETOOMANYREFS
            if self.is_crowded:
                return
            raise
        self.is_crowded = False
        self._unsent = None
        self.is_busy = False

    def close(self) -> None:
        """Close the socket."""
        self.link.close()
