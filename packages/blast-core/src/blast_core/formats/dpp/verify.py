"""The complete check of a container: after it, every read gives what the builder was given."""

from __future__ import annotations

from blast_core.archive.entry_points import parse_entry_points
from blast_core.archive.headers import parse_headers
from blast_core.archive.paths import path_fault, show_path, tree_fault
from blast_core.archive.wheel_layout import find_schemes
from blast_core.errors import FormatError, InvalidField, ProjectError
from blast_core.fnv import fnv1a64
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.bytecode import pyc_fault
from blast_core.formats.dpp.text import describe
from blast_core.formats.layout import aligned
from blast_core.limits import CHUNK, DPP_DICTIONARY, ENTRY_POINTS, MEMBER_IN_MEMORY, UNPACKED_FLOOR, ZSTD_RATIO
from blast_core.released_requirements import parse_released_requirement
from blast_core.version.specifiers import compile_specifier

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
    _check_paths(package, files)
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


def _check_paths(package: DppPackage, files: Sequence[DppFile]) -> None:
    """No path leaves the place where it goes, and each file goes where the wheel's would: the same rules decide."""
    for file in files:
        fault = path_fault(file.path) or ("it is a directory" if file.path.endswith("/") else "")
        if fault:
            _fail(package.file_path, "the path is refused", show_path(file.path), fault)
    fault = tree_fault(file.path for file in files)
    if fault:
        _fail(package.file_path, "the paths can't lie in one tree", "paths", fault)
    try:
        schemes = find_schemes([file.path for file in files], package.name, package.version)
    except ValueError as error:
        _fail(package.file_path, "the files can't be installed", "paths", error)
        return
    for file, scheme in zip(files, schemes, strict=True):
        if file.scheme != scheme:
            _fail(package.file_path, "the path is refused", show_path(file.path), f"its scheme is {file.scheme}")


def _check_table(package: DppPackage, files: Sequence[DppFile]) -> None:
    for file in files:
        if package.find(file.path) != file:
            _fail(package.file_path, "the table does not lead to the file", file.path, fnv1a64(file.path.encode()))


def _check_facts(package: DppPackage, files: Sequence[DppFile]) -> None:
    if package.unpacked_size != sum(file.raw_size for file in files):
        _fail(package.file_path, "it is not the sum of the files", "unpacked size", package.unpacked_size)
    if package.unpacked_size > max(UNPACKED_FLOOR, ZSTD_RATIO * package.size):
        _fail(package.file_path, f"it is more than {ZSTD_RATIO} times its size", "unpacked size", package.unpacked_size)
    uses_dictionary = any(file.codec == layout.ZSTD_DICTIONARY for file in files)
    if bool(package.dictionary) != uses_dictionary or len(package.dictionary) > DPP_DICTIONARY:
        _fail(package.file_path, "it is missing, too large, or no file needs it", "dictionary", len(package.dictionary))
    wanted = tuple(f"{package.dist_info}/{name}" for name in ("METADATA", "WHEEL", "RECORD"))
    if package.special_paths() != wanted:
        _fail(package.file_path, "METADATA, WHEEL or RECORD is another file", "files", package.special_paths())
    elves = tuple(file.path for file in files if file.flags & layout.ELF)
    if tuple(native.path for native in package.native) != elves:
        _fail(package.file_path, "the native section has other files than are marked", "native", elves)
    _check_metadata(package)
    # Reads what is left; each field raises if it is damaged.
    describe(package)


def _check_metadata(package: DppPackage) -> None:
    """The facts are a quick way to what METADATA, WHEEL and entry_points.txt say, so they must say the same."""
    headers = parse_headers(package.metadata_bytes)
    purelib = parse_headers(package.wheel_bytes).get("root-is-purelib").lower()
    entry_points = package.find(f"{package.dist_info}/entry_points.txt")
    try:
        wanted = (
            ("name", package.name, headers.get("name")),
            ("version", package.version, headers.get("version")),
            ("requires python", package.requires_python, headers.get("requires-python")),
            ("summary", package.summary, headers.get("summary").partition("\n")[0]),
            ("purelib", package.root_is_purelib, purelib == "true"),
            (
                "requirements",
                package.requirements,
                tuple(map(parse_released_requirement, headers.get_all("requires-dist"))),
            ),
            (
                "entry points",
                package.entry_points,
                parse_entry_points(package.read_bounded(entry_points, ENTRY_POINTS)) if entry_points else (),
            ),
        )
        for field, found, said in wanted:
            if found != said:
                _fail(package.file_path, "it is not what the wheel's own files say", field, found)
        for index, requirement in enumerate(package.requirements):
            if package.specifier_bounds(index) != compile_specifier(requirement.specifier).intervals:
                _fail(package.file_path, "the intervals are not the specifier's", "intervals", requirement.specifier)
    except ProjectError as error:
        raise FormatError(
            "METADATA is refused", file=package.file_path, field="METADATA", value=error.message
        ) from error
    except FormatError:
        raise
    except ValueError as error:
        raise FormatError("entry_points.txt is refused", file=package.file_path, value=str(error)) from error


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
        fault = pyc_fault(pyc, package.read_bounded(file, MEMBER_IN_MEMORY)) if file is not None else "it has no source"
        if fault:
            raise FormatError("bytecode is refused", file=package.file_path, field=f"{path} {cache_tag}", value=fault)
