"""One pass over the content of a wheel: each member is inflated once, checked, and handed on.

What it checks besides the front door (`blast_core.archive.wheel`): every stream, size and CRC, and every digest of
RECORD. Nothing is believed before its bytes went through here; nothing has to be checked again afterwards.
"""

from __future__ import annotations

import hashlib

from blast_core.archive.wheel import check_record
from blast_core.archive.zip import DEFLATED
from blast_core.elf import ELF_MAGIC, read_elf
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.foldable import is_namespace_init, make_natives
from blast_core.formats.dpp.layout import DppFile
from blast_core.formats.dpp.native import read_member_elf
from blast_core.limits import CHUNK, MEMBER_IN_MEMORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Protocol

    from blast_core.archive.arriving import ArrivedMember
    from blast_core.archive.entry_points import EntryPoint
    from blast_core.archive.wheel import Wheel
    from blast_core.archive.wheel_layout import WheelFile
    from blast_core.elf import ElfFacts
    from blast_core.formats.dpp.layout import NativeObject

    class Sink(Protocol):
        """Receives the content of a wheel while it is read, such as to unpack it in the same pass."""

        def begin(self, wheel: Wheel) -> None:
            """Take note of the wheel; its structure and metadata are checked, its content is not yet."""

        def file(self, file: DppFile, chunks: Iterable[bytes | memoryview]) -> None:
            """Take one file. Chunks that are not taken are checked all the same.

            A file of more than 1 MiB comes in several chunks, and ``digest`` is 32 zeros then: it is only known when
            the last one was taken. An error raised out of ``chunks`` means that the file is damaged.
            """

    class Tap(Protocol):
        """Receives the bytes of the members as they lie in the wheel; `DppBuilder` is one."""

        def begin_file(self) -> int: ...

        def write(self, stored: bytes | memoryview) -> None: ...

        def end_file(self, file: DppFile) -> DppFile: ...


__all__ = ["WheelContents", "read_contents"]

_UNKNOWN_DIGEST = bytes(32)
_sha256 = hashlib.sha256
_new = tuple.__new__
_NOTHING: Mapping[int, ArrivedMember] = {}


class WheelContents:
    """What a wheel holds, once its content went by; what an environment is planned from, as from a container.

    Attributes:
        files: in the order of the wheel; ``offset`` is where the stored bytes lie in it.
        native: its ELF files, in the order of ``files``.
    """

    __slots__ = ("_wheel", "files", "native")

    def __init__(self, wheel: Wheel, files: tuple[DppFile, ...], native: tuple[NativeObject, ...]) -> None:
        self._wheel = wheel
        self.files = files
        self.native = native

    @property
    def name(self) -> str:
        """Project name as METADATA spells it."""
        return self._wheel.name

    @property
    def version(self) -> str:
        """Version as METADATA spells it."""
        return self._wheel.version

    @property
    def dist_info(self) -> str:
        """Name of the .dist-info directory."""
        return self._wheel.dist_info

    @property
    def import_names(self) -> tuple[str, ...]:
        """Top-level names that can be imported, sorted."""
        return self._wheel.import_names

    @property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        """Entry points, in file order."""
        return self._wheel.entry_points

    def read(self, file: DppFile) -> bytes | memoryview:
        """Return a file's content, while the wheel is open; for small files."""
        member = self._wheel.archive.find(file.path)
        assert member is not None
        return self._wheel.archive.read(member)


def read_contents(
    wheel: Wheel,
    sink: Sink | None = None,
    *,
    tap: Tap | None = None,
    digests: bool = False,
    arrived: Mapping[int, ArrivedMember] = _NOTHING,
) -> WheelContents:
    """Read all of a wheel, and check it.

    Args:
        wheel: what passed the front door; it stays open.
        sink: receives every file's content.
        tap: receives the stored bytes of every file, too.
        digests: have the BLAKE3 of each file in what is returned; else ``digest`` is 32 zeros.
        arrived: members, by the offset of their headers, that were read when they came and agree with the wheel. The
            sink has them already; they are held against RECORD, and not read again unless it has other digests.

    Raises:
        ArchiveRejected: a stream is damaged, or not as declared.
        RecordMismatch: RECORD has another digest for a file.
        OSError: reading, or what sink or tap do, failed.

    Cost: one pass. Memory: the largest ELF file, 32 MiB of it at the most, and 2 MiB.
    """
    reading = _Reading(wheel, sink, tap, arrived, digests=digests)
    if sink is not None:
        sink.begin(wheel)
    files = tuple(map(reading.read, wheel.files))
    natives = make_natives(reading.elves, ((file.path, file.scheme) for file in wheel.files))
    if natives:
        named = {native.path for native in natives}
        files = tuple(file._replace(flags=file.flags | layout.ELF) if file.path in named else file for file in files)
    return WheelContents(wheel, files, tuple(natives))


class _Reading:
    """The state of one pass."""

    def __init__(
        self,
        wheel: Wheel,
        sink: Sink | None,
        tap: Tap | None,
        arrived: Mapping[int, ArrivedMember],
        *,
        digests: bool,
    ) -> None:
        self._wheel = wheel
        self._arrived = arrived
        self._archive = wheel.archive
        self._sink = sink
        self._tap = tap
        self._blake3: Callable[..., hashlib._Hash] | None = None
        self.elves: list[tuple[str, ElfFacts]] = []
        if digests:
            from blake3 import blake3

            self._blake3 = blake3  # type: ignore[assignment]  # the same methods

    def read(self, file: WheelFile) -> DppFile:
        """Take one file through all checks."""
        member = file.member
        if member.header_offset in self._arrived:
            return self._take_arrived(file, self._arrived[member.header_offset])
        if max(member.raw_size, member.stored_size) <= CHUNK:
            return self._read_small(file)
        return self._read_large(file)

    def _take_arrived(self, file: WheelFile, known: ArrivedMember) -> DppFile:
        row = self._wheel.record.get(file.path)
        digest = known.sha256
        if row is not None and row.algorithm not in {"", "sha256"}:
            hasher = hashlib.new(row.algorithm)
            for raw in self._archive.iter_unpacked(file.member, self._archive.iter_stored(file.member)):
                hasher.update(raw)
            digest = hasher.digest()
        check_record(self._wheel, file, digest)
        self._add_elf(file, known.elf)
        return _describe(file, _UNKNOWN_DIGEST, layout.NAMESPACE_INIT if known.is_namespace else 0)

    def _read_small(self, file: WheelFile) -> DppFile:
        path, scheme, mode, member = file
        _, _, method, crc, stored_size, raw_size, _, _, data_offset = member
        stored = self._archive.source.read(data_offset, stored_size)
        raw = self._archive.unpack(member, stored)
        row = self._wheel.record.get(path)
        if row is not None and row.algorithm == "sha256":
            if row.digest != _sha256(raw).digest() or row.size not in (-1, raw_size):
                check_record(self._wheel, file, _sha256(raw).digest())
        elif row is not None and row.algorithm:
            check_record(self._wheel, file, hashlib.new(row.algorithm, raw).digest())
        flags = layout.NAMESPACE_INIT if path.endswith("/__init__.py") and is_namespace_init(path, raw) else 0
        digest = _UNKNOWN_DIGEST if self._blake3 is None else self._blake3(raw).digest()
        codec = layout.DEFLATE if method == DEFLATED else layout.STORED
        done = _new(
            DppFile, (path, scheme, mode, codec, stored_size, raw_size, data_offset, digest, crc, flags)
        )  # What `_describe` makes, quicker.
        if self._tap is not None:
            self._tap.begin_file()
            self._tap.write(stored)
            done = self._tap.end_file(done)
        if raw[:4] == ELF_MAGIC:
            self._add_elf(file, read_elf(raw))
        if self._sink is not None:
            self._sink.file(done, (raw,))
        return done

    def _read_large(self, file: WheelFile) -> DppFile:
        announced = _describe(file, _UNKNOWN_DIGEST, 0)
        if self._tap is not None:
            announced = announced._replace(offset=self._tap.begin_file())
        row = self._wheel.record.get(file.path)
        hashers = [hashlib.new(row.algorithm if row is not None and row.algorithm else "sha256")]
        if self._blake3 is not None:
            hashers.append(self._blake3())
        elf: list[bytes | memoryview] = []
        chunks = self._iter_large(file, hashers, elf)
        if self._sink is not None:
            self._sink.file(announced, chunks)
        for _ in chunks:
            pass
        check_record(self._wheel, file, hashers[0].digest())
        if self._blake3 is not None:
            announced = announced._replace(digest=hashers[1].digest())
        if self._tap is not None:
            announced = self._tap.end_file(announced)
        if elf:
            whole = b"".join(elf) if file.member.raw_size <= MEMBER_IN_MEMORY else None
            self._add_elf(file, read_member_elf(self._archive, file.member, whole))
        return announced

    def _iter_large(
        self, file: WheelFile, hashers: Sequence[hashlib._Hash], elf: list[bytes | memoryview]
    ) -> Iterator[bytes | memoryview]:
        """Yield the content while it goes into the hashes, and the stored bytes into the tap."""
        first = True
        for raw in self._archive.iter_unpacked(file.member, self._iter_stored(file)):
            for hasher in hashers:
                hasher.update(raw)
            # Of one that fits into memory the facts are read at once, else in further passes.
            if bytes(raw[:4]) == ELF_MAGIC if first else elf and file.member.raw_size <= MEMBER_IN_MEMORY:
                elf.append(raw)
            first = False
            yield raw

    def _iter_stored(self, file: WheelFile) -> Iterator[bytes | memoryview]:
        for piece in self._archive.iter_stored(file.member):
            if self._tap is not None:
                self._tap.write(piece)
            yield piece

    def _add_elf(self, file: WheelFile, facts: ElfFacts | None) -> None:
        if facts is not None:
            self.elves.append((file.path, facts))


def _describe(file: WheelFile, digest: bytes, flags: int) -> DppFile:
    member = file.member
    codec = layout.DEFLATE if member.method == DEFLATED else layout.STORED
    return DppFile(
        file.path, file.scheme, file.mode, codec, member.stored_size, member.raw_size, member.data_offset, digest,
        member.crc32, flags,
    )  # fmt: skip
