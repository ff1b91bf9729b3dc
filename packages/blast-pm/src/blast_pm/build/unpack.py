"""Unpacking a source distribution, whose archive may be hostile.

Spec: PEP 625 (one top-level directory), PEP 706 (what a member may do).
"""

from __future__ import annotations

import os
import tarfile
import zipfile
from typing import TYPE_CHECKING

from blast_core.errors import ArchiveRejected

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["unpack_sdist"]

# The largest real source distributions hold some 40,000 files and 1 GB.
_MOST_FILES = 200_000
_MOST_BYTES = 4 << 30


def unpack_sdist(path: str, destination: str) -> str:
    """Unpack the archive ``path`` below the empty directory ``destination`` and return the source tree's path.

    Raises:
        ArchiveRejected: the archive is damaged, too large, has a member that leaves the directory, or not exactly one
            top-level directory.
    """
    try:
        if path.endswith(".zip"):
            _unpack_zip(path, destination)
        else:
            _unpack_tar(path, destination)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise ArchiveRejected(f"{os.path.basename(path)} can't be unpacked", reason=str(error)) from error
    names = os.listdir(destination)
    if len(names) != 1 or not os.path.isdir(os.path.join(destination, names[0])):
        raise ArchiveRejected(
            f"{os.path.basename(path)} is no source distribution",
            reason=f"it has {len(names)} entries at its top, where one directory belongs",
        )
    return os.path.join(destination, names[0])


def _unpack_tar(path: str, destination: str) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise ArchiveRejected(
            f"{os.path.basename(path)} is not unpacked",
            reason="this Python is older than 3.11.4 and can't unpack archives safely (PEP 706)",
            hint="run Blast with a newer Python",
        )
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        _check_size(path, (member.size for member in members))
        archive.extractall(destination, members, filter="data")


def _unpack_zip(path: str, destination: str) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_size(path, (member.file_size for member in members))
        for member in members:
            parts = member.filename.replace("\\", "/").split("/")
            if member.filename.startswith("/") or ".." in parts or ":" in parts[0]:
                raise ArchiveRejected(f"{os.path.basename(path)}: {member.filename!r} leaves the directory")
            archive.extract(member, destination)


def _check_size(path: str, sizes: Iterable[int]) -> None:
    found = list(sizes)
    if len(found) > _MOST_FILES or sum(found) > _MOST_BYTES:
        raise ArchiveRejected(
            f"{os.path.basename(path)} is too large",
            reason=f"{len(found)} files of {sum(found)} bytes; the limits are {_MOST_FILES} and {_MOST_BYTES}",
        )
