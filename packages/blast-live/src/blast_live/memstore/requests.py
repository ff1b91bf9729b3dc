"""What a memory store answers to each request. The packets are described in docs/spec/memstore.md."""

from __future__ import annotations

import os
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, NamedTuple

from blast_core.errors import (
    BlastError,
    DaemonError,
    DigestMismatch,
    FormatError,
    InvalidField,
    StoreError,
    VersionSkew,
)
from blast_live import __version__
from blast_live.memstore import messages
from blast_live.memstore.engine import Begun, Found
from blast_live.memstore.model import KEYS_PER_REQUEST, check_key, decode_digest, decode_record, encode_record
from blast_live.memstore.sealed import digest_of, size_of_sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from blast_live.memstore.access import Access, Peer
    from blast_live.memstore.connection import Connection
    from blast_live.memstore.engine import Engine
    from blast_live.memstore.reading_through import ReadingThrough
    from blast_live.memstore.workers import Workers

__all__ = ["Answer", "Desk", "Settled", "answer_of"]

Answer = tuple[dict[str, Any], tuple[int, ...]]
_LONGEST_WAIT_S = 3600.0
# More records than these fit into no packet.
_ROWS = 1000
# Room for the names of fields around a list that fills a packet.
_LIST_BYTES = messages.MESSAGE_BYTES - 4096
# The keys of one request and one record fit into an answer together.
_KEYS_BYTES = 60 << 10
_RECORD_BYTES = 60 << 10


class Settled(NamedTuple):
    """An answer to a request that took its time: ``error`` is set, or the document counts."""

    owner: int
    document: dict[str, Any]
    error: BlastError | None = None


class Desk:
    """Answers requests; what takes long comes out of `settle`.

    Args:
        engine: the state.
        access: the rule by which tokens are checked.
        workers: threads for hashing and the network.
        further: Redis behind the store, or None.
    """

    def __init__(self, engine: Engine, access: Access, workers: Workers, further: ReadingThrough | None = None) -> None:
        self.engine = engine
        self.workers = workers
        self.is_stopping = False
        self.connections = 0
        self.crowded = 0
        self._access = access
        self._further = further
        self._settled: list[Settled] = []
        self._gone: set[int] = set()
        self._working: set[int] = set()
        self._refused = 0
        self._served = 0
        self._fault = ""
        self._operations: dict[str, Callable[[Connection, dict[str, Any], list[int]], Answer | None]] = {
            "get": self._get,
            "open": self._open,
            "begin": self._begin,
            "put": self._put,
            "commit": self._commit,
            "rollback": self._rollback,
            "release": self._release,
            "list": self._list,
            "status": self._status,
            "evict": self._evict,
            "stop": self._stop,
        }

    def handle(self, connection: Connection, document: dict[str, Any], fds: list[int]) -> Answer | None:
        """Answer a request, or return None where that takes its time; descriptors that are kept leave the list.

        Raises:
            FormatError: it is no request; the connection is not to be trusted with another one.
            BlastError: it can't be done.
        """
        self._served += 1
        name = document.get("op")
        if not connection.has_greeted:
            return self._greet(connection, document)
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is None:
            raise InvalidField("no such request", field="op", value=ascii(name)[:80])
        return operation(connection, document, fds)

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        if connection.number in self._working:
            self._gone.add(connection.number)
        self.engine.leave(connection.number)

    def settle(self, now: float) -> list[Settled]:
        """Return the answers to requests that took their time."""
        if self._further is not None:
            self._further.expire(now)
        for owner, answer in self.engine.settle(now):
            if isinstance(answer, BlastError):
                self._settled.append(Settled(owner, {}, answer))
            else:
                self._settled.append(Settled(owner, answer_of(answer)))
        settled, self._settled = self._settled, []
        return settled

    def note_fault(self, error: Exception) -> None:
        """Note a fault of the store's own, for the status."""
        import traceback

        self._fault = "".join(traceback.format_exception(error))[-4000:]

    def count_refused(self, _: Peer) -> None:
        """Note that somebody was not let in."""
        self._refused += 1

    # -- requests, in the order of the table above

    def _greet(self, connection: Connection, document: dict[str, Any]) -> Answer:
        if document.get("op") != "hello":
            raise FormatError("the first request is no hello")
        if document.get("protocol") != messages.PROTOCOL:
            connection.is_closing = True
            raise VersionSkew(
                f"the memory store speaks protocol {messages.PROTOCOL}, and not {ascii(document.get('protocol'))[:20]}",
                hint="stop it and start it again with this version of Blast",
            )
        if not connection.grant.is_open and not self._access.check_token(document.get("token")):
            self._refused += 1
            connection.is_closing = True
            raise DaemonError(
                "the memory store wants another token", hint="BLAST_MEMSTORE_TOKEN_FILE names the file that holds it"
            )
        connection.has_greeted = True
        return {"protocol": messages.PROTOCOL, "version": __version__, "pid": os.getpid()}, ()

    def _get(self, connection: Connection, document: dict[str, Any], _: list[int]) -> Answer | None:
        keys = _keys_of(document)
        if document.get("only_present"):
            return answer_of(self.engine.look(connection.number, keys)), ()
        self._read_further(keys)
        found = self.engine.get(connection.number, keys, _wait_of(document), self._now())
        return None if found is None else (answer_of(found), ())

    def _open(self, connection: Connection, document: dict[str, Any], _: list[int]) -> Answer:
        digests = [decode_digest(value) for value in _list_of(document, "digests", messages.DESCRIPTORS)]
        for digest in digests:
            if not self.engine.table.borrows(connection.number, digest):
                raise StoreError(f"blob {digest.hex()[:16]}… is not borrowed", hint="get the record first")
        return {}, tuple(self.engine.table.descriptor(digest) for digest in digests)

    def _begin(self, connection: Connection, document: dict[str, Any], _: list[int]) -> Answer | None:
        _check_writer(connection)
        connection.records = []
        keys = _keys_of(document)
        only_missing = bool(document.get("only_missing"))
        if only_missing:
            self._read_further(keys)
        begun = self.engine.begin(
            connection.number, keys, only_missing=only_missing, wait_s=_wait_of(document), now=self._now()
        )
        return None if begun is None else (answer_of(begun), ())

    def _put(self, connection: Connection, document: dict[str, Any], fds: list[int]) -> Answer | None:
        _check_writer(connection)
        self.engine.claims.get_open(connection.number)
        digest = decode_digest(document.get("digest"))
        if len(fds) != 1:
            raise InvalidField("a put comes with one descriptor", field="descriptors", value=str(len(fds)))
        size = size_of_sealed(fds[0])
        if size > self.engine.table.max_size:
            raise StoreError(
                "a blob is larger than the memory store may become", hint="start it with a larger --max-size"
            )
        if self.engine.table.has(digest):
            self.engine.put(connection.number, digest, size, -1)
            return {"new": False}, ()
        fd = fds[0]
        self.workers.hash(
            lambda: digest_of(fd, size), lambda done: self._finish_put(connection.number, digest, size, fd, done)
        )
        self._working.add(connection.number)
        fds.clear()
        return None

    def _finish_put(self, owner: int, digest: bytes, size: int, fd: int, done: Future[bytes]) -> None:
        self._working.discard(owner)
        is_kept = False
        try:
            if owner in self._gone:
                self._gone.discard(owner)
                return
            _check_digest(done.result(), digest)
            is_kept = self.engine.put(owner, digest, size, fd)
            self._settled.append(Settled(owner, {"new": True}))
        except CancelledError:
            pass  # the store ends
        except BlastError as error:
            self._settled.append(Settled(owner, {}, error))
        except OSError as error:
            failure = StoreError("a blob can't be read", reason=error.strerror or str(error))
            self._settled.append(Settled(owner, {}, failure))
        except Exception as error:  # noqa: BLE001 - or its client would wait for ever
            self.note_fault(error)
            self._settled.append(Settled(owner, {}, DaemonError("the memory store failed", reason=str(error)[:200])))
        finally:
            if not is_kept:
                os.close(fd)

    def _commit(self, connection: Connection, document: dict[str, Any], _: list[int]) -> Answer | None:
        _check_writer(connection)
        origin = connection.grant.origin
        rows = _list_of(document, "records", KEYS_PER_REQUEST)
        if any(len(messages.encode(row)) > _RECORD_BYTES for row in rows if isinstance(row, dict)):
            raise InvalidField(f"a record of more than {_RECORD_BYTES} bytes", field="records")
        connection.records += [decode_record(row) for row in rows]
        if len(connection.records) > KEYS_PER_REQUEST:
            raise InvalidField(f"more than {KEYS_PER_REQUEST} records", field="records")
        if document.get("more"):
            return {}, ()
        records, connection.records = connection.records, []
        # Who is not the store's own user can't pass for it.
        records = [record._replace(origin=origin or record.origin) for record in records]
        self.engine.commit(connection.number, records)
        if self._further is not None:
            self._further.write(records)
        return {}, ()

    def _rollback(self, connection: Connection, _: dict[str, Any], __: list[int]) -> Answer:
        connection.records = []
        self.engine.rollback(connection.number)
        return {}, ()

    def _release(self, connection: Connection, document: dict[str, Any], _: list[int]) -> Answer:
        values = document.get("digests")
        digests = None if values is None else [decode_digest(value) for value in _list_of(document, "digests", 4096)]
        self.engine.table.release(connection.number, digests)
        return {}, ()

    def _list(self, connection: Connection, document: dict[str, Any], _: list[int]) -> Answer:
        """Answer with a part of a listing, which stays as it was when its first part was asked for."""
        offset = document.get("offset")
        if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
            raise InvalidField("not a place in a listing", field="offset", value=ascii(offset)[:80])
        if offset == 0:
            connection.listing = self.engine.table.listing()
        some = connection.listing[offset : offset + _ROWS]
        rows = [{**encode_record(each.record), "borrowers": each.borrowers} for each in some]
        shown = _fitting(rows, _LIST_BYTES)
        following = offset + len(shown)
        if following >= len(connection.listing):
            connection.listing, following = [], 0
        return {"records": shown, "next": following}, ()

    def _status(self, _: Connection, __: dict[str, Any], ___: list[int]) -> Answer:
        table = self.engine.table
        document = {
            **table.totals()._asdict(),
            "pid": os.getpid(),
            "version": __version__,
            "max_size": table.max_size,
            "max_blobs": table.max_blobs,
            "connections": self.connections,
            "crowded": self.crowded,
            "transactions": len(self.engine.claims),
            "waiting": self.engine.waiting(),
            "refused": self._refused,
            "requests": self._served,
            "fault": self._fault,
            "redis": None if self._further is None else self._further.report(),
        }
        return document, ()

    def _evict(self, connection: Connection, document: dict[str, Any], _: list[int]) -> Answer:
        _check_writer(connection)
        if "to" in document:
            size = document["to"]
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                raise InvalidField("not a size", field="to", value=ascii(size)[:80])
            return {"gone": len(self.engine.table.shrink(size)), "kept": []}, ()
        gone, kept = self.engine.table.evict(_keys_of(document))
        return {"gone": len(gone), "kept": kept}, ()

    def _stop(self, connection: Connection, _: dict[str, Any], __: list[int]) -> Answer:
        _check_writer(connection)
        self.is_stopping = True
        return {"pid": os.getpid()}, ()

    # -- inside

    def _read_further(self, keys: Sequence[str]) -> None:
        if self._further is not None:
            self._further.read(self.engine.absent(keys), self._now())

    def _now(self) -> float:
        import time

        return time.monotonic()


def answer_of(answer: Found | Begun) -> dict[str, Any]:
    """Return the document that tells of found records or of a begun transaction.

    Records that do not fit into a packet are named under ``later``: they are borrowed like the others, and are to be
    asked for again.
    """
    rows = [encode_record(record) for record in answer.records]
    if isinstance(answer, Begun):
        document: dict[str, Any] = {"claimed": list(answer.claimed), "busy": list(answer.busy)}
    else:
        document = {"missing": list(answer.missing)}
    document["later"] = [row["key"] for row in rows]
    shown = _fitting(rows, messages.MESSAGE_BYTES - len(messages.encode(document)) - 64)
    return {**document, "later": document["later"][len(shown) :], "records": shown}


def _fitting(rows: Sequence[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """Return the rows from the first on that fit into ``room`` bytes; the first always does, by the limits of both."""
    shown: list[dict[str, Any]] = []
    for row in rows:
        room -= len(messages.encode(row)) + 1
        if room < 0 and shown:
            break
        shown.append(row)
    return shown


def _check_digest(found: bytes, digest: bytes) -> None:
    if found != digest:
        raise DigestMismatch(f"a blob is not what its digest {digest.hex()[:16]}… says")


def _list_of(document: dict[str, Any], field: str, most: int) -> list[Any]:
    value = document.get(field)
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise InvalidField(f"not a list of 1 to {most}", field=field)
    return value


def _keys_of(document: dict[str, Any]) -> list[str]:
    keys = [check_key(value) for value in _list_of(document, "keys", KEYS_PER_REQUEST)]
    if len(set(keys)) != len(keys):
        raise InvalidField("a key stands there twice", field="keys")
    if sum(len(key.encode()) for key in keys) > _KEYS_BYTES:
        raise InvalidField(f"keys of more than {_KEYS_BYTES} bytes together", field="keys")
    return keys


def _wait_of(document: dict[str, Any]) -> float:
    value = document.get("wait", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_WAIT_S:
        raise InvalidField(f"not 0 to {_LONGEST_WAIT_S:g} seconds", field="wait", value=ascii(value)[:80])
    return float(value)


def _check_writer(connection: Connection) -> None:
    if not connection.grant.may_write:
        raise StoreError(
            "this connection may only read",
            reason="the memory store is another user's",
            hint="its user may start it with --others-write",
        )
