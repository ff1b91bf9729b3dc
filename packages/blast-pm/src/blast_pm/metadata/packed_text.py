"""Entries of a large page as the page writes them, compressed: a fifth of the bytes, at 0.5 GB/s.

What stands beside the versions in a `FileTable`'s blob:

    per version      `z`, and four numbers, little-endian: where its frame begins and ends in the blob, and where its
                     text begins and ends in the frame
    after these      count of bytes of the page's address, the address, and frames, each some versions' entries, zstd

A frame is as short as compresses well, because reading one version's files inflates one.
"""

from __future__ import annotations

from itertools import pairwise
from struct import Struct

from blast_pm.metadata.file_table import PAGE_ID_SIZE, TEXT, join_versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    import zstandard

    from blast_core.archive.source import Buffer

    _T = TypeVar("_T")

__all__ = ["PackedLater", "encode_text", "find_text"]

# No two threads may use one at once, and to make one takes longer than to use it.
_compressors: list[zstandard.ZstdCompressor] = []
_inflaters: list[zstandard.ZstdDecompressor] = []
_LEVEL = 1
_FRAME_BYTES = 64 << 10
_PLACE = Struct("<4I")
_U32 = Struct("<I")
_COUNT = PAGE_ID_SIZE
_OFFSETS = PAGE_ID_SIZE + 4


def _spare(made: list[_T]) -> _T | None:
    try:
        return made.pop()
    except IndexError:  # also where another thread took the last one just now
        return None


def encode_text(page_id: bytes, url: str, versions: Sequence[Sequence[Buffer]]) -> bytes:
    """Pack the text of a page's entries, in the versions' order.

    Args:
        page_id: of the page.
        url: where the page came from.
        versions: of each the entries, JSON.
    """
    compressor = _spare(_compressors)
    if compressor is None:
        import zstandard

        compressor = zstandard.ZstdCompressor(level=_LEVEL)
    compress = compressor.compress
    address = url.encode()
    # The pieces have one size, so it is known before the first where frames begin.
    begin = _OFFSETS + 4 * (len(versions) + 1) + (1 + _PLACE.size) * len(versions)
    after = [_U32.pack(len(address)), address]
    begin += _U32.size + len(address)
    pieces: list[bytes] = []
    waiting: list[bytes] = []
    ends = [0]

    def end_frame() -> None:
        nonlocal begin, waiting, ends
        frame = compress(b"".join(waiting))
        after.append(frame)
        pieces.extend([TEXT + _PLACE.pack(begin, begin + len(frame), start, stop) for start, stop in pairwise(ends)])
        begin += len(frame)
        waiting, ends = [], [0]

    for entries in versions:
        text = b",".join(entries)
        waiting.append(text)
        ends.append(ends[-1] + len(text))
        if ends[-1] >= _FRAME_BYTES:
            end_frame()
    if waiting:
        end_frame()
    _compressors.append(compressor)
    return join_versions(page_id, pieces, after)


class PackedLater:
    """The blob of `encode_text`, made when it is first asked for: compressing lets other threads go on meanwhile."""

    def __init__(self, page_id: bytes, url: str, versions: Sequence[Sequence[Buffer]]) -> None:
        self._arguments: tuple[bytes, str, Sequence[Sequence[Buffer]]] | None = (page_id, url, versions)
        self._blob = b""

    def __call__(self) -> bytes:
        """Return the blob."""
        arguments = self._arguments
        if arguments is not None:
            self._blob = encode_text(*arguments)
            self._arguments = None
        return self._blob


def find_text(blob: memoryview | bytes, place: bytes) -> tuple[str, bytes]:
    """Return the page's address, and the list of a version's entries as JSON.

    Args:
        blob: all of a page's.
        place: what the version's piece says.
    """
    inflater = _spare(_inflaters)
    if inflater is None:
        import zstandard

        inflater = zstandard.ZstdDecompressor()
    frame_start, frame_stop, start, stop = _PLACE.unpack(place)
    (count,) = _U32.unpack_from(blob, _COUNT)
    (at,) = _U32.unpack_from(blob, _OFFSETS + 4 * count)
    (length,) = _U32.unpack_from(blob, at)
    url = bytes(blob[at + 4 : at + 4 + length]).decode()
    frame = inflater.decompress(blob[frame_start:frame_stop])
    _inflaters.append(inflater)
    return url, b"[%s]" % frame[start:stop]
