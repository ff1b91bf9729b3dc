"""Records and blobs in Redis or Valkey, for the machines of a team.

A blob lies there in chunks, a record is one value with the digests of its blobs. A record is written when all chunks of
all its blobs are there, records of one install together (MULTI), so a reader sees an install whole or not at all. What
is read is checked by BLAKE3; a chunk that the server has evicted or let expire makes the whole record a miss.

No operation waits for ever: connecting, and each answer, has a limit, and `RedisStore.cancel` ends what is under way.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from blast_core.errors import DigestMismatch, FormatError, StoreError
from blast_core.limits import GIB, MIB
from blast_live.memstore.model import decode_record, encode_record
from blast_live.memstore.sealed import digest_of, sealed_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from blast_live.memstore.model import Part, Record

__all__ = ["Fetched", "RedisStore", "connect_redis"]

_CHUNK = MIB
_AT_ONCE = 8
_LONGEST_RECORD = 128 << 10
_LARGEST_BLOB = 8 * GIB


class Fetched(NamedTuple):
    """A record from Redis and the descriptors of its blobs by digest, sealed and checked; the receiver's to close."""

    record: Record
    fds: dict[bytes, int]

    def close(self) -> None:
        """Close all descriptors."""
        for fd in self.fds.values():
            os.close(fd)


def connect_redis(url: str, timeout_s: float = 2.0) -> Any:
    """Return a client for ``redis://`` or ``rediss://`` or ``unix://``; nothing is connected yet.

    Raises:
        StoreError: the address is none. It is not repeated, because it may hold a password.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

    try:
        return Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=min(1.0, timeout_s),
            # Once: a connection that stood idle may be gone.
            retry=Retry(NoBackoff(), 1),
        )
    except (RedisError, ValueError, TypeError) as error:
        raise StoreError("this is no address of a Redis server", hint="write redis://HOST:PORT/DATABASE") from error


class RedisStore:
    """The records and blobs of one Redis.

    Args:
        client: of the ``redis`` library, answering with bytes.
        prefix: in front of every key.
        ttl_s: how long a record stays after its last use, in seconds; 0 leaves that to the server's own eviction.
        max_blob: larger blobs are neither written nor read.
    """

    def __init__(self, client: Any, prefix: str = "blast:1", ttl_s: int = 0, max_blob: int = _LARGEST_BLOB) -> None:
        self._client = client
        self._prefix = prefix
        self._ttl_s = ttl_s
        self._max_blob = max_blob

    def find(self, key: str) -> Fetched | None:
        """Return what stands under ``key``, or None where there is nothing, or not all of it any more.

        Raises:
            StoreError: the server does not answer, or refuses.
            DigestMismatch: a blob is not what its digest says; its chunks are removed, so that it can be put again.
            FormatError: the record is none.
        """
        with _translated():
            return self._find(key)

    def put(self, records: Sequence[Record], fds: Mapping[bytes, int]) -> None:
        """Write records, to be seen all at once; ``fds`` are of their blobs by digest, and stay the caller's.

        Raises:
            StoreError: the server does not answer, refuses, or has evicted some of it already.
        """
        with _translated():
            self._put(records, fds)

    def cancel(self) -> None:
        """End what is under way in other threads: its sockets are shut down."""
        self._client.connection_pool.disconnect(inuse_connections=True)

    # -- inside

    def _find(self, key: str) -> Fetched | None:
        data = self._client.get(self._record_key(key))
        if data is None:
            return None
        record = self._decode(key, data)
        fds: dict[bytes, int] = {}
        try:
            for part in record.parts:
                if part.digest not in fds:
                    fd = self._read_blob(part)
                    if fd is None:
                        _close_all(fds)
                        return None
                    fds[part.digest] = fd
        except BaseException:
            _close_all(fds)
            raise
        self._renew(record)
        return Fetched(record, fds)

    def _decode(self, key: str, data: bytes) -> Record:
        if len(data) > _LONGEST_RECORD:
            raise FormatError(f"the record of {key} in Redis is too long")
        try:
            record = decode_record(json.loads(data))
        except (ValueError, RecursionError) as error:
            raise FormatError(f"the record of {key} in Redis is none", reason=str(error)[:200]) from error
        if record.key != key:
            raise FormatError(f"the record of {key} in Redis is that of {record.key}")
        if any(part.size > self._max_blob for part in record.parts):
            raise FormatError(f"the record of {key} in Redis names a blob larger than {self._max_blob} bytes")
        return record

    def _read_blob(self, part: Part) -> int | None:
        try:
            fd = sealed_from(self._chunks(part), part.name)
        except _MissingChunkError:
            return None
        size = os.fstat(fd).st_size
        if size == part.size and digest_of(fd, size) == part.digest:
            return fd
        os.close(fd)
        # Else nobody would ever put it again, because it is there.
        self._client.delete(*self._chunk_keys(part))
        raise DigestMismatch(f"a blob in Redis is not what its digest {part.digest.hex()[:16]}… says")

    def _chunks(self, part: Part) -> Iterator[bytes]:
        keys = self._chunk_keys(part)
        for first in range(0, len(keys), _AT_ONCE):
            for chunk in self._client.mget(keys[first : first + _AT_ONCE]):
                if chunk is None:
                    raise _MissingChunkError
                yield chunk[: _CHUNK + 1]

    def _put(self, records: Sequence[Record], fds: Mapping[bytes, int]) -> None:
        parts = {part.digest: part for record in records for part in record.parts}
        for part in parts.values():
            if part.size > self._max_blob:
                raise StoreError(f"{part.name} is larger than {self._max_blob} bytes, too large for Redis")
            self._write_blob(part, fds[part.digest])
        # What was written may have been evicted since; then nobody is told of it.
        for part in parts.values():
            keys = self._chunk_keys(part)
            if keys and self._client.exists(*keys) != len(keys):
                raise StoreError("Redis has not enough memory", reason=f"it evicted chunks of {part.name} at once")
        with self._client.pipeline(transaction=True) as pipe:
            for record in records:
                data = json.dumps(encode_record(record._replace(origin="")), separators=(",", ":"))
                pipe.set(self._record_key(record.key), data, ex=self._ttl_s or None)
            pipe.execute()

    def _write_blob(self, part: Part, fd: int) -> None:
        keys = self._chunk_keys(part)
        for first in range(0, len(keys), _AT_ONCE):
            group = keys[first : first + _AT_ONCE]
            with self._client.pipeline(transaction=False) as pipe:
                for key in group:
                    pipe.exists(key)
                there = pipe.execute()
            with self._client.pipeline(transaction=False) as pipe:
                for place, key in enumerate(group, first):
                    if there[place - first]:
                        if self._ttl_s:
                            pipe.expire(key, 2 * self._ttl_s)
                    else:
                        pipe.set(key, os.pread(fd, _CHUNK, place * _CHUNK), ex=2 * self._ttl_s or None)
                pipe.execute()

    def _renew(self, record: Record) -> None:
        """Let a record that is used live on, its chunks longer than itself."""
        if not self._ttl_s:
            return
        with self._client.pipeline(transaction=False) as pipe:
            for part in record.parts:
                for key in self._chunk_keys(part):
                    pipe.expire(key, 2 * self._ttl_s)
            pipe.expire(self._record_key(record.key), self._ttl_s)
            pipe.execute()

    def _record_key(self, key: str) -> str:
        return f"{self._prefix}:record:{key}"

    def _chunk_keys(self, part: Part) -> list[str]:
        count = -(-part.size // _CHUNK)
        return [f"{self._prefix}:blob:{part.digest.hex()}:{place}" for place in range(count)]


@contextmanager
def _translated() -> Iterator[None]:
    """Have errors of the library and of sockets come out as ours, without the address, which may hold a password."""
    from redis.exceptions import RedisError
    from redis.exceptions import TimeoutError as RedisTimeoutError

    try:
        yield
    except RedisTimeoutError as error:
        raise StoreError("Redis did not answer in time") from error
    except (RedisError, OSError) as error:
        reason = str(error).partition("redis://")[0].strip() or type(error).__name__
        raise StoreError("Redis can't be used", reason=reason[:300]) from error


class _MissingChunkError(Exception):
    """The server has evicted a chunk, or let it expire."""


def _close_all(fds: Mapping[bytes, int]) -> None:
    for fd in fds.values():
        os.close(fd)
