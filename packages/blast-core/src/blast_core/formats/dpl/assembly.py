"""The last step of writing a lock: from the bytes of its sections to those of the file."""

from __future__ import annotations

from zlib import crc32

from blast_core import limits
from blast_core.errors import InvalidField
from blast_core.formats.dpl import layout
from blast_core.formats.dpl.layout import Section
from blast_core.formats.dpl.model import NO_HASH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["assemble"]


def assemble(
    bodies: Sequence[bytes],
    counts: Sequence[int],
    requires_python: tuple[int, int],
    input_hash: bytes,
    text_hash: bytes,
) -> bytes:
    """Return the file of a lock.

    Args:
        bodies: of each section but the seals, in their order.
        counts: how many rows each has; of the pool its bytes.
        requires_python: of the project, as a string reference.
        input_hash: 32 bytes.
        text_hash: 32 bytes.

    Raises:
        InvalidField: it would be larger than a lock may be.
    """
    from blast_core.digests import blake3_digest

    offsets, seals, total = layout.place_sections(counts)
    if total > limits.DPL_SIZE:
        raise InvalidField("the lock is too large", field="total size", value=str(total))
    places = [*zip(offsets, [*counts, seals], layout.SECTIONS, strict=True)]
    rows = [
        number
        for offset, count, (_, stride) in (*places[Section.MARKERS : Section.POOL], places[Section.SEALS])
        for number in (offset, count, stride)
    ]
    head = layout.HEADER.pack(
        layout.MAGIC, layout.FORMAT_VERSION, 0, counts[Section.ENTRIES], layout.ENTRY.size,
        offsets[Section.TABLE], counts[Section.TABLE], counts[Section.TARGETS], offsets[Section.ENTRIES],
        offsets[Section.POOL], offsets[Section.TARGETS], total, input_hash, NO_HASH,
    )  # fmt: skip
    directory = layout.DIRECTORY.pack(text_hash, *requires_python, counts[Section.POOL], layout.PAGE_SIZE, 0, *rows, 0)
    content = bytearray(head + directory)
    for offset, body in zip(offsets, bodies, strict=False):
        content += bytes(offset - len(content))
        content += body
    content += bytes(offsets[Section.SEALS] - len(content))
    content += _seals(content)
    with memoryview(content) as view:
        digest = blake3_digest(view[layout.CONTENT_AT :])
    content[layout.CONTENT_HASH_AT : layout.CONTENT_AT] = digest
    return bytes(content)


def _seals(content: bytearray) -> bytes:
    with memoryview(content) as view:
        seals = [crc32(view[at : at + layout.PAGE_SIZE]) for at in range(0, len(view), layout.PAGE_SIZE)]
        # The first page is sealed without the content's hash, which covers the seals.
        before, behind = view[: layout.CONTENT_HASH_AT], view[layout.CONTENT_AT : layout.PAGE_SIZE]
        seals[0] = crc32(behind, crc32(before))
        before.release()
        behind.release()
    return b"".join(map(layout.SEAL.pack, seals))
