"""DEFLATE, by ISA-L where its wheels exist (twice as fast), else by zlib. Exact: not a byte less or more than declared.

Problems are ValueErrors whose text is the reason; callers know whose bytes they were.
"""

from __future__ import annotations

from blast_core.limits import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

__all__ = ["Inflating", "crc32", "inflate", "inflate_chunks"]

# What is left of an input piece is copied once per output piece, so pieces of input are small.
_INPUT = 64 << 10

_TOO_MUCH = "it inflates to more than the {} bytes declared"
_TOO_LITTLE = "it inflates to {} bytes instead of the {} declared"
_UNFINISHED = "its DEFLATE stream does not end"
_TAIL = "bytes follow the end of its DEFLATE stream"


def _load() -> ModuleType:
    try:
        from isal import isal_zlib
    except ImportError:
        import zlib

        return zlib
    return isal_zlib


_engine: ModuleType | None = None


def _get_engine() -> ModuleType:
    global _engine  # noqa: PLW0603 - loaded once, on first use: a reader of stored files never pays for it
    if _engine is None:
        _engine = _load()
    return _engine


def crc32(data: bytes | memoryview, start: int = 0) -> int:
    """Return the CRC-32 of ``data``, carried on from ``start``."""
    result: int = _get_engine().crc32(data, start)
    return result


def inflate(stored: bytes | memoryview, raw_size: int) -> bytes:
    """Inflate a whole raw DEFLATE stream.

    Raises:
        ValueError: it is damaged, unfinished, followed by other bytes, or not of ``raw_size`` bytes.

    Cost: never holds more than ``raw_size`` + 1 bytes of output.
    """
    engine = _get_engine()
    stream = engine.decompressobj(-15)
    try:
        raw: bytes = stream.decompress(stored, raw_size + 1)
    except engine.error as error:
        raise ValueError(f"its DEFLATE stream is damaged: {error}") from error
    if len(raw) > raw_size:
        raise ValueError(_TOO_MUCH.format(raw_size))
    if not stream.eof:
        raise ValueError(_UNFINISHED)
    if stream.unused_data:
        raise ValueError(_TAIL)
    if len(raw) != raw_size:
        raise ValueError(_TOO_LITTLE.format(len(raw), raw_size))
    return raw


def inflate_chunks(pieces: Iterable[bytes | memoryview], raw_size: int) -> Iterator[bytes]:
    """Inflate a raw DEFLATE stream that comes in pieces; yield at most 1 MiB at a time.

    Raises:
        ValueError: as ``inflate``; what was yielded before is then worthless.
    """
    stream = Inflating(raw_size)
    for piece in pieces:
        yield from stream.feed(piece)
    stream.finish()


class Inflating:
    """A raw DEFLATE stream whose pieces are handed over one by one.

    Args:
        raw_size: how many bytes it has to inflate to.
    """

    __slots__ = ("_done", "_engine", "_raw_size", "_stream")

    def __init__(self, raw_size: int) -> None:
        self._engine = _get_engine()
        self._stream = self._engine.decompressobj(-15)
        self._raw_size = raw_size
        self._done = 0

    def feed(self, piece: bytes | memoryview) -> Iterator[bytes]:
        """Yield what a piece inflates to, at most 1 MiB at a time; all of it has to be taken.

        Raises:
            ValueError: as ``inflate``; what was yielded before is then worthless.
        """
        for start in range(0, len(piece), _INPUT):
            if self._stream.eof:
                raise ValueError(_TAIL)
            for raw in _drain(self._engine, self._stream, piece[start : start + _INPUT]):
                self._done += len(raw)
                if self._done > self._raw_size:
                    raise ValueError(_TOO_MUCH.format(self._raw_size))
                yield raw

    def finish(self) -> None:
        """Say that no piece follows.

        Raises:
            ValueError: the stream goes on, bytes follow it, or it has another size.
        """
        if not self._stream.eof:
            raise ValueError(_UNFINISHED)
        if self._stream.unused_data:
            raise ValueError(_TAIL)
        if self._done != self._raw_size:
            raise ValueError(_TOO_LITTLE.format(self._done, self._raw_size))


def _drain(engine: ModuleType, stream: object, data: bytes | memoryview) -> Iterator[bytes]:
    rest: bytes | memoryview = data
    while True:
        try:
            raw: bytes = stream.decompress(rest, CHUNK)  # type: ignore[attr-defined]
        except engine.error as error:
            raise ValueError(f"its DEFLATE stream is damaged: {error}") from error
        if raw:
            yield raw
        rest = stream.unconsumed_tail  # type: ignore[attr-defined]
        # A full piece may leave output inside the stream although all input was taken.
        if stream.eof or (not rest and len(raw) < CHUNK):  # type: ignore[attr-defined]
            return
