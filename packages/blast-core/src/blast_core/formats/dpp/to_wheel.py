"""Container to wheel: the same files, the same METADATA, WHEEL and RECORD, deflate streams copied as they are."""

from __future__ import annotations

from struct import Struct

from blast_core import fs
from blast_core.archive.zip import DEFLATED, STORED
from blast_core.formats.dpp import layout
from blast_core.limits import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_core.formats.dpp.layout import DppFile
    from blast_core.formats.dpp.reader import DppPackage

__all__ = ["dpp_to_wheel"]

_LOCAL = Struct("<4s5H3I2H")
_CENTRAL = Struct("<4s6H3I5H2I")
_END = Struct("<4s4H2IH")
_END64 = Struct("<4sQ2H2I4Q")
_LOCATOR = Struct("<4sIQI")
_UTF8 = 0x0800
_UNIX = 3 << 8
# 1980-01-01, the first day that ZIP knows: the container keeps no times.
_DATE = 0x21
_VERSION = 20
_VERSION_64 = 45
_REGULAR = 0o100000
_MAX16 = 0xFFFF
_MAX32 = 0xFFFFFFFF

# From here on a number needs zip64; a test lowers it, because four gigabytes are a lot to write.
_WIDE_FROM = _MAX32


def dpp_to_wheel(dpp: DppPackage, path: str) -> None:
    """Write a wheel that installs the same files as the one that the container was made from.

    Args:
        dpp: the container.
        path: the new file, which must not exist. Its name should be ``dpp.wheel_filename``.

    Raises:
        FormatError: the container is damaged.
        OSError: it can't be written.

    Cost: one pass, memory bounded by the largest zstd file; stored and deflate streams are copied.
    """
    descriptor = fs.create_file(path)
    try:
        writer = _WheelWriter(descriptor)
        for file in dpp.files:
            writer.add(dpp, file)
        writer.finish()
    except BaseException:
        fs.unlink(path)
        raise
    finally:
        _close(descriptor)


def _close(descriptor: int) -> None:
    import os

    os.close(descriptor)


class _WheelWriter:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0
        self._pending = bytearray()
        self._central = bytearray()
        self._count = 0

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        self._pending += data
        self._position += len(data)
        if len(self._pending) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        fs.write(self._descriptor, self._pending)
        self._pending = bytearray()

    def add(self, dpp: DppPackage, file: DppFile) -> None:
        offset = self._position
        method = DEFLATED if file.codec else STORED
        pieces, stored_size = _stored_pieces(dpp, file)
        name = file.path.encode()
        flags = 0 if file.path.isascii() else _UTF8
        wide = max(stored_size, file.raw_size) >= _WIDE_FROM
        sizes = (_MAX32, _MAX32) if wide else (stored_size, file.raw_size)
        extra = _zip64(file.raw_size, stored_size) if wide else b""
        needed = _VERSION_64 if wide or offset >= _WIDE_FROM else _VERSION
        self._write(_LOCAL.pack(b"PK\3\4", needed, flags, method, 0, _DATE, file.crc32, *sizes, len(name), len(extra)))
        self._write(name + extra)
        for piece in pieces:
            self._write(piece)
        wide_numbers = ((file.raw_size, stored_size) if wide else ()) + ((offset,) if offset >= _WIDE_FROM else ())
        extra = _zip64(*wide_numbers) if wide_numbers else b""
        self._central += _CENTRAL.pack(
            b"PK\1\2", _UNIX | needed, needed, flags, method, 0, _DATE, file.crc32, *sizes, len(name), len(extra),
            0, 0, 0, (_REGULAR | file.mode) << 16, _MAX32 if offset >= _WIDE_FROM else offset,
        )  # fmt: skip
        self._central += name + extra
        self._count += 1

    def finish(self) -> None:
        start, size = self._position, len(self._central)
        self._write(self._central)
        wide = self._count >= _MAX16 or max(start, size) >= _WIDE_FROM
        if wide:
            record = self._position
            made_by = _UNIX | _VERSION_64
            numbers = (self._count, self._count, size, start)
            self._write(_END64.pack(b"PK\6\6", _END64.size - 12, made_by, _VERSION_64, 0, 0, *numbers))
            self._write(_LOCATOR.pack(b"PK\6\7", 0, record, 1))
        count = min(self._count, _MAX16)
        self._write(_END.pack(b"PK\5\6", 0, 0, count, count, *((_MAX32, _MAX32) if wide else (size, start)), 0))
        self._flush()


def _zip64(*numbers: int) -> bytes:
    return Struct(f"<2H{len(numbers)}Q").pack(1, 8 * len(numbers), *numbers)


def _stored_pieces(dpp: DppPackage, file: DppFile) -> tuple[Iterable[bytes | memoryview], int]:
    """Return what goes into the wheel and its size; only zstd has to be compressed anew."""
    if file.codec not in (layout.ZSTD, layout.ZSTD_DICTIONARY):
        return dpp.iter_raw(file), file.stored_size
    import zlib

    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    pieces = [compressor.compress(chunk) for chunk in dpp.iter_content(file)]
    pieces.append(compressor.flush())
    return pieces, sum(map(len, pieces))
