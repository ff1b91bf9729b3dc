"""Bounds on what Blast reads, each with the reason for its size.

Sizes are in bytes unless the name says otherwise. A limit is far above everything honest ("seen": in 967 popular
wheels) and far below what hurts.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes 3 ms to import, and the hot path reads these numbers
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "ARCHIVE_IN_MEMORY",
    "ARCHIVE_MEMBERS",
    "ARCHIVE_TAIL",
    "CENTRAL_DIRECTORY",
    "CHUNK",
    "DISTRIBUTION",
    "DPL_GROUPS",
    "DPL_PACKAGES",
    "DPL_SIZE",
    "DPL_TARGETS",
    "DPP_DICTIONARY",
    "DPP_ENTRIES",
    "DPP_IN_MEMORY",
    "DPP_SECTION",
    "DPX_DEPTH",
    "DPX_SIZE",
    "ELF_DYNAMIC_BYTES",
    "ELF_PROGRAM_HEADERS",
    "ELF_STRING",
    "ENTRY_POINTS",
    "GIB",
    "INDEX_PAGE",
    "INDEX_PAGE_ODD",
    "KIB",
    "MEMBER_IN_MEMORY",
    "METADATA",
    "MIB",
    "PATH_BYTES",
    "PATH_COMPONENT_BYTES",
    "PATH_DEPTH",
    "PTH_FILE",
    "RECORD",
    "RECORD_ROW",
    "RECORD_SPARE",
    "REQUIREMENTS",
    "SDIST_MEMBERS",
    "SDIST_UNPACKED",
    "UNPACKED_FLOOR",
    "UNPACKED_RATIO",
    "UNPACKED_TOTAL",
    "WHEEL_FILE",
    "WHEEL_TAGS",
    "ZSTD_RATIO",
]

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30

# --- Archives -------------------------------------------------------------------------------------------------------

# Converting takes some 2 KB of memory a member, so 200 MB at the most. Largest seen: 16 235.
ARCHIVE_MEMBERS: Final = 100_000

# The central directory itself, names included. The same bound in bytes, for an archive that lies about the count.
CENTRAL_DIRECTORY: Final = 64 * MIB

# Names are joined below a site-packages directory and must stay under Linux' PATH_MAX (4096) there. Longest seen: 238.
PATH_BYTES: Final = 1024

# NAME_MAX of every common file system.
PATH_COMPONENT_BYTES: Final = 255

# Clean-up and readers that recurse die of depth (CVE-2026-44028). Deepest seen: 16.
PATH_DEPTH: Final = 64

# Bombs: an archive may unpack to this much whatever its size...
UNPACKED_FLOOR: Final = 64 * MIB

# ...and above that to this many times its own size. DEFLATE can reach 1032; the highest whole wheel seen has 18.
UNPACKED_RATIO: Final = 100

# A container's zstd streams reach more; what a wheel may unpack to, and then a bomb's tenth.
ZSTD_RATIO: Final = 1_000

# And never to more than a container's addressing (units of 16 bytes in u32) can hold.
UNPACKED_TOTAL: Final = 64 * GIB

# A tail of zeros after the end record is tolerated (padding to a block); longer ones hide something.
ARCHIVE_TAIL: Final = 64 * KIB

# Members up to this size are inflated in one piece, larger ones in chunks: 32 + 32 MiB stay below 200 MB in all.
MEMBER_IN_MEMORY: Final = 32 * MIB

# Wheels up to this size are read at once, larger ones piece by piece.
ARCHIVE_IN_MEMORY: Final = 32 * MIB

# The piece in which large things are read, inflated and written: hides the cost of calls, fits the caches.
CHUNK: Final = 1 * MIB

# --- Wheels ---------------------------------------------------------------------------------------------------------

# METADATA holds the README. Largest seen: 0.23 MiB.
METADATA: Final = 8 * MIB

# WHEEL holds a dozen lines, and a tag per line.
WHEEL_FILE: Final = 256 * KIB

# RECORD has some 120 bytes a file. Largest seen: 1.8 MiB.
RECORD: Final = 64 * MIB

# A row: the longest path, and any digest. So RECORD can't be a bomb beside few files; some rows more are nobody's.
RECORD_ROW: Final = 2 * KIB
RECORD_SPARE: Final = 32

# entry_points.txt; the largest seen has 2.4 KiB.
ENTRY_POINTS: Final = 4 * MIB

# One .pth file: site.py reads it at every start of the interpreter.
PTH_FILE: Final = 1 * MIB

# Requires-Dist lines. The largest seen has 457.
REQUIREMENTS: Final = 20_000

# Compressed tag sets of a file name multiply: py2.py3-none-a.b.c.
WHEEL_TAGS: Final = 1_000

# --- Native code ----------------------------------------------------------------------------------------------------

# Program headers, dynamic entries and one string of an ELF file. Honest files have 15, 50 and a few hundred bytes.
ELF_PROGRAM_HEADERS: Final = 1_024
ELF_DYNAMIC_BYTES: Final = 1 * MIB
ELF_STRING: Final = 16 * KIB

# --- DPP ------------------------------------------------------------------------------------------------------------

# Entries of one section; what ARCHIVE_MEMBERS allows, and bytecode for a few interpreters of each.
DPP_ENTRIES: Final = 4_000_000

# A dictionary for small files; zstd's own tools make them of 110 KiB.
DPP_DICTIONARY: Final = 1 * MIB

# A section is held in memory when it is used; bytecode is the largest.
DPP_SECTION: Final = 1 * GIB

# A container up to this size is written in one operation, larger ones stream.
DPP_IN_MEMORY: Final = 32 * MIB

# --- Indexes --------------------------------------------------------------------------------------------------------

# A project's page, decompressed. The public index's largest has 15 000 files: 6 MB of HTML, 12 MB of JSON.
INDEX_PAGE: Final = 48 * MIB

# HTML that needs a real parser, which is slow and keeps what it saw.
INDEX_PAGE_ODD: Final = 16 * MIB

# A distribution's file. The largest on the public index have some GiB.
DISTRIBUTION: Final = 16 * GIB

# Members that are looked at for a source distribution's PKG-INFO, and bytes inflated meanwhile.
SDIST_MEMBERS: Final = 200_000
SDIST_UNPACKED: Final = 4 * GIB

# --- DPL ------------------------------------------------------------------------------------------------------------

# Bits of a u64 mask.
DPL_TARGETS: Final = 64
DPL_GROUPS: Final = 64

# Entries of a lock; ten times the largest that anyone is expected to make.
DPL_PACKAGES: Final = 1 << 20

# A whole lock: 100,000 packages with twenty files each take 500 MB, and string offsets are u32.
DPL_SIZE: Final = 1 * GIB

# --- DPX ------------------------------------------------------------------------------------------------------------

# Nested tables and arrays. Real manifests go five deep, and whoever walks a document recursively must not die of it.
DPX_DEPTH: Final = 64

# A compiled manifest is held in memory; the largest real ones have 200 KiB.
DPX_SIZE: Final = 256 * MIB
