"""Reading a container: the header at once, each section when it is first used, each file when it is asked for.

A file that shrinks while it is open gives FormatError and not SIGBUS: what is opened by path is read with ``pread``,
one call per section or file. Who holds memory that can't shrink (bytes, a mapping of a sealed file) passes it to
``from_bytes`` and gets views of it, without a copy.
"""

from __future__ import annotations

from blast_core.archive.entry_points import EntryPoint
from blast_core.fnv import fnv1a64, probe
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.header import Header, read_header
from blast_core.formats.dpp.layout import DppFile, NativeObject
from blast_core.formats.dpp.sections import SectionReader
from blast_core.formats.dpp.storage import BufferStorage, FileStorage
from blast_core.formats.dpp.unpack import iter_stored, unpack, unpack_chunks
from blast_core.formats.layout import View
from blast_core.limits import METADATA, RECORD, UNPACKED_TOTAL, WHEEL_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any, Self

    from blast_core.archive.source import Buffer
    from blast_core.formats.dpp.layout import SectionKind
    from blast_core.requirements import Requirement

__all__ = ["DppPackage"]

# Places in the fields of layout.METADATA.
_TEXTS = 7
_LISTS = 21


class DppPackage:
    """An open container; a context manager.

    Every member raises FormatError where the bytes it touches are damaged, and OSError where they can't be read.
    """

    def __init__(self, storage: BufferStorage | FileStorage) -> None:
        self._storage = storage
        self._header: Header = read_header(storage)
        self._sections: dict[str, SectionReader] = {}
        self._metadata = self._section(layout.METADATA_SECTION)
        if self._metadata.count != 1:
            self._metadata.fail("there is not one entry", "count", self._metadata.count)
        self._facts = self._metadata.entry(0)
        if self._facts[0] != self._header.flags:
            self._metadata.fail("the flags are not the header's", "flags", self._facts[0])

    @classmethod
    def open(cls, path: str) -> Self:
        """Open a container by path.

        Raises:
            FormatError: its header or metadata is damaged; see ``verify`` for the rest.
            OSError: it can't be read.

        Cost: two reads; independent of the number of files.
        """
        storage = FileStorage(path)
        try:
            return cls(storage)
        except BaseException:
            storage.close()
            raise

    @classmethod
    def from_bytes(cls, buffer: Buffer, name: str = "") -> Self:
        """Read a container from memory that does not change while it is in use.

        Args:
            buffer: bytes, or a mapping; views of it are handed out.
            name: how errors call it.
        """
        return cls(BufferStorage(buffer, name))

    @property
    def file_path(self) -> str:
        """Where the container lies, or the name given to ``from_bytes``."""
        return self._storage.name

    @property
    def flags(self) -> int:
        """``layout.BYTECODE | NATIVE | PURELIB | FOLDABLE | FROM_SDIST``."""
        return self._header.flags

    @property
    def root_is_purelib(self) -> bool:
        """Whether the root goes to purelib."""
        return bool(self._header.flags & layout.PURELIB)

    @property
    def foldable(self) -> bool:
        """Whether each top-level entry of the root may be one link; False means that it has to be looked at closer."""
        return bool(self._header.flags & layout.FOLDABLE)

    @property
    def size(self) -> int:
        """Bytes of the container."""
        return self._header.total

    @property
    def name(self) -> str:
        """Project name as METADATA spells it."""
        return self._text(0, "name")

    @property
    def version(self) -> str:
        """Version as METADATA spells it."""
        return self._text(1, "version")

    @property
    def requires_python(self) -> str:
        """Specifier of Python versions, "" for any."""
        return self._text(2, "requires python")

    @property
    def summary(self) -> str:
        """One line."""
        return self._text(3, "summary")

    @property
    def wheel_filename(self) -> str:
        """File name of the wheel it was made from."""
        return self._text(4, "wheel filename")

    @property
    def dist_info(self) -> str:
        """Name of the .dist-info directory."""
        return self._text(5, "dist-info")

    @property
    def dictionary(self) -> bytes:
        """What files of the codec ``ZSTD_DICTIONARY`` were compressed with; empty where there are none."""
        return bytes(self._metadata.content(self._facts[_LISTS - 2], self._facts[_LISTS - 1], "dictionary"))

    @property
    def wheel_sha256(self) -> str:
        """SHA-256 of that wheel, in hex."""
        digest: bytes = self._facts[4]
        return digest.hex()

    @property
    def wheel_size(self) -> int:
        """Bytes of that wheel."""
        return int(self._facts[5])

    @property
    def unpacked_size(self) -> int:
        """Bytes of all files' content together."""
        return int(self._facts[6])

    @property
    def tags(self) -> tuple[str, ...]:
        """Wheel tags, written out, in the order of the file name."""
        return self._list(0, "tags")

    @property
    def import_names(self) -> tuple[str, ...]:
        """Top-level names that can be imported, sorted."""
        return self._list(1, "import names")

    @property
    def provides_extras(self) -> tuple[str, ...]:
        """Normalised names of the extras."""
        return self._list(2, "extras")

    @property
    def startup(self) -> tuple[str, ...]:
        """Paths of files that run when any Python starts."""
        return self._list(3, "startup")

    @property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        """Entry points, in file order."""
        texts = self._list(4, "entry points")
        if len(texts) % 3:
            self._metadata.fail("the number of texts is no multiple of 3", "entry points", len(texts))
        return tuple(EntryPoint(*texts[start : start + 3]) for start in range(0, len(texts), 3))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was healed or is odd about the wheel."""
        return self._list(5, "warnings")

    @property
    def metadata_bytes(self) -> bytes:
        """METADATA, as in the wheel."""
        return self.read_bounded(self._file(self._facts[1]), METADATA)

    @property
    def wheel_bytes(self) -> bytes:
        """WHEEL, as in the wheel."""
        return self.read_bounded(self._file(self._facts[2]), WHEEL_FILE)

    @property
    def record_bytes(self) -> bytes:
        """RECORD, as in the wheel."""
        return self.read_bounded(self._file(self._facts[3]), RECORD)

    def special_paths(self) -> tuple[str, ...]:
        """Return the paths of METADATA, WHEEL and RECORD, in this order."""
        return tuple(self._file(index).path for index in self._facts[1:4])

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """Requires-Dist, parsed, in order."""
        from blast_core.requirements import Requirement

        section = self._section(layout.DEPENDENCY_SECTION)
        return tuple(
            Requirement(
                section.text(name, name_length, "name"),
                section.texts(extras, extras_count, "extras"),
                section.text(specifier, specifier_length, "specifier"),
                section.text(marker, marker_length, "marker"),
                section.text(url, url_length, "url"),
            )
            for (
                name, name_length, specifier, specifier_length, marker, marker_length, url, url_length,
                extras, extras_count, *_,
            ) in section.entries()
        )  # fmt: skip

    def specifier_bounds(self, index: int) -> tuple[tuple[bytes, bytes], ...]:
        """Return the specifier of requirement ``index`` as half-open intervals of version keys, to cut a table with."""
        section = self._section(layout.DEPENDENCY_SECTION)
        first, count = section.entry(index)[10:12]
        bounds = section.contents(first, count, "intervals")
        if count % 2:
            section.fail("the bounds are not in pairs", "intervals", count)
        return tuple(zip(bounds[::2], bounds[1::2], strict=True))

    @property
    def native(self) -> tuple[NativeObject, ...]:
        """ELF files, in the order of ``files``."""
        if not self._header.native:
            return ()
        section = self._section(layout.NATIVE_SECTION)
        return tuple(
            NativeObject(
                self._file(file).path,
                section.text(soname, soname_length, "soname"),
                section.texts(needed, needed_count, "needed"),
                section.texts(rpaths, rpaths_count, "rpaths"),
                bool(flags & layout.INSIDE),
            )
            for file, flags, soname, soname_length, needed, needed_count, rpaths, rpaths_count in section.entries()
        )

    @property
    def files(self) -> tuple[DppFile, ...]:
        """All files, in the order of the container, which is the wheel's.

        Cost: O(files) at each call, some 2 us each.
        """
        section = self._section(layout.FILES_SECTION)
        return tuple(self._make_file(section, fields) for fields in section.entries())

    def find(self, path: str) -> DppFile | None:
        """Return the file with exactly this path, or None. Cost: O(1)."""
        section = self._section(layout.FILES_SECTION)
        if not section.slots or section.slots & (section.slots - 1):
            section.fail("the number of slots is no power of two", "slots", section.slots)
        encoded = path.encode(errors="replace")
        wanted = fnv1a64(encoded)
        for index in probe(section.table, section.slots, wanted):
            fields = section.entry(index)
            if fields[10] == wanted and section.content(fields[0], fields[1], "path") == encoded:
                return self._make_file(section, fields)
        return None

    def raw(self, file: DppFile) -> memoryview:
        """Return a file's bytes as they are stored."""
        return self._storage.read(file.offset, file.stored_size, f"file {file.path}")

    def iter_raw(self, file: DppFile) -> Iterator[memoryview]:
        """Yield a file's bytes as they are stored, at most 1 MiB at a time."""
        return iter_stored(self._storage, file)

    def read(self, file: DppFile) -> bytes:
        """Return a file's content; size and CRC are checked, ``verify`` checks the digest."""
        return unpack(self.raw(file), file, self._storage.name, self._dictionary_for(file))

    def read_bounded(self, file: DppFile, limit: int) -> bytes:
        """Return a file's content as ``read`` does; one of more than ``limit`` bytes is refused and not inflated."""
        if file.raw_size > limit:
            self._section(layout.FILES_SECTION).fail(f"more than {limit} bytes", file.path, file.raw_size)
        return self.read(file)

    def iter_content(self, file: DppFile) -> Iterator[bytes]:
        """Yield a file's content in pieces of about 1 MiB, for files that are too large to hold."""
        return unpack_chunks(self._storage, file, self._dictionary_for(file))

    def find_bytecode(self, path: str, cache_tag: str) -> bytes | None:
        """Return the pyc of a source for one interpreter, whole, or None. Cost: O(pycs)."""
        return next((bytes(pyc) for found, tag, pyc in self.iter_bytecode() if (found, tag) == (path, cache_tag)), None)

    def iter_bytecode(self) -> Iterator[tuple[str, str, memoryview]]:
        """Yield path, cache tag and pyc of all bytecode, in the order of ``files``."""
        if self._header.bytecode:
            section = self._section(layout.BYTECODE_SECTION)
            for index, _, tag, tag_length, pyc, pyc_length in section.entries():
                cache_tag = section.text(tag, tag_length, "cache tag")
                yield self._file(index).path, cache_tag, section.content(pyc, pyc_length, "pyc")

    def verify(self) -> None:
        """Check everything: the digest, every structure, each file's path and content, every fact against METADATA.

        Whoever takes a container from elsewhere calls it before using anything; what was converted here needs it
        only when the disk is doubted.

        Raises:
            FormatError: something is not as it must be.

        Cost: reads and inflates everything, in bounded memory.
        """
        from blast_core.formats.dpp.verify import verify_package

        verify_package(self, self._storage, self._header)

    def close(self) -> None:
        """Close the file; views that were handed out stay valid."""
        self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _dictionary_for(self, file: DppFile) -> bytes:
        return self.dictionary if file.codec == layout.ZSTD_DICTIONARY else b""

    def _text(self, index: int, field: str) -> str:
        start = _TEXTS + 2 * index
        return self._metadata.text(self._facts[start], self._facts[start + 1], field)

    def _list(self, index: int, field: str) -> tuple[str, ...]:
        start = _LISTS + 2 * index
        return self._metadata.texts(self._facts[start], self._facts[start + 1], field)

    def _section(self, kind: SectionKind) -> SectionReader:
        section = self._sections.get(kind.name)
        if section is None:
            data = self._header.read_section(self._storage, kind)
            section = self._sections[kind.name] = SectionReader(View(data, self._storage.name, kind.name), kind)
        return section

    def _file(self, index: int) -> DppFile:
        section = self._section(layout.FILES_SECTION)
        return self._make_file(section, section.entry(index))

    def _make_file(self, section: SectionReader, fields: tuple[Any, ...]) -> DppFile:
        path_offset, path_length, mode, scheme, codec, flags, crc, offset, stored_size, raw_size, _, digest = fields
        path = section.text(path_offset, path_length, "path")
        if mode not in layout.MODES or scheme >= len(layout.SCHEMES) or codec > layout.ZSTD_DICTIONARY:
            section.fail("mode, scheme or codec do not exist", "mode", f"{mode:o}, {scheme}, {codec}")
        if flags & ~layout.KNOWN_FILE_FLAGS:
            section.fail("a flag is unknown", "file flags", flags)
        if offset < layout.HEADER_SIZE or offset + stored_size > self._header.metadata:
            section.fail("the content lies outside the data region", "offset", offset)
        if raw_size > UNPACKED_TOTAL:
            section.fail("it is declared absurdly large", "size", raw_size)
        return DppFile(path, layout.SCHEMES[scheme], mode, codec, stored_size, raw_size, offset, digest, crc, flags)
