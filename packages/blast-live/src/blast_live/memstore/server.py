"""The loop of a memory store: connections come, ask, wait and go.

One thread does everything that changes the state, so every history of requests is a serial one. It never blocks:
sockets are not read but when something is there, hashing and the network are done by `workers`. What one client may
cost is bounded: one request and one answer at a time, a few seconds to say hello, half a minute to take an answer.
"""

from __future__ import annotations

import errno
import os
import selectors
import time
from typing import TYPE_CHECKING

from blast_core.errors import BlastError, DaemonError, FormatError
from blast_live.memstore import messages
from blast_live.memstore.access import peer_of
from blast_live.memstore.connection import Connection

if TYPE_CHECKING:
    import socket

    from blast_live.memstore.access import Access
    from blast_live.memstore.place import Place
    from blast_live.memstore.requests import Desk, Settled

__all__ = ["Server"]

_HELLO_S = 10.0
_TAKE_S = 30.0
_ACCEPTS = 64
_TICK_S = 5.0
_AGAIN_S = 0.02


class Server:
    """Serves a desk's requests at a place until it is stopped.

    Args:
        place: where to listen; the caller's to close.
        desk: what answers.
        access: who comes in.
        max_connections: at the same time; a quarter of them for any other user than the store's own.
    """

    def __init__(self, place: Place, desk: Desk, access: Access, max_connections: int) -> None:
        self._place = place
        self._desk = desk
        self._access = access
        self._max_connections = max_connections
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, Connection] = {}
        self._writers: set[int] = set()
        self._crowded: set[int] = set()
        self._number = 0
        self._is_stopping = False
        self._looked = 0.0
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def wake_fd(self) -> int:
        """Return a descriptor; writing to it wakes the loop (``signal.set_wakeup_fd``)."""
        return self._wake_write

    def stop(self) -> None:
        """End the loop soon; may be called by a signal's handler."""
        self._is_stopping = True

    def run(self) -> None:
        """Serve until `stop`, or until a client asks for the end."""
        for fileobj in (self._place.listener, self._wake_read, self._desk.workers):
            self._selector.register(fileobj, selectors.EVENT_READ, fileobj)
        try:
            while not self._is_stopping:
                for key, events in self._selector.select(self._timeout()):
                    self._react(key.data, events)
                self._settle()
                self._is_stopping |= self._desk.is_stopping
        finally:
            self._close()

    # -- one thing at a time

    def _react(self, what: object, events: int) -> None:
        if isinstance(what, Connection):
            if self._connections.get(what.number) is what:
                self._serve(what, events)
        elif what is self._place.listener:
            self._accept_all(self._place.listener)
        elif what is self._desk.workers:
            self._desk.workers.collect()
        else:
            os.read(self._wake_read, 4096)

    def _serve(self, connection: Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                connection.flush()
            if events & selectors.EVENT_READ:
                self._read(connection)
        except FormatError as error:
            connection.is_closing = True
            self._refuse(connection, error)
        except (OSError, BlastError):
            self._drop(connection)
        except Exception as error:  # noqa: BLE001 - a fault of ours ends one connection, and not everybody's memory
            self._desk.note_fault(error)
            self._drop(connection)
        else:
            self._watch(connection)

    def _read(self, connection: Connection) -> None:
        request = connection.read()
        if request is None:
            return
        document, fds = request
        try:
            answer = self._desk.handle(connection, document, fds)
        except FormatError:
            raise
        except BlastError as error:
            connection.refuse(error, time.monotonic())
            return
        finally:
            for fd in fds:  # those that the desk has kept are no longer in the list
                os.close(fd)
        if answer is not None:
            self._answer(connection, *answer)

    def _answer(self, connection: Connection, document: dict[str, object], fds: tuple[int, ...] = ()) -> None:
        connection.answer(document, fds, time.monotonic())

    def _settle(self) -> None:
        now = time.monotonic()
        self._desk.crowded = len(self._crowded)
        for number in list(self._crowded):
            self._serve(self._connections[number], selectors.EVENT_WRITE)
        for settled in self._desk.settle(now):
            connection = self._connections.get(settled.owner)
            if connection is not None:
                self._deliver(connection, settled, now)
        if now - self._looked >= 1.0:
            self._looked = now
            for connection in list(self._connections.values()):
                if self._is_late(connection, now):
                    self._drop(connection)

    def _deliver(self, connection: Connection, settled: Settled, now: float) -> None:
        try:
            if settled.error is None:
                self._answer(connection, settled.document)
            else:
                connection.refuse(settled.error, now)
        except OSError:
            self._drop(connection)
        else:
            self._watch(connection)

    def _is_late(self, connection: Connection, now: float) -> bool:
        if connection.has_unsent:
            return now - connection.since > _TAKE_S
        return not connection.has_greeted and not connection.is_busy and now - connection.since > _HELLO_S

    def _timeout(self) -> float:
        if self._crowded:
            return _AGAIN_S
        deadline = self._desk.engine.deadline()
        return _TICK_S if deadline is None else min(_TICK_S, max(0.0, deadline - time.monotonic()))

    # -- connections

    def _accept_all(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS):
            try:
                link, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE}:
                    self._turn_away(listener)
                    continue
                if error.errno in {errno.ECONNABORTED, errno.EINTR}:
                    continue
                raise
            self._admit(link)

    def _admit(self, link: socket.socket) -> None:
        link.settimeout(0)
        try:
            peer = peer_of(link)
        except OSError:
            link.close()
            return
        grant = self._access.admit(peer)
        if grant is None:
            self._desk.count_refused(peer)
            self._send_off(link, DaemonError("this memory store is another user's"))
            return
        theirs = sum(each.peer.uid == peer.uid for each in self._connections.values())
        limit = self._max_connections if peer.uid == os.geteuid() else self._max_connections // 4
        if len(self._connections) >= self._max_connections or theirs >= limit:
            self._send_off(link, DaemonError("the memory store has too many connections", hint="try again later"))
            return
        self._number += 1
        connection = Connection(self._number, link, peer, grant, time.monotonic())
        self._connections[connection.number] = connection
        self._desk.connections = len(self._connections)
        self._selector.register(connection, selectors.EVENT_READ, connection)

    def _turn_away(self, listener: socket.socket) -> None:
        """Take a connection with the descriptor that was spared for it, and close both: else it would wait for ever."""
        os.close(self._spare)
        try:
            listener.accept()[0].close()
        except OSError:
            pass
        finally:
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _send_off(self, link: socket.socket, error: BlastError) -> None:
        try:
            messages.send(link, messages.encode({"error": error.to_dict()}))
        except OSError:
            pass
        link.close()

    def _refuse(self, connection: Connection, error: BlastError) -> None:
        try:
            connection.refuse(error, time.monotonic())
        except OSError:
            self._drop(connection)
        else:
            self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        """Watch whether the client takes its answer exactly while there is one; drop it where it is done with."""
        if connection.is_closing and not connection.has_unsent:
            self._drop(connection)
            return
        # The socket of one that is crowded is writable, though nothing can be written: it is tried again soon.
        self._crowded.discard(connection.number)
        if connection.is_crowded:
            self._crowded.add(connection.number)
        waits = connection.has_unsent and not connection.is_crowded
        if waits != (connection.number in self._writers):
            self._writers ^= {connection.number}
            write = selectors.EVENT_WRITE if waits else 0
            self._selector.modify(connection, selectors.EVENT_READ | write, connection)

    def _drop(self, connection: Connection) -> None:
        if self._connections.pop(connection.number, None) is None:
            return
        self._desk.connections = len(self._connections)
        self._writers.discard(connection.number)
        self._crowded.discard(connection.number)
        self._selector.unregister(connection)
        connection.close()
        self._desk.leave(connection)

    def _close(self) -> None:
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._selector.close()
        for fd in (self._spare, self._wake_read, self._wake_write):
            os.close(fd)
