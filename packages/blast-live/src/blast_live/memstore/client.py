"""What a runner uses of the memory store: a connection that borrows, and installs what is missing.

    with MemoryStore(path) as store:
        holdings = store.ensure(keys, make)     # each key's parts as sealed memfds, from whoever made them first

What was borrowed is not evicted while the connection is open in any process: give ``store.fileno()`` to a child, and it
goes on borrowing when this process ends. The descriptors themselves stay readable whatever becomes of the store.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from blast_core.blobs import Blob, Holding
from blast_core.errors import DaemonUnreachable, FormatError, IntegrityError, StoreLocked, VersionSkew, error_from_dict
from blast_live.memstore import messages, place
from blast_live.memstore.model import KEYS_PER_REQUEST, Part, Record, decode_record, encode_record
from blast_live.memstore.sealed import digest_of, sealed_copy, size_of_sealed

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Self

__all__ = ["Claimed", "MemoryStore"]

_ANSWER_S = 60.0
_CONNECT_S = 5.0
_ROUNDS = 100


class Claimed:
    """A transaction: `put` and `add` what its keys stand for, then `commit`; or it is rolled back.

    Attributes:
        keys: to be installed by whoever holds this.
        found: records that are there already.
        busy: keys that somebody else installs.
    """

    def __init__(self, store: MemoryStore, keys: Sequence[str], found: Sequence[Record], busy: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self.found = tuple(found)
        self.busy = tuple(busy)
        self._store = store
        self._records: list[Record] = []
        self._is_open = bool(keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_open:
            self.rollback()

    def add(self, key: str, parts: Sequence[tuple[str, int]], origin: str = "") -> Record:
        """Put the bytes of descriptors, which stay the caller's, as the parts of ``key``; return the record."""
        record = Record(key, tuple(self._store.put(name, fd) for name, fd in parts), origin)
        self._records.append(record)
        return record

    def commit(self) -> tuple[Record, ...]:
        """Make all records visible at once, and borrow them.

        Raises:
            StoreError: the transaction was rolled back meanwhile, or its memory is gone.
        """
        records, self._records, self._is_open = tuple(self._records), [], False
        if not records:
            self._store.ask({"op": "rollback"})
            return ()
        packets = list(_packets([encode_record(record) for record in records]))
        for place_, rows in enumerate(packets, 1):
            self._store.ask({"op": "commit", "records": rows, "more": place_ < len(packets)})
        return records

    def rollback(self) -> None:
        """Forget what was put."""
        self._is_open, self._records = False, []
        self._store.ask({"op": "rollback"})


class MemoryStore:
    """A connection to the memory store at ``path``, for one thread; it is a `blast_core.blobs.BlobSource`.

    Args:
        path: of the socket.
        token: what the store wants to be shown, "" for nothing.
        wait_s: how long to wait for what others install.

    Raises:
        DaemonUnreachable: no store listens there.
        DaemonError: it lets nobody in who has this uid, or this token.
        VersionSkew: it is of another version.
    """

    def __init__(self, path: str, *, token: str = "", wait_s: float = 120.0) -> None:
        self._wait_s = wait_s
        self._link: socket.socket | None = place.connect(path, _CONNECT_S)
        self._foreign = ""
        try:
            self._look_at_server()
            hello = self.ask({"op": "hello", "protocol": messages.PROTOCOL, **({"token": token} if token else {})})
        except BaseException:
            self.close()
            raise
        self.server_pid = hello.get("pid")
        if hello.get("protocol") != messages.PROTOCOL:
            self.close()
            raise VersionSkew(f"the memory store at {path} is of another version")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor that keeps what was borrowed."""
        return self._get_link().fileno()

    def close(self) -> None:
        """Give back what was borrowed, unless another process has the connection too."""
        if self._link is not None:
            self._link.close()
            self._link = None

    # -- borrowing

    def find(
        self, keys: Sequence[str], wait_s: float | None = None, *, only_present: bool = False
    ) -> dict[str, Record]:
        """Return the records of those keys that there are, and borrow them; ``only_present`` waits for nothing.

        Raises:
            StoreLocked: one of them is being installed, and was waited for long enough.
        """
        found: dict[str, Record] = {}
        pending = list(dict.fromkeys(keys))
        wait = self._wait_s if wait_s is None else wait_s
        while pending:
            group, pending = _first_packet(pending)
            answer = self.ask({"op": "get", "keys": group, "wait": wait, "only_present": only_present}, wait)
            found.update((record.key, record) for record in self._records(answer))
            pending = _texts(answer, "later") + pending
        return found

    def open(self, records: Sequence[Record]) -> dict[str, Holding]:
        """Return borrowed records' parts as descriptors, which are the caller's to close."""
        parts = [part for record in records for part in record.parts]
        fds: list[int] = []
        try:
            for first in range(0, len(parts), messages.DESCRIPTORS):
                fds += self._open(parts[first : first + messages.DESCRIPTORS])
        except BaseException:
            for fd in fds:
                os.close(fd)
            raise
        rest = iter(fds)
        return {
            record.key: Holding(
                record.key,
                tuple(Blob(part.name, part.digest, part.size, next(rest)) for part in record.parts),
                record.origin or self._foreign,
            )
            for record in records
        }

    def release(self) -> None:
        """Give back all that was borrowed; its descriptors still work."""
        self.ask({"op": "release"})

    # -- installing

    def begin(self, keys: Sequence[str], *, only_missing: bool = False, wait_s: float | None = None) -> Claimed:
        """Begin to install these keys: all of them, or those that neither are there nor are being installed.

        Raises:
            StoreLocked: somebody else installs one of them, and was waited for long enough.
        """
        wait = self._wait_s if wait_s is None else wait_s
        answer = self.ask({"op": "begin", "keys": list(keys), "only_missing": only_missing, "wait": wait}, wait)
        claimed = Claimed(self, _texts(answer, "claimed"), self._records(answer), _texts(answer, "busy"))
        claimed.found += tuple(self.find(later).values()) if (later := _texts(answer, "later")) else ()
        return claimed

    def put(self, name: str, fd: int) -> Part:
        """Put the bytes of a file into the open transaction and return them as a part; ``fd`` stays the caller's.

        A memfd that is sealed is handed over as it is, without a copy; of anything else a copy is.
        """
        copy = -1
        try:
            size = size_of_sealed(fd)
        except IntegrityError:
            copy = sealed_copy(fd, name)
            size = os.fstat(copy).st_size
        try:
            sealed = fd if copy < 0 else copy
            digest = digest_of(sealed, size)
            self.ask({"op": "put", "digest": digest.hex()}, fds=[sealed])
        finally:
            if copy >= 0:
                os.close(copy)
        return Part(name, digest, size)

    def ensure(self, keys: Sequence[str], make: Callable[[str], Sequence[tuple[str, int]]]) -> dict[str, Holding]:
        """Return a holding for each key; see `blast_core.blobs.BlobSource.ensure`."""
        wanted = list(dict.fromkeys(keys))
        records = self.find(wanted, only_present=True)
        for _ in range(_ROUNDS):
            pending = [key for key in wanted if key not in records]
            if not pending:
                return self.open([records[key] for key in wanted])
            records |= self._ensure_once(pending, make)
        raise StoreLocked(
            "what others install can't be had", reason=f"{_ROUNDS} times another process failed to make it"
        )

    def lend(self, keys: Sequence[str]) -> dict[str, Holding]:
        """Return a holding for each key that there is; see `blast_core.blobs.BlobSource.lend`."""
        return self.open(list(self.find(keys).values()))

    def _ensure_once(self, keys: Sequence[str], make: Callable[[str], Sequence[tuple[str, int]]]) -> dict[str, Record]:
        """Make what is free, one key after the other, and only then wait for what others make: so nobody waits long."""
        records: dict[str, Record] = {}
        busy: list[str] = []
        for key in keys:
            with self.begin([key], only_missing=True) as claimed:
                busy += claimed.busy
                records |= {record.key: record for record in claimed.found}
                if claimed.keys:
                    claimed.add(key, make(key))
                    records |= {record.key: record for record in claimed.commit()}
        return records | self.find(busy) if busy else records

    # -- looking and changing

    def listing(self) -> list[dict[str, Any]]:
        """Return all records with the number of their borrowers, those used last at the end."""
        rows: list[dict[str, Any]] = []
        offset = 0
        while True:
            answer = self.ask({"op": "list", "offset": offset})
            rows += answer["records"]
            offset = answer["next"]
            if not offset:
                return rows

    def status(self) -> dict[str, Any]:
        """Return how full the store is, and what it does."""
        return self.ask({"op": "status"})

    def evict(self, keys: Sequence[str]) -> tuple[int, list[str]]:
        """Remove records; return how many went, and those that stay because they are borrowed."""
        gone, kept, pending = 0, [], list(dict.fromkeys(keys))
        while pending:
            group, pending = _first_packet(pending)
            answer = self.ask({"op": "evict", "keys": group})
            gone += answer["gone"]
            kept += answer["kept"]
        return gone, kept

    def shrink(self, size: int) -> int:
        """Remove the records used longest ago until the store takes ``size`` bytes; return how many went."""
        return int(self.ask({"op": "evict", "to": size})["gone"])

    def stop(self) -> None:
        """Have the store end."""
        self.ask({"op": "stop"})

    # -- one request

    def ask(self, request: Mapping[str, Any], wait_s: float = 0.0, *, fds: Sequence[int] = ()) -> dict[str, Any]:
        """Send a request and return its answer, which has no descriptors.

        Raises:
            BlastError: what the store says went wrong.
            DaemonUnreachable: it is gone, or did not answer in time.
        """
        answer, received = self._exchange(request, wait_s, fds)
        for fd in received:
            os.close(fd)
        return answer

    def _exchange(
        self, request: Mapping[str, Any], wait_s: float = 0.0, fds: Sequence[int] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        link = self._get_link()
        link.settimeout(wait_s + _ANSWER_S)
        try:
            try:
                messages.send(link, messages.encode(request), fds)
            except BrokenPipeError:
                pass  # the store may have said why before it closed
            try:
                answer, received = messages.receive(link, messages.DESCRIPTORS)
            except ConnectionResetError:
                # The store closed before it had read all; what it said first is still there, behind this error.
                answer, received = messages.receive(link, messages.DESCRIPTORS)
        except OSError as error:
            self.close()
            reason = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
            raise DaemonUnreachable("the memory store does not answer", reason=reason) from error
        except (DaemonUnreachable, FormatError):
            self.close()
            raise
        if "error" in answer:
            for fd in received:
                os.close(fd)
            error_document = answer["error"]
            raise error_from_dict(error_document if isinstance(error_document, dict) else {})
        return answer, received

    def _open(self, parts: Sequence[Part]) -> list[int]:
        _, fds = self._exchange({"op": "open", "digests": [part.digest.hex() for part in parts]})
        if [size_of_sealed(fd) for fd in fds] != [part.size for part in parts]:
            for fd in fds:
                os.close(fd)
            raise IntegrityError("the memory store gave other blobs than it was asked for")
        return fds

    def _records(self, answer: Mapping[str, Any]) -> list[Record]:
        rows = answer.get("records")
        return [decode_record(row) for row in rows] if isinstance(rows, list) else []

    def _get_link(self) -> socket.socket:
        if self._link is None:
            raise DaemonUnreachable("the connection to the memory store is closed")
        return self._link

    def _look_at_server(self) -> None:
        """Note whose store this is: what another user's holds was not made by this one."""
        from blast_live.memstore.access import peer_of

        uid = peer_of(self._get_link()).uid
        self._foreign = "" if uid == os.geteuid() else f"uid {uid}"


def _texts(answer: Mapping[str, Any], field: str) -> list[str]:
    value = answer.get(field)
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _first_packet(keys: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split keys into as many as one request may have, and the rest."""
    room = 56 << 10
    count = 0
    for key in keys[:KEYS_PER_REQUEST]:
        room -= len(key.encode())
        if room < 0:
            break
        count += 1
    count = max(1, count)
    return list(keys[:count]), list(keys[count:])


def _packets(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows in groups that fit into packets; one row always does, or the store says that it is too long."""
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        length = len(messages.encode(row))
        if group and size + length > 100 << 10:
            yield group
            group, size = [], 0
        group.append(row)
        size += length
    if group:
        yield group
