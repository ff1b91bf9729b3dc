"""The layout of a DPP, once for the reader and the builder. All integers are little-endian.

    header                64 bytes
    data region           stored bytes of each file, in the order of the entries, each padded to 16 by zeros
    metadata section      padded to 16 by zeros, as all that follow
    files section
    dependency section
    native section        only with flag NATIVE
    bytecode section      only with flag BYTECODE

Every section:

    | at | type | field                                                              |
    |----|------|--------------------------------------------------------------------|
    | 0  | u64  | length of the section, these 32 bytes included, padding excluded   |
    | 8  | u32  | number of entries                                                  |
    | 12 | 4s   | tag                                                                |
    | 16 | u32  | where the table begins, from the section's start                   |
    | 20 | u32  | number of slots of the table                                       |
    | 24 | u32  | where the pool begins, from the section's start                    |
    | 28 | u32  | size of the pool                                                   |
    | 32 |      | entries, table, pool, with nothing between them                    |

A *text* is a range of the pool: u32 offset, u32 length; UTF-8. A *list* is a range of the table: u32 first slot, u32
count. Slots are texts (8 bytes); in the files section they are the u32 slots of the FNV-1a table over the paths.
"""

from __future__ import annotations

from struct import Struct

from blast_core.tuples import NamedTuple

__all__ = [
    "BYTECODE",
    "BYTECODE_SECTION",
    "CODE",
    "CODEC_NAMES",
    "DEFLATE",
    "DEPENDENCY",
    "DEPENDENCY_SECTION",
    "ELF",
    "FILE",
    "FILES_SECTION",
    "FOLDABLE",
    "FROM_SDIST",
    "HEADER",
    "HEADER_SIZE",
    "INSIDE",
    "KNOWN_FILE_FLAGS",
    "KNOWN_FLAGS",
    "MAGIC",
    "MENTIONS_PRERELEASE",
    "METADATA",
    "METADATA_SECTION",
    "MODES",
    "NAMESPACE_INIT",
    "NATIVE",
    "NATIVE_OBJECT",
    "NATIVE_SECTION",
    "PURELIB",
    "SCHEMES",
    "SECTION",
    "SLOT",
    "STORED",
    "TEXT",
    "UNIT",
    "USES_EXTRA",
    "VERSION",
    "ZSTD",
    "ZSTD_DICTIONARY",
    "DppFile",
    "NativeObject",
    "SectionKind",
]

MAGIC = b"DPP1"
VERSION = 1
UNIT = 16

# magic, version, flags, metadata, files, bytecode, native, dependency, total (units), BLAKE3 of bytes 64 to the end
HEADER = Struct("<4s2H6I32s")
HEADER_SIZE = 64

# Header flags.
BYTECODE = 1
NATIVE = 2
PURELIB = 4
FOLDABLE = 8
FROM_SDIST = 16
KNOWN_FLAGS = 31

# length, count, tag, table offset, table slots, pool offset, pool size
SECTION = Struct("<QI4s4I")
TEXT = Struct("<2I")

# flags again, files METADATA, WHEEL and RECORD (indices), sha256 of the wheel, its size, sum of the raw sizes;
# texts: name, version, requires-python, summary, wheel's file name, .dist-info, dictionary (bytes, not UTF-8);
# lists: tags, import names, provided extras, start-up files, entry points (3 texts each), warnings
METADATA = Struct("<4I32s2Q14I12I")

# path (u32 offset, u16 length), mode, scheme, codec, file flags, CRC-32 of the content, offset, stored size, raw size,
# FNV-1a of the path, BLAKE3 of the content
FILE = Struct("<I2H2BHI4Q32s")
SLOT = Struct("<I")

# texts: name, specifier, marker, url; lists: extras, intervals (2 texts each: low, high), exact versions; flags, zero
DEPENDENCY = Struct("<8I6I2I")
MENTIONS_PRERELEASE = 1
USES_EXTRA = 2

# file, flags; text: soname; lists: needed, rpaths
NATIVE_OBJECT = Struct("<2I2I4I")
INSIDE = 1

# file, zero; texts: cache tag, pyc (bytes, not UTF-8)
CODE = Struct("<2I4I")

# Codecs.
STORED = 0
DEFLATE = 1
ZSTD = 2
ZSTD_DICTIONARY = 3
CODEC_NAMES = ("stored", "deflate", "zstd", "zstd+d")

# A scheme's number is its place here.
SCHEMES = ("root", "purelib", "platlib", "scripts", "data", "headers")

# File flags.
NAMESPACE_INIT = 1
ELF = 2
KNOWN_FILE_FLAGS = 3

# Bits of a mode that a wheel's file can have.
MODES = (0o644, 0o755)


class SectionKind(NamedTuple):
    """What tells one section from another."""

    name: str
    tag: bytes
    entry: Struct
    slot: Struct


METADATA_SECTION = SectionKind("metadata", b"META", METADATA, TEXT)
FILES_SECTION = SectionKind("files", b"FILE", FILE, SLOT)
DEPENDENCY_SECTION = SectionKind("dependency", b"DEPS", DEPENDENCY, TEXT)
NATIVE_SECTION = SectionKind("native", b"NATV", NATIVE_OBJECT, TEXT)
BYTECODE_SECTION = SectionKind("bytecode", b"CODE", CODE, TEXT)


class DppFile(NamedTuple):
    """One file of a container.

    Attributes:
        path: as it lies in the wheel, with ``/``.
        scheme: ``root``, ``purelib``, ``platlib``, ``scripts``, ``data`` or ``headers``.
        mode: 0o644 or 0o755.
        codec: ``STORED``, ``DEFLATE``, ``ZSTD``, or ``ZSTD_DICTIONARY``: with the container's dictionary.
        stored_size: bytes in the container.
        raw_size: bytes of the content.
        offset: where the stored bytes begin, from the container's start.
        digest: BLAKE3 of the content, 32 bytes.
        crc32: of the content.
        flags: ``NAMESPACE_INIT`` for the ``__init__.py`` of a pkgutil or pkg_resources namespace, ``ELF`` for an entry
            in the native section.
    """

    path: str
    scheme: str
    mode: int
    codec: int
    stored_size: int
    raw_size: int
    offset: int
    digest: bytes
    crc32: int
    flags: int


class NativeObject(NamedTuple):
    """An ELF file with a dynamic section.

    Attributes:
        path: as ``DppFile.path``.
        soname: "" without one.
        needed: names of the libraries that it asks for, in order.
        rpaths: where it looks for them, unexpanded.
        inside: whether each of its ``$ORIGIN`` entries leads to a directory of the same distribution.
    """

    path: str
    soname: str
    needed: tuple[str, ...]
    rpaths: tuple[str, ...]
    inside: bool
