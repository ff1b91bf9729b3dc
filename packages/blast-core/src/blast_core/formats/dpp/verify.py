"""The complete check of a container: after it, every read gives what the builder was given."""

from __future__ import annotations

from blast_core.errors import FormatError, InvalidField
from blast_core.fnv import fnv1a64
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.bytecode import pyc_fault
from blast_core.formats.layout import aligned
from blast_core.limits import CHUNK, MEMBER_IN_MEMORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.formats.dpp.header import Header, Storage
    from blast_core.formats.dpp.layout import DppFile
    from blast_core.formats.dpp.reader import DppPackage

__all__ = ["verify_package"]


def verify_package(package: DppPackage, storage: Storage, header: Header) -> None:
    """Check everything.

    Raises:
        FormatError: something is not as it must be.
    """
    _check_digest(storage, header)
    files = package.files
    _check_region(files, storage, header)
    _check_table(package, files)
    _check_facts(package, files)
    for file in files:
        _check_content(package, file)
    _check_bytecode(package)


def _fail(storage_name: str, message: str, field: str, value: object) -> None:
    raise InvalidField(message, file=storage_name, field=field, value=str(value))


def _check_digest(storage: Storage, header: Header) -> None:
    from blake3 import blake3

    hasher = blake3()
    for start in range(layout.HEADER_SIZE, header.total, CHUNK):
        hasher.update(storage.read(start, min(CHUNK, header.total - start), "content"))
    if hasher.digest() != header.digest:
        _fail(storage.name, "the content has another digest", "digest", header.digest.hex())


def _check_region(files: Sequence[DppFile], storage: Storage, header: Header) -> None:
    """Every byte of the data region belongs to one file or is padding."""
    position = layout.HEADER_SIZE
    for file in files:
        end = file.offset + file.stored_size
        if file.offset != position:
            _fail(storage.name, "the file does not begin where the one before ends", file.path, file.offset)
        position = aligned(end)
        if position > header.metadata or any(storage.read(end, position - end, "padding")):
            _fail(storage.name, "the padding behind it is not zero", file.path, end)
        if file.codec == layout.STORED and file.stored_size != file.raw_size:
            _fail(storage.name, "it is stored, but its two sizes differ", file.path, file.raw_size)
    if position != header.metadata:
        _fail(storage.name, "the data region does not end where the files do", "metadata", header.metadata)


def _check_table(package: DppPackage, files: Sequence[DppFile]) -> None:
    for file in files:
        if package.find(file.path) != file:
            _fail(package.file_path, "the table does not lead to the file", file.path, fnv1a64(file.path.encode()))


def _check_facts(package: DppPackage, files: Sequence[DppFile]) -> None:
    """Read every field once: each raises if it is damaged."""
    from blast_core.formats.dpp.text import describe

    describe(package)
    if package.unpacked_size != sum(file.raw_size for file in files):
        _fail(package.file_path, "it is not the sum of the files", "unpacked size", package.unpacked_size)
    wanted = tuple(f"{package.dist_info}/{name}" for name in ("METADATA", "WHEEL", "RECORD"))
    if package.special_paths() != wanted:
        _fail(package.file_path, "METADATA, WHEEL or RECORD is another file", "files", package.special_paths())
    elves = tuple(file.path for file in files if file.flags & layout.ELF)
    if tuple(native.path for native in package.native) != elves:
        _fail(package.file_path, "the native section has other files than are marked", "native", elves)
    for index in range(len(package.requirements)):
        package.specifier_bounds(index)


def _check_content(package: DppPackage, file: DppFile) -> None:
    from blake3 import blake3

    hasher = blake3()
    if file.raw_size <= MEMBER_IN_MEMORY:
        hasher.update(package.read(file))
    else:
        for chunk in package.iter_content(file):
            hasher.update(chunk)
    if hasher.digest() != file.digest:
        _fail(package.file_path, "the content has another digest", file.path, file.digest.hex())


def _check_bytecode(package: DppPackage) -> None:
    for path, cache_tag, pyc in package.iter_bytecode():
        file = package.find(path)
        fault = pyc_fault(pyc, package.read(file)) if file is not None else "it has no source"
        if fault:
            raise FormatError("bytecode is refused", file=package.file_path, field=f"{path} {cache_tag}", value=fault)
