"""The front door for wheels: file name, structure, metadata, RECORD, scripts and start-up code, checked before any use.

Order of the checks: file name, ZIP structure, .dist-info, WHEEL, METADATA, .data, RECORD's list, entry points, .pth
files. RECORD's digests are checked by who inflates the members, in the same pass (`blast_core.formats.dpp.convert`).
"""

from __future__ import annotations

from blast_core.archive.entry_points import EntryPoint, parse_entry_points
from blast_core.archive.headers import Headers, parse_headers
from blast_core.archive.paths import show_path
from blast_core.archive.record import RecordRow, read_record
from blast_core.archive.source import open_source
from blast_core.archive.startup import has_code, is_startup_module, is_utf8, pth_fault, pth_lines
from blast_core.archive.wheel_layout import WheelFile, find_dist_info, import_names, landing_path, place_files
from blast_core.archive.wheel_name import WheelName, parse_wheel_name
from blast_core.archive.zip import ZipArchive, read_archive
from blast_core.errors import ArchiveRejected, InvalidRequirement, InvalidVersion, RecordMismatch
from blast_core.limits import (
    ENTRY_POINTS,
    METADATA,
    PTH_FILE,
    RECORD,
    RECORD_ROW,
    RECORD_SPARE,
    REQUIREMENTS,
    WHEEL_FILE,
)
from blast_core.names import is_valid_name, normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.archive.source import BytesSource, FileSource

__all__ = ["STANDARD", "Policy", "Wheel", "check_record", "check_wheel", "read_wheel"]


class Policy(NamedTuple):
    """How strict the front door is, where the user may choose.

    Attributes:
        strict_record: refuse a wheel whose RECORD does not list exactly its files, each with a digest; otherwise warn.
            A wrong digest is refused either way.
        startup_code: let in wheels with code that runs when any Python starts.
        editable: let in .pth files that lead out of the environment, as editable installs need (PEP 660).
    """

    strict_record: bool = True
    startup_code: bool = True
    editable: bool = False


STANDARD = Policy()


class Wheel(NamedTuple):
    """A wheel that passed the front door; whoever asked for it closes it.

    Attributes:
        filename: its file name, as given.
        name: project name as METADATA spells it.
        version: as METADATA spells it.
        build: build tag, "" without one.
        tags: of the file name, written out.
        requires_python: "" if METADATA gives none.
        summary: one line, "" if METADATA gives none.
        requirements: the values of Requires-Dist, in order.
        provides_extras: the values of Provides-Extra, normalised, in order.
        import_names: top-level names that its files provide.
        entry_points: of entry_points.txt.
        dist_info: name of its .dist-info directory.
        root_is_purelib: where its root goes.
        metadata_bytes: METADATA.
        wheel_bytes: WHEEL.
        record_bytes: RECORD.
        files: in the order of the archive.
        record: RECORD's rows by path.
        startup: paths of files that run when any Python starts.
        warnings: what was healed or is odd, a line each.
        archive: the open archive.
    """

    filename: str
    name: str
    version: str
    build: str
    tags: tuple[str, ...]
    requires_python: str
    summary: str
    requirements: tuple[str, ...]
    provides_extras: tuple[str, ...]
    import_names: tuple[str, ...]
    entry_points: tuple[EntryPoint, ...]
    dist_info: str
    root_is_purelib: bool
    metadata_bytes: bytes
    wheel_bytes: bytes
    record_bytes: bytes
    files: tuple[WheelFile, ...]
    record: dict[str, RecordRow]
    startup: tuple[str, ...]
    warnings: tuple[str, ...]
    archive: ZipArchive

    def close(self) -> None:
        """Close the archive."""
        self.archive.close()


def read_wheel(path: str, filename: str | None = None, *, policy: Policy = STANDARD) -> Wheel:
    """Open a wheel and check all of it but the content of its files.

    Args:
        path: where it lies.
        filename: its name on the index, if it lies under another one.
        policy: how strict to be.

    Raises:
        ArchiveRejected: it is malformed, ambiguous, hostile or breaks a limit; the reason is one line.
        RecordMismatch: RECORD does not describe it.
        OSError: it can't be read.
    """
    import os

    filename = filename or os.path.basename(path)
    parse_wheel_name(filename)
    return check_wheel(open_source(path, filename), filename, policy=policy)


def check_wheel(source: BytesSource | FileSource, filename: str, *, policy: Policy = STANDARD) -> Wheel:
    """Check all of a wheel but the content of its files, as `read_wheel`; an error closes the source.

    Args:
        source: its bytes; what is returned closes it.
        filename: its name on the index.
        policy: how strict to be.
    """
    try:
        named = parse_wheel_name(filename)
        return _read(read_archive(source), filename, named, policy)
    except ValueError as error:
        source.close()
        raise ArchiveRejected(f"{filename} was refused", reason=str(error)) from None
    except BaseException:
        source.close()
        raise


def _read(archive: ZipArchive, filename: str, named: WheelName, policy: Policy) -> Wheel:
    warnings: list[str] = []
    dist_info = find_dist_info(archive.members, named)
    wheel_bytes = _read_small(archive, f"{dist_info}/WHEEL", WHEEL_FILE)
    root_is_purelib = _check_wheel_file(parse_headers(wheel_bytes), warnings)
    metadata_bytes = _read_small(archive, f"{dist_info}/METADATA", METADATA)
    headers = parse_headers(metadata_bytes)
    _check_metadata(headers, named)
    files = place_files(archive.members, named)
    record_bytes = _read_small(archive, f"{dist_info}/RECORD", min(RECORD, RECORD_ROW * (len(files) + RECORD_SPARE)))
    record = _check_listing(record_bytes, files, filename, dist_info, policy, warnings)
    return Wheel(
        filename=filename,
        name=headers.get("name"),
        version=headers.get("version"),
        build=named.build,
        tags=named.tags,
        requires_python=headers.get("requires-python"),
        summary=headers.get("summary").partition("\n")[0],
        requirements=_get_requirements(headers),
        provides_extras=tuple(dict.fromkeys(map(normalize_name, headers.get_all("provides-extra")))),
        import_names=import_names(files),
        entry_points=_read_entry_points(archive, dist_info),
        dist_info=dist_info,
        root_is_purelib=root_is_purelib,
        metadata_bytes=metadata_bytes,
        wheel_bytes=wheel_bytes,
        record_bytes=record_bytes,
        files=files,
        record=record,
        startup=_find_startup(archive, files, policy),
        warnings=tuple(warnings),
        archive=archive,
    )


def _read_small(archive: ZipArchive, path: str, limit: int) -> bytes:
    member = archive.find(path)
    if member is None:
        raise ValueError(f"{show_path(path)} is missing")
    if member.raw_size > limit:
        raise ValueError(f"{show_path(path)} has {member.raw_size} bytes; at most {limit} are allowed")
    return bytes(archive.read(member))


def _check_wheel_file(headers: Headers, warnings: list[str]) -> bool:
    version = headers.get_one("wheel-version")
    major, _, minor = version.partition(".")
    if major != "1":
        raise ValueError(f"its WHEEL has Wheel-Version {version[:20]!r}; only 1.x is known")
    if minor != "0":
        warnings.append(f"its WHEEL has Wheel-Version {version[:20]!r}, newer than the 1.0 that Blast knows")
    purelib = headers.get_one("root-is-purelib").lower()
    if purelib not in {"true", "false"}:
        raise ValueError(f"its WHEEL has Root-Is-Purelib {purelib[:20]!r}")
    return purelib == "true"


def _check_metadata(headers: Headers, named: WheelName) -> None:
    from blast_core.version import version_key

    metadata_version = headers.get_one("metadata-version")
    if metadata_version.partition(".")[0] not in {"1", "2"}:
        raise ValueError(f"its METADATA has Metadata-Version {metadata_version[:20]!r}; 1.x and 2.x are known")
    name = headers.get_one("name")
    if not is_valid_name(name) or normalize_name(name) != named.name:
        raise ValueError(f"its METADATA has the name {name[:80]!r}, its file name says {named.name!r}")
    version = headers.get_one("version")
    try:
        same = version_key(version) == version_key(named.version)
    except InvalidVersion:
        same = False
    if not same:
        raise ValueError(f"its METADATA has the version {version[:80]!r}, its file name says {named.version!r}")


def _get_requirements(headers: Headers) -> tuple[str, ...]:
    requirements = headers.get_all("requires-dist")
    if len(requirements) > REQUIREMENTS:
        raise ValueError(f"its METADATA has {len(requirements)} requirements; at most {REQUIREMENTS} are allowed")
    from blast_core.released_requirements import parse_released_requirement

    for text in requirements:
        try:
            parse_released_requirement(text)
        except InvalidRequirement as error:
            raise ValueError(f"its METADATA has the requirement {text[:80]!r}: {error.message}") from None
    return requirements


def _check_listing(
    content: bytes, files: tuple[WheelFile, ...], filename: str, dist_info: str, policy: Policy, warnings: list[str]
) -> dict[str, RecordRow]:
    found = read_record(content, {file.path: file.path for file in files}, dist_info)
    warnings.extend(found.warnings)
    if found.faults and policy.strict_record:
        more = f" (and {len(found.faults) - 1} more faults)" if len(found.faults) > 1 else ""
        raise RecordMismatch(
            f"{filename} was refused",
            reason=found.faults[0] + more,
            hint="if you trust it, allow this package to be healed",
            issues=list(found.faults[:100]),
        )
    warnings.extend(found.faults)
    return found.rows


def check_record(wheel: Wheel, file: WheelFile, digest: bytes) -> None:
    """Compare a file's digest and size with what RECORD says.

    Args:
        wheel: the wheel.
        file: one of its files.
        digest: by the algorithm of its row in ``wheel.record``.

    Raises:
        RecordMismatch: they differ.
    """
    row = wheel.record.get(file.path)
    if row is None or not row.algorithm:
        return
    if row.digest != digest or row.size not in {-1, file.member.raw_size}:
        what = "digest" if row.digest != digest else "size"
        raise RecordMismatch(
            f"{wheel.filename} was refused", reason=f"RECORD has another {what} for {show_path(file.path)}"
        )


def _read_entry_points(archive: ZipArchive, dist_info: str) -> tuple[EntryPoint, ...]:
    path = f"{dist_info}/entry_points.txt"
    return parse_entry_points(_read_small(archive, path, ENTRY_POINTS)) if archive.find(path) else ()


def _find_startup(archive: ZipArchive, files: tuple[WheelFile, ...], policy: Policy) -> tuple[str, ...]:
    found = []
    for file in files:
        path = landing_path(file.path, file.scheme)
        if path.endswith(".pth") and "/" not in path:
            content = _read_small(archive, file.path, PTH_FILE)
            lines = pth_lines(content)
            fault = "" if policy.editable else pth_fault(lines)
            if not is_utf8(content):
                fault = "it is not UTF-8, and would keep Python from starting"
            if fault:
                raise ValueError(f"{show_path(file.path)}: {fault}")
            if has_code(lines):
                found.append(file.path)
        elif is_startup_module(path):
            found.append(file.path)
    if found and not policy.startup_code:
        raise ValueError(f"{show_path(found[0])} would run whenever Python starts, which is not allowed")
    return tuple(found)
