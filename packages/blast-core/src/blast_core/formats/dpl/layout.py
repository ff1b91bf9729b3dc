"""Where everything lies in a DPL file. All integers are little-endian, all offsets from the start of the file.

Header, 128 bytes at 0::

    0   4s   magic b"DPL1"                  28  u32  target count, at most 64
    4   u16  format version, 1              32  u64  entries offset
    6   u16  flags, 0                       40  u64  string pool offset
    8   u32  package count                  48  u64  targets offset
    12  u32  entry size, 128                56  u64  total size
    16  u64  hash table offset              64  32s  input hash
    24  u32  hash table slots               96  32s  BLAKE3 of bytes 128 to the end

Directory, 192 bytes at 128::

    128 32s  text hash: BLAKE3 of the pylock.toml written beside, zeros for none
    160 u32, u32  requires-python of the project, as a string reference
    168 u64  string pool size
    176 u32  page size, 4096
    180 u32  zero
    184 8 x (u64 offset, u32 count, u32 entry size): markers, groups, indexes, sources, files, dependencies, extras,
        seals
    312 u64  zero

A string reference is (u32 offset into the pool, u32 length); the text is UTF-8. Sections follow each other in the order
of ``SECTIONS``, each at the next multiple of 8, so the counts and the pool's size give every offset: a reader computes
them and refuses a file that says otherwise. That rules out overlaps, gaps and trailing bytes in one comparison.

The last section holds one seal per page of 4096 bytes: the CRC-32 of the page's bytes before the seals, where page 0
leaves out bytes 96 to 127 (the content hash, which covers the seals). Whoever reads a page checks its seal first, so a
lookup that touches five pages is as sure against damage as one that hashed the file. BLAKE3 is for trust.
"""

from __future__ import annotations

from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CONTENT_AT",
    "CONTENT_HASH_AT",
    "DEPENDENCY",
    "DIRECTORY",
    "ENTRIES_AT",
    "ENTRY",
    "EXTRA",
    "FILE",
    "FORMAT_VERSION",
    "HEADER",
    "MAGIC",
    "MARKER",
    "PAGE_SHIFT",
    "PAGE_SIZE",
    "PATH_IS_FOLDER",
    "SEAL",
    "SECTIONS",
    "SLOT",
    "SOURCE",
    "STRING",
    "TARGET",
    "Section",
    "place_sections",
]

MAGIC = b"DPL1"
FORMAT_VERSION = 1
CONTENT_HASH_AT = 96
CONTENT_AT = 128
ENTRIES_AT = 384
PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT

HEADER = Struct("<4sHHIIQIIQQQQ32s32s")
DIRECTORY = Struct("<32sIIQII" + "QII" * 8 + "Q")
SLOT = Struct("<I")
SEAL = SLOT

ENTRY = Struct("<QIIIIIIIIIIIIIIQQHHI32sQ")
"""FNV-1a 64 of the name; name; version; packed version; requires-python (string references); first and count of files,
dependencies, extras; target mask; group mask; source kind; zero; source index; source digest (zeros: none); zero."""

TARGET = Struct("<IIIIIIII")
"""Name, python version, platform (string references); first and count of markers."""

MARKER = Struct("<IIII")
"""Variable, value (string references)."""

STRING = Struct("<II")
"""A group or an index (string reference)."""

SOURCE = Struct("<IIIIII")
"""Location, revision, subdirectory (string references)."""

FILE = Struct("<32sQIIIIIIII")
"""sha256; size; file name, path, upload time (string references); index + 1, 0 for none; flags."""

PATH_IS_FOLDER = 1
"""File flag: the stored path lacks the file name at its end."""

DEPENDENCY = Struct("<IIIIIIII")
"""Name, specifier, extras joined by commas, marker (string references)."""

EXTRA = Struct("<IIII")
"""Name (string reference); first and count of dependencies."""


class Section:
    """Positions in ``SECTIONS``, and in every sequence of counts or offsets of sections."""

    ENTRIES = 0
    TABLE = 1
    TARGETS = 2
    MARKERS = 3
    GROUPS = 4
    INDEXES = 5
    SOURCES = 6
    FILES = 7
    DEPENDENCIES = 8
    EXTRAS = 9
    POOL = 10
    SEALS = 11


SECTIONS = (
    ("entries", ENTRY.size),
    ("hash table", SLOT.size),
    ("targets", TARGET.size),
    ("markers", MARKER.size),
    ("groups", STRING.size),
    ("indexes", STRING.size),
    ("sources", SOURCE.size),
    ("files", FILE.size),
    ("dependencies", DEPENDENCY.size),
    ("extras", EXTRA.size),
    ("string pool", 1),
    ("seals", SEAL.size),
)
"""Name and entry size of each section, in file order."""

_STRIDES = tuple(size for _, size in SECTIONS[:-1])


def place_sections(counts: Sequence[int]) -> tuple[list[int], int, int]:
    """Return where the sections lie that hold ``counts`` entries each (the pool: bytes; without the seals).

    Returns:
        The offsets in the order of ``SECTIONS``, the number of seals, and the total size.
    """
    at = ENTRIES_AT
    offsets = []
    for stride, count in zip(_STRIDES, counts, strict=True):
        offsets.append(at)
        at = (at + stride * count + 7) & -8
    offsets.append(at)
    seals = (at + PAGE_SIZE - 1) >> PAGE_SHIFT
    return offsets, seals, at + 4 * seals
