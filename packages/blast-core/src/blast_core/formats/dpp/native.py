"""ELF facts of archive members, without ever holding a large one in memory."""

from __future__ import annotations

from blast_core.archive.zip import STORED
from blast_core.elf import parse_elf, read_elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.archive.zip import ZipArchive, ZipMember
    from blast_core.elf import ElfFacts

__all__ = ["read_member_elf"]


def read_member_elf(archive: ZipArchive, member: ZipMember, raw: bytes | memoryview | None) -> ElfFacts | None:
    """Return the facts of a member that is an ELF file.

    Args:
        archive: where it is.
        member: which one.
        raw: its content if that is in memory.

    Cost: without ``raw``, and if it is deflated, up to four more passes over it; each ends at the last byte asked for.
    """
    if raw is not None:
        return read_elf(raw)
    parser = parse_elf()
    ranges = next(parser)
    while True:
        try:
            ranges = parser.send(_read_ranges(archive, member, ranges))
        except StopIteration as stop:
            result: ElfFacts | None = stop.value
            return result


def _read_ranges(archive: ZipArchive, member: ZipMember, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    clipped = [(min(offset, member.raw_size), min(offset + length, member.raw_size)) for offset, length in ranges]
    if member.method == STORED:
        return [bytes(archive.source.read(member.data_offset + start, end - start)) for start, end in clipped]
    found = [bytearray() for _ in clipped]
    last = max((end for _, end in clipped), default=0)
    position = 0
    for chunk in archive.iter_unpacked(member, archive.iter_stored(member)):
        for (start, end), part in zip(clipped, found, strict=True):
            part.extend(chunk[max(0, start - position) : max(0, end - position)])
        position += len(chunk)
        if position >= last:
            break
    return [bytes(part) for part in found]
