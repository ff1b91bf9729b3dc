"""Whether installed files are what their distributions' RECORDs say, whoever installed them.

Spec: recording installed projects (PEP 376, PEP 627).
"""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple
from blast_project.pip.inventory import DIST_INFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from blast_core.archive.record import RecordRow
    from blast_project.pip.inventory import InstalledDistribution

__all__ = ["CHANGED", "MISSING", "UNREADABLE", "Fault", "FileReport", "check_files"]

CHANGED, MISSING, UNREADABLE = "changed", "missing", "unreadable"
_CHUNK = 1 << 20


class Fault(NamedTuple):
    """A file that is not as recorded.

    Attributes:
        name: of the distribution.
        version: its own.
        kind: `CHANGED`, `MISSING` or `UNREADABLE`.
        path: as recorded, below the directory of modules; of a RECORD that is no RECORD its own.
        reason: what is wrong, for people.
    """

    name: str
    version: str
    kind: str
    path: str
    reason: str


class FileReport(NamedTuple):
    """What was looked at: distributions, files, bytes, those without a record, and the faults."""

    distributions: int
    files: int
    bytes: int
    unrecorded: tuple[str, ...]
    faults: tuple[Fault, ...]


def check_files(rows: Iterable[InstalledDistribution]) -> FileReport:
    """Read every recorded file and compare it with its record.

    What has no RECORD, such as an egg, can't be compared. Bytecode may come and go.

    Cost: every byte of every file.
    """
    from blast_core.archive.record import parse_record

    distributions = files = read = 0
    unrecorded, faults = [], []
    for row in sorted(rows, key=lambda row: row.key):
        try:
            with open(os.path.join(row.info, "RECORD"), "rb") as file:
                content = file.read()
        except OSError:
            content = b""
        if row.kind != DIST_INFO or not content:
            unrecorded.append(f"{row.name} {row.version}")
            continue
        distributions += 1
        try:
            recorded = list(parse_record(content))
        except ValueError as error:
            faults.append(Fault(row.name, row.version, UNREADABLE, _record_path(row), str(error)))
            continue
        for entry in recorded:
            if not entry.path.endswith(".pyc"):
                files += 1
                read += max(entry.size, 0)
                faults += _compare(row, entry)
    return FileReport(distributions, files, read, tuple(unrecorded), tuple(faults))


def _record_path(row: InstalledDistribution) -> str:
    return f"{os.path.basename(row.info)}/RECORD"


def _compare(row: InstalledDistribution, entry: RecordRow) -> Iterator[Fault]:
    """Yield what is wrong with a file."""
    path = os.path.join(row.directory, entry.path)
    if not entry.digest and os.path.isdir(path):
        # A directory of the store that an environment links to; what is in it has rows of its own.
        return
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if 0 <= entry.size != size:
                yield _fault(row, CHANGED, entry, f"it has {size} bytes, not {entry.size}")
                return
            if entry.digest and _digest(file, entry.algorithm) != entry.digest:
                yield _fault(row, CHANGED, entry, f"its {entry.algorithm} is another")
    except FileNotFoundError:
        yield _fault(row, MISSING, entry, "it is not there")
    except (OSError, ValueError) as error:
        yield _fault(row, UNREADABLE, entry, getattr(error, "strerror", None) or str(error))


def _fault(row: InstalledDistribution, kind: str, entry: RecordRow, reason: str) -> Fault:
    return Fault(row.name, row.version, kind, entry.path, reason)


def _digest(file: object, algorithm: str) -> bytes:
    import hashlib
    from typing import IO, cast

    hasher = hashlib.new(algorithm)
    while chunk := cast("IO[bytes]", file).read(_CHUNK):
        hasher.update(chunk)
    return hasher.digest()
