"""Wheel to container in one pass: each member is checked, inflated once, hashed and handed on, its stream is copied.

What the pass checks besides the front door (`blast_core.archive.wheel`): every stream, size and CRC, and every digest
of RECORD. Nothing is believed before its bytes went through here; nothing has to be checked again afterwards.
"""

from __future__ import annotations

import hashlib

from blast_core.archive.wheel import STANDARD, Policy, Wheel, check_record, read_wheel
from blast_core.archive.zip import DEFLATED
from blast_core.elf import ELF_MAGIC
from blast_core.errors import ArchiveRejected, InvalidRequirement
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.builder import DppBuilder, PackageFacts
from blast_core.formats.dpp.foldable import is_foldable, is_namespace_init, make_natives
from blast_core.formats.dpp.layout import DppFile
from blast_core.formats.dpp.native import read_member_elf
from blast_core.formats.dpp.to_wheel import dpp_to_wheel
from blast_core.limits import CHUNK, MEMBER_IN_MEMORY
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from blake3 import blake3

    from blast_core.archive.wheel_layout import WheelFile
    from blast_core.elf import ElfFacts
    from blast_core.requirements import Requirement

    class Sink(Protocol):
        """Receives the content of a wheel while it is converted, such as to unpack it in the same pass."""

        def begin(self, wheel: Wheel) -> None:
            """Take note of the wheel; its structure and metadata are checked, its content is not yet."""

        def file(self, file: DppFile, chunks: Iterable[bytes | memoryview]) -> None:
            """Take one file. Chunks that are not taken are checked all the same.

            A file of more than 32 MiB comes in several chunks, and ``digest`` is 32 zeros then: it is only known when
            the last one was taken. An error raised out of ``chunks`` means that the file is damaged.
            """


__all__ = ["Converted", "convert_wheel", "dpp_to_wheel"]

_UNKNOWN_DIGEST = bytes(32)


class Converted(NamedTuple):
    """A container that was written.

    Attributes:
        blake3: of the container, 32 bytes.
        sha256: of the wheel, hex.
        size: of the container, bytes.
        warnings: what was healed or is odd about the wheel, a line each.
    """

    blake3: bytes
    sha256: str
    size: int
    warnings: tuple[str, ...] = ()


def convert_wheel(
    wheel: str,
    dpp: str,
    *,
    filename: str | None = None,
    sink: Sink | None = None,
    policy: Policy = STANDARD,
    from_sdist: bool = False,
) -> Converted:
    """Check a wheel and write it as a container.

    Args:
        wheel: the wheel's path.
        dpp: the new file, which must not exist; the caller publishes it by a rename.
        filename: the wheel's name on the index, if the file has another one.
        sink: receives every file's content.
        policy: how strict the front door is.
        from_sdist: say in the container that the wheel was built here.

    Returns:
        The digests; the same wheel and file name give the same container.

    Raises:
        ArchiveRejected: the wheel is malformed, ambiguous, hostile or breaks a limit; ``dpp`` does not exist then.
        RecordMismatch: RECORD does not describe it.
        OSError: reading or writing failed.

    Cost: one pass; memory is bounded by 3 times 32 MiB whatever the wheel's size.
    """
    opened = read_wheel(wheel, filename, policy=policy)
    try:
        conversion = _Conversion(opened, dpp, sink)
        try:
            return conversion.run(from_sdist=from_sdist)
        except BaseException:
            conversion.builder.abandon()
            raise
    finally:
        opened.close()


class _Conversion:
    """The state of one pass."""

    def __init__(self, wheel: Wheel, dpp: str, sink: Sink | None) -> None:
        from blake3 import blake3

        self._wheel = wheel
        self._sink = sink
        self._blake3 = blake3
        self._elves: list[tuple[str, ElfFacts]] = []
        self.builder = DppBuilder(dpp)

    def run(self, *, from_sdist: bool) -> Converted:
        """Do it."""
        wheel = self._wheel
        requirements = tuple(_parse_requirements(wheel))
        if self._sink is not None:
            self._sink.begin(wheel)
        for file in wheel.files:
            if max(file.member.raw_size, file.member.stored_size) <= MEMBER_IN_MEMORY:
                self._convert_small(file)
            else:
                self._convert_large(file)
        natives = make_natives(self._elves, ((file.path, file.scheme) for file in wheel.files))
        for native in natives:
            self.builder.add_native(native)
        sha256 = self._hash_wheel()
        digest = self.builder.finish(
            PackageFacts(
                name=wheel.name,
                version=wheel.version,
                requires_python=wheel.requires_python,
                summary=wheel.summary,
                wheel_filename=wheel.filename,
                wheel_sha256=sha256,
                wheel_size=wheel.archive.source.size,
                dist_info=wheel.dist_info,
                tags=wheel.tags,
                import_names=wheel.import_names,
                provides_extras=wheel.provides_extras,
                startup=wheel.startup,
                entry_points=wheel.entry_points,
                warnings=wheel.warnings,
                requirements=requirements,
                root_is_purelib=wheel.root_is_purelib,
                foldable=is_foldable(self.builder.files, natives, wheel.dist_info),
                from_sdist=from_sdist,
            )
        )
        return Converted(digest, sha256.hex(), self.builder.size, wheel.warnings)

    def _convert_small(self, file: WheelFile) -> None:
        archive = self._wheel.archive
        stored = archive.read_stored(file.member)
        raw = archive.unpack(file.member, stored)
        check_record(self._wheel, file, self._record_hash(file, raw).digest())
        flags = layout.NAMESPACE_INIT if is_namespace_init(file.path, raw) else 0
        done = self.builder.add_file(_describe(file, self._blake3(raw).digest(), flags), stored)
        if bytes(raw[:4]) == ELF_MAGIC:
            self._add_elf(file, read_member_elf(archive, file.member, raw))
        if self._sink is not None:
            self._sink.file(done, (raw,))

    def _convert_large(self, file: WheelFile) -> None:
        offset = self.builder.begin_file()
        record, digest = self._record_hash(file, b""), self._blake3()
        chunks = self._iter_large(file, record, digest)
        announced = _describe(file, _UNKNOWN_DIGEST, 0)
        announced = announced._replace(offset=offset, stored_size=file.member.stored_size)
        head = next(chunks, b"")
        is_elf = bytes(head[:4]) == ELF_MAGIC
        if self._sink is not None:
            self._sink.file(announced, _chain(head, chunks))
        for _ in chunks:
            pass
        check_record(self._wheel, file, record.digest())
        self.builder.end_file(announced._replace(digest=digest.digest()))
        if is_elf:
            self._add_elf(file, read_member_elf(self._wheel.archive, file.member, None))

    def _iter_large(self, file: WheelFile, record: hashlib._Hash, digest: blake3) -> Iterator[bytes | memoryview]:
        """Yield the content while the stored bytes go into the container and the hashes."""
        archive = self._wheel.archive
        for raw in archive.iter_unpacked(file.member, self._copy_stored(file)):
            record.update(raw)
            digest.update(raw)
            yield raw

    def _copy_stored(self, file: WheelFile) -> Iterator[bytes | memoryview]:
        for piece in self._wheel.archive.iter_stored(file.member):
            self.builder.write(piece)
            yield piece

    def _record_hash(self, file: WheelFile, raw: bytes | memoryview) -> hashlib._Hash:
        row = self._wheel.record.get(file.path)
        return hashlib.new(row.algorithm if row is not None and row.algorithm else "sha256", raw)

    def _add_elf(self, file: WheelFile, facts: ElfFacts | None) -> None:
        if facts is not None:
            self._elves.append((file.path, facts))

    def _hash_wheel(self) -> bytes:
        source = self._wheel.archive.source
        hasher = hashlib.sha256()
        for start in range(0, source.size, CHUNK):
            hasher.update(source.read(start, min(CHUNK, source.size - start)))
        source.check_unchanged()
        return hasher.digest()


def _chain(head: bytes | memoryview, rest: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    yield head
    yield from rest


def _describe(file: WheelFile, digest: bytes, flags: int) -> DppFile:
    member = file.member
    codec = layout.DEFLATE if member.method == DEFLATED else layout.STORED
    return DppFile(
        file.path, file.scheme, file.mode, codec, member.stored_size, member.raw_size, 0, digest, member.crc32, flags
    )


def _parse_requirements(wheel: Wheel) -> Iterator[Requirement]:
    from blast_core.requirements import parse_requirement

    for text in wheel.requirements:
        try:
            yield parse_requirement(text)
        except InvalidRequirement as error:
            reason = f"its METADATA has the requirement {text[:80]!r}: {error.message}"
            raise ArchiveRejected(f"{wheel.filename} was refused", reason=reason) from error
