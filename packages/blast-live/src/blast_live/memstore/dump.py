"""A memory store in one file: written with everything that it holds, read back with nothing taken on trust.

    0   4s   magic ``BMD1``
    4   u16  version, 1
    6   u16  0
    8   u64  where the index begins
    16  u64  its size; the file ends with it
    24  u64  0
    32  32s  BLAKE3 of the index
    64       the blobs, each padded with zeros to 16 bytes

The index is JSON: ``blobs`` is a list of digest, offset and size, ``records`` of records as on the socket. A restored
record becomes visible with all others of its file, and only if every digest of it is right.
"""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING, Any

from blast_core import fs
from blast_core.digests import blake3_digest
from blast_core.errors import (
    BadMagic,
    DigestMismatch,
    InvalidField,
    TruncatedInput,
    UnsupportedFormatVersion,
)
from blast_core.limits import CHUNK, MIB
from blast_live.memstore.model import KEYS_PER_REQUEST, Record, decode_digest, decode_record, encode_record
from blast_live.memstore.sealed import sealed_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from blast_live.memstore.client import Claimed, MemoryStore

__all__ = ["ORIGIN", "DumpIndex", "dump", "read_index", "restore"]

#: The origin of restored records, unless the dump names another.
ORIGIN = "dump"

_HEADER = struct.Struct("<4sHHQQQ32s")
_MAGIC, _VERSION = b"BMD1", 1
_LONGEST_INDEX = 256 * MIB
_AT_ONCE = 16


class DumpIndex:
    """What a dump holds.

    Attributes:
        records: in the order in which they were used.
        places: offset and size of each blob, by digest.
    """

    def __init__(self, records: Sequence[Record], places: Mapping[bytes, tuple[int, int]]) -> None:
        self.records = tuple(records)
        self.places = dict(places)


def dump(store: MemoryStore, path: str) -> tuple[int, int]:
    """Write everything that a store holds into a new file at ``path``, or in place of one there by a rename.

    Returns:
        The number of records and the size of the file in bytes.

    Raises:
        BlastError: the store does not answer.
        OSError: the file can't be written; what was there before still is.
    """
    # Borrowed, so nothing of it goes meanwhile; a record that is evicted before we have borrowed it is not in the dump.
    keys = [row["key"] for row in store.listing()]
    found = store.find(keys, only_present=True)
    records = [found[key] for key in keys if key in found]
    temporary = fs.temporary_beside(path)
    fd = fs.create_file(temporary, 0o600)
    try:
        try:
            size = _write(store, records, fd)
            fs.sync_file(fd)
        finally:
            os.close(fd)
        fs.rename(temporary, path)
    except BaseException:
        fs.unlink(temporary)
        raise
    fs.sync_directory(os.path.dirname(path) or ".")
    return len(records), size


def _write(store: MemoryStore, records: Sequence[Record], fd: int) -> int:
    fs.write(fd, bytes(_HEADER.size))
    offset = _HEADER.size
    rows: dict[bytes, tuple[int, int]] = {}
    for first in range(0, len(records), _AT_ONCE):
        for holding in store.open(records[first : first + _AT_ONCE]).values():
            for blob in holding.parts:
                try:
                    if blob.digest not in rows:
                        _copy(blob.fd, blob.size, fd)
                        rows[blob.digest] = (offset, blob.size)
                        offset += blob.size + -blob.size % 16
                finally:
                    os.close(blob.fd)
    blobs = [[digest.hex(), at, size] for digest, (at, size) in rows.items()]
    document = {"blobs": blobs, "records": [encode_record(record) for record in records]}
    index = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    fs.write(fd, index)
    header = _HEADER.pack(_MAGIC, _VERSION, 0, offset, len(index), 0, blake3_digest(index))
    os.lseek(fd, 0, os.SEEK_SET)
    fs.write(fd, header)
    return offset + len(index)


def _copy(source: int, size: int, fd: int) -> None:
    for at in range(0, size, CHUNK):
        fs.write(fd, os.pread(source, min(CHUNK, size - at), at))
    fs.write(fd, bytes(-size % 16))


def read_index(fd: int, name: str) -> DumpIndex:
    """Return what the dump open at ``fd`` holds; its blobs are not read yet.

    Raises:
        FormatError: it is no dump, or damaged.
        UnsupportedFormatVersion: a newer Blast has written it.
    """
    size = os.fstat(fd).st_size
    header = os.pread(fd, _HEADER.size, 0)
    if len(header) < _HEADER.size:
        raise TruncatedInput("too short for a dump of a memory store", file=name)
    magic, version, zero, start, length, zero2, digest = _HEADER.unpack(header)
    if magic != _MAGIC:
        raise BadMagic("not a dump of a memory store", file=name)
    if version != _VERSION:
        raise UnsupportedFormatVersion(f"a dump of version {version}", file=name, hint="a newer Blast has written it")
    if zero or zero2 or start < _HEADER.size or length > _LONGEST_INDEX or start + length != size:
        raise InvalidField("the dump is cut off, or its header is wrong", file=name, field="index")
    index = os.pread(fd, length, start)
    if len(index) != length or blake3_digest(index) != digest:
        raise InvalidField("the index of the dump is damaged", file=name, field="index")
    try:
        return _decode_index(json.loads(index), start)
    except (ValueError, RecursionError, TypeError) as error:
        raise InvalidField(
            "the index of the dump is wrong", file=name, field="index", reason=str(error)[:200]
        ) from error


def _decode_index(document: Any, end: int) -> DumpIndex:
    if not isinstance(document, dict):
        raise InvalidField("not an object", field="index")
    places: dict[bytes, tuple[int, int]] = {}
    for hexadecimal, offset, size in document.get("blobs", ()):
        if not (
            isinstance(offset, int) and isinstance(size, int) and _HEADER.size <= offset <= end - size and size >= 0
        ):
            raise InvalidField("a blob lies outside of the dump", field="blobs")
        places[decode_digest(hexadecimal)] = (offset, size)
    records = [decode_record(row) for row in document.get("records", ())]
    for record in records:
        for part in record.parts:
            if part.digest not in places or places[part.digest][1] != part.size:
                raise InvalidField(f"no blob for {part.name} of {record.key}", field="records")
    return DumpIndex(records, places)


def restore(store: MemoryStore, path: str, *, wait_s: float = 120.0) -> tuple[int, int]:
    """Put all records of a dump into a store; those that become visible do so at once, and what is there stays.

    Returns:
        How many records were put, and how many were there already.

    Raises:
        FormatError, DigestMismatch: the dump is damaged; the store is as it was before.
        StoreError: there is no room for all of it.
        OSError: the file can't be read.
    """
    with open(path, "rb", buffering=0) as file:
        index = read_index(file.fileno(), path)
        for digest, place in index.places.items():
            _check(file.fileno(), digest, place, path)
        put = there = 0
        for first in range(0, len(index.records), KEYS_PER_REQUEST):
            group = {record.key: record for record in index.records[first : first + KEYS_PER_REQUEST]}
            with store.begin(list(group), only_missing=True, wait_s=wait_s) as claimed:
                for key in claimed.keys:
                    _put(claimed, group[key], file.fileno(), index)
                put += len(claimed.commit())
                there += len(group) - len(claimed.keys)
    return put, there


def _check(fd: int, digest: bytes, place: tuple[int, int], name: str) -> None:
    from blake3 import blake3

    hasher = blake3()
    for chunk in _chunks(fd, *place):
        hasher.update(chunk)
    if hasher.digest() != digest:
        raise DigestMismatch(f"{name} is damaged", reason=f"blob {digest.hex()[:16]}… is not what was written")


def _put(claimed: Claimed, record: Record, fd: int, index: DumpIndex) -> None:
    parts: list[tuple[str, int]] = []
    try:
        # One after the other into the list, so that all are closed if one fails.
        parts.extend(
            (part.name, sealed_from(_chunks(fd, *index.places[part.digest]), part.name)) for part in record.parts
        )
        # It was not made here, or not by a store that we know of.
        added = claimed.add(record.key, parts, record.origin or ORIGIN)
    finally:
        for _, made in parts:
            os.close(made)
    if added.parts != record.parts:
        raise DigestMismatch(f"{record.key} changed in the dump while it was read")


def _chunks(fd: int, offset: int, size: int) -> Iterator[bytes]:
    for at in range(0, size, CHUNK):
        yield os.pread(fd, min(CHUNK, size - at), offset + at)
