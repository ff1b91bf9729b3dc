"""Writing a container: files one by one, then the facts, then the header. The same calls give the same bytes."""

from __future__ import annotations

from blast_core.fnv import build_table, fnv1a64
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.output import DppOutput
from blast_core.formats.dpp.sections import SectionWriter
from blast_core.formats.layout import padding
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.archive.entry_points import EntryPoint
    from blast_core.formats.dpp.layout import DppFile, NativeObject
    from blast_core.requirements import Requirement

__all__ = ["DppBuilder", "PackageFacts"]


class PackageFacts(NamedTuple):
    """What a container says of its distribution, besides the files.

    Attributes:
        name: as METADATA spells it.
        version: as METADATA spells it.
        requires_python: specifier, "" for any.
        summary: one line.
        wheel_filename: of the wheel it was made from.
        wheel_sha256: of that wheel, 32 bytes.
        wheel_size: of that wheel, bytes.
        dist_info: name of the .dist-info directory; METADATA, WHEEL and RECORD must be among the files.
        tags: wheel tags, written out.
        import_names: top-level names.
        provides_extras: normalised.
        startup: paths of files that run when any Python starts.
        entry_points: in file order.
        warnings: what was healed on the way in.
        requirements: parsed Requires-Dist, in order.
        root_is_purelib: where the root goes.
        foldable: whether each top-level entry may be one link.
        from_sdist: whether the wheel was built here.
    """

    name: str
    version: str
    requires_python: str
    summary: str
    wheel_filename: str
    wheel_sha256: bytes
    wheel_size: int
    dist_info: str
    tags: tuple[str, ...]
    import_names: tuple[str, ...]
    provides_extras: tuple[str, ...]
    startup: tuple[str, ...]
    entry_points: tuple[EntryPoint, ...]
    warnings: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    root_is_purelib: bool
    foldable: bool
    from_sdist: bool


class DppBuilder:
    """Builds one container.

    Call ``add_file``, or ``begin_file``, ``write`` and ``end_file``, once per file; then ``finish`` or ``abandon``.

    Args:
        path: the new file, which must not exist.
    """

    def __init__(self, path: str) -> None:
        self._output = DppOutput(path)
        self._files: list[DppFile] = []
        self._index: dict[str, int] = {}
        self._native: list[NativeObject] = []
        self._bytecode: list[tuple[int, str, bytes]] = []
        self._start = 0
        self._dictionary = b""

    def set_dictionary(self, dictionary: bytes) -> None:
        """Say by which dictionary files of the codec ``ZSTD_DICTIONARY`` are compressed."""
        self._dictionary = dictionary

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._output.position

    @property
    def files(self) -> Sequence[DppFile]:
        """The files added so far."""
        return self._files

    def begin_file(self) -> int:
        """Begin a file and return its offset."""
        self._start = self._output.position
        return self._start

    def write(self, stored: bytes | memoryview) -> None:
        """Append stored bytes to the file that was begun."""
        self._output.write(stored)

    def end_file(self, file: DppFile) -> DppFile:
        """Complete the file that was begun.

        Args:
            file: its facts; offset and stored size are filled in here.

        Returns:
            The completed facts.

        Raises:
            ValueError: the path was added before, or mode, codec or scheme do not exist.
        """
        if file.path in self._index or file.mode not in layout.MODES or file.codec > layout.ZSTD_DICTIONARY:
            raise ValueError(f"file {file.path!r} can't be added (mode {file.mode:o}, codec {file.codec})")
        done = file._replace(offset=self._start, stored_size=self._output.position - self._start)
        self._output.write(padding(done.stored_size))
        self._index[done.path] = len(self._files)
        self._files.append(done)
        return done

    def add_file(self, file: DppFile, stored: bytes | memoryview) -> DppFile:
        """Add a whole file; as ``begin_file``, ``write`` and ``end_file`` in one."""
        self.begin_file()
        self.write(stored)
        return self.end_file(file)

    def add_native(self, native: NativeObject) -> None:
        """Add what is known of an ELF file that was added."""
        index = self._index[native.path]
        self._files[index] = self._files[index]._replace(flags=self._files[index].flags | layout.ELF)
        self._native.append(native)

    def add_bytecode(self, path: str, cache_tag: str, pyc: bytes, source: bytes) -> None:
        """Add the code of a file for one interpreter.

        Args:
            path: of the source, which was added.
            cache_tag: such as ``cpython-312``.
            pyc: a whole hash-based, unchecked pyc (PEP 552).
            source: the file's content; the pyc must have been made from it.

        Raises:
            ValueError: it is not such a pyc, or not of this source.
        """
        from blast_core.formats.dpp.bytecode import pyc_fault

        fault = pyc_fault(pyc, source)
        if fault:
            raise ValueError(f"{path!r} for {cache_tag}: {fault}")
        self._bytecode.append((self._index[path], cache_tag, pyc))

    def finish(self, facts: PackageFacts) -> bytes:
        """Write the sections and the header.

        Returns:
            The 32 bytes of the BLAKE3 of the whole file, which is its name in the store.

        Raises:
            KeyError: METADATA, WHEEL or RECORD were not added.
        """
        flags = self._flags(facts)
        offsets = [self._section(self._metadata(facts, flags))]
        offsets.append(self._section(self._file_entries()))
        dependency = self._section(_dependencies(facts.requirements))
        native = self._section(self._native_objects()) if self._native else 0
        bytecode = self._section(self._code()) if self._bytecode else 0
        units = [offset // layout.UNIT for offset in (*offsets, bytecode, native, dependency, self._output.position)]
        return self._output.finish(
            lambda digest: layout.HEADER.pack(layout.MAGIC, layout.VERSION, flags, *units, digest)
        )

    def abandon(self) -> None:
        """Give up and remove what was written."""
        self._output.abandon()

    def _flags(self, facts: PackageFacts) -> int:
        flags = layout.BYTECODE * bool(self._bytecode) | layout.NATIVE * bool(self._native)
        flags |= layout.PURELIB * facts.root_is_purelib | layout.FOLDABLE * facts.foldable
        return flags | layout.FROM_SDIST * facts.from_sdist

    def _section(self, content: bytes) -> int:
        offset = self._output.position
        self._output.write(content)
        self._output.write(padding(len(content)))
        return offset

    def _metadata(self, facts: PackageFacts, flags: int) -> bytes:
        writer = SectionWriter(layout.METADATA_SECTION)
        texts: tuple[str | bytes, ...] = (
            facts.name, facts.version, facts.requires_python, facts.summary, facts.wheel_filename, facts.dist_info,
            self._dictionary,
        )  # fmt: skip
        triples = tuple(text for entry in facts.entry_points for text in entry)
        lists = (facts.tags, facts.import_names, facts.provides_extras, facts.startup, triples, facts.warnings)
        writer.entry(
            flags,
            *(self._index[f"{facts.dist_info}/{name}"] for name in ("METADATA", "WHEEL", "RECORD")),
            facts.wheel_sha256,
            facts.wheel_size,
            sum(file.raw_size for file in self._files),
            *_flatten(map(writer.text, texts)),
            *_flatten(map(writer.list, lists)),
        )
        return writer.finish()

    def _file_entries(self) -> bytes:
        writer = SectionWriter(layout.FILES_SECTION)
        hashes = []
        for file in self._files:
            path = file.path.encode()
            hashes.append(fnv1a64(path))
            writer.entry(
                *writer.append(path), file.mode, layout.SCHEMES.index(file.scheme), file.codec, file.flags, file.crc32,
                file.offset, file.stored_size, file.raw_size, hashes[-1], file.digest,
            )  # fmt: skip
        writer.set_table(build_table(hashes))
        return writer.finish()

    def _native_objects(self) -> bytes:
        writer = SectionWriter(layout.NATIVE_SECTION)
        for native in sorted(self._native, key=lambda item: self._index[item.path]):
            writer.entry(
                self._index[native.path], layout.INSIDE * native.inside, *writer.text(native.soname),
                *writer.list(native.needed), *writer.list(native.rpaths),
            )  # fmt: skip
        return writer.finish()

    def _code(self) -> bytes:
        writer = SectionWriter(layout.BYTECODE_SECTION)
        for index, cache_tag, pyc in sorted(self._bytecode):
            writer.entry(index, 0, *writer.text(cache_tag), *writer.text(pyc))
        return writer.finish()


def _dependencies(requirements: Iterable[Requirement]) -> bytes:
    from blast_core.markers import uses_extra
    from blast_core.version.specifiers import compile_specifier

    writer = SectionWriter(layout.DEPENDENCY_SECTION)
    for requirement in requirements:
        compiled = compile_specifier(requirement.specifier)
        bounds = tuple(key for interval in compiled.intervals for key in interval)
        flags = layout.MENTIONS_PRERELEASE * compiled.prerelease
        flags |= layout.USES_EXTRA * (bool(requirement.marker) and uses_extra(requirement.marker))
        texts = (requirement.name, requirement.specifier, requirement.marker, requirement.url)
        writer.entry(
            *_flatten(map(writer.text, texts)),
            *_flatten((writer.list(requirement.extras), writer.list(bounds), writer.list(compiled.exact))),
            flags,
            0,
        )
    return writer.finish()


def _flatten(pairs: Iterable[tuple[int, int]]) -> Iterable[int]:
    return (number for pair in pairs for number in pair)
