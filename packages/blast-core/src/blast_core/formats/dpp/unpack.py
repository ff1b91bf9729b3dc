"""Stored bytes to content, exactly: size and CRC are checked, nothing is inflated beyond the declared size."""

from __future__ import annotations

from typing import NoReturn

from blast_core.archive.inflate import crc32, inflate, inflate_chunks
from blast_core.errors import FormatError
from blast_core.formats.dpp import layout
from blast_core.limits import CHUNK, UNPACKED_TOTAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.formats.dpp.header import Storage
    from blast_core.formats.dpp.layout import DppFile

__all__ = ["iter_stored", "unpack", "unpack_chunks"]

# The window that zstd's highest level asks for, and no more.
_ZSTD_WINDOW = 1 << 27
_ZSTD = (layout.ZSTD, layout.ZSTD_DICTIONARY)


def unpack(stored: memoryview, file: DppFile, name: str, dictionary: bytes = b"") -> bytes:
    """Return the content of a file.

    Args:
        stored: its stored bytes.
        file: what the container says of it.
        name: the container, for errors.
        dictionary: the container's.

    Raises:
        FormatError: the stream is damaged, or size or CRC are not the declared ones.
    """
    try:
        if file.codec == layout.DEFLATE:
            raw = inflate(stored, file.raw_size)
        elif file.codec in _ZSTD:
            raw = b"".join(_unpack_zstd(iter((stored,)), file, dictionary))
        else:
            raw = bytes(stored)
    except ValueError as error:
        _fail(file, name, str(error))
    if len(raw) != file.raw_size:
        _fail(file, name, f"it has {len(raw)} bytes instead of {file.raw_size}")
    if crc32(raw) != file.crc32:
        _fail(file, name, "its CRC is not the declared one")
    return raw


def unpack_chunks(storage: Storage, file: DppFile, dictionary: bytes = b"") -> Iterator[bytes]:
    """Yield the content of a file in pieces; the last word is said when the iterator ends.

    Raises:
        FormatError: the stream is damaged, or size or CRC are not the declared ones.
    """
    pieces = iter_stored(storage, file)
    check = size = 0
    try:
        for raw in _open_stream(pieces, file, dictionary):
            size += len(raw)
            check = crc32(raw, check)
            yield bytes(raw)
    except ValueError as error:
        if isinstance(error, FormatError):
            raise
        _fail(file, storage.name, str(error))
    if size != file.raw_size or check != file.crc32:
        _fail(file, storage.name, "size or CRC are not the declared ones")


def _open_stream(
    pieces: Iterator[memoryview], file: DppFile, dictionary: bytes
) -> Iterator[bytes] | Iterator[memoryview]:
    if file.codec == layout.DEFLATE:
        return inflate_chunks(pieces, file.raw_size)
    if file.codec in _ZSTD:
        return _unpack_zstd(pieces, file, dictionary)
    return pieces


def iter_stored(storage: Storage, file: DppFile) -> Iterator[memoryview]:
    """Yield a file's stored bytes, at most 1 MiB at a time."""
    for start in range(0, file.stored_size, CHUNK):
        yield storage.read(file.offset + start, min(CHUNK, file.stored_size - start), f"file {file.path}")


class _Pieces:
    """Pieces as the file-like object that zstandard reads from."""

    def __init__(self, pieces: Iterator[memoryview]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> memoryview:
        if not self._rest:
            self._rest = next(self._pieces, memoryview(b""))
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def is_empty(self) -> bool:
        return not self._rest and not next(self._pieces, b"")


def _unpack_zstd(pieces: Iterator[memoryview], file: DppFile, dictionary: bytes) -> Iterator[bytes]:
    """Yield the content of one zstd frame of at most the declared size.

    Raises:
        ValueError: it is damaged, longer, or wants a window that nobody needs.
    """
    import zstandard

    raw_size = file.raw_size
    if raw_size > UNPACKED_TOTAL:
        raise ValueError("it is declared absurdly large")
    source = _Pieces(pieces)
    if not dictionary and file.codec == layout.ZSTD_DICTIONARY:
        raise ValueError("the container has no dictionary")
    words = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    decompressor = zstandard.ZstdDecompressor(dict_data=words, max_window_size=_ZSTD_WINDOW)
    reader = decompressor.stream_reader(source)  # type: ignore[arg-type]
    done = 0
    try:
        while chunk := reader.read(min(CHUNK, raw_size + 1 - done)):
            done += len(chunk)
            if done > raw_size:
                raise ValueError("its zstd stream has more than the declared size")
            yield chunk
    except zstandard.ZstdError as error:
        raise ValueError(f"its zstd stream is damaged: {error}") from error
    if done != raw_size or not source.is_empty():
        raise ValueError("its zstd stream has not the declared size, or bytes follow it")


def _fail(file: DppFile, name: str, reason: str) -> NoReturn:
    raise FormatError("a file's content is damaged", file=name, field=file.path, value=reason)
