"""Unpacking the archive of an interpreter, which is checked against its digest before, and trusted no further.

Each member is looked at before it is written: what is neither file, directory nor link, has a path that other readers
would understand otherwise, or leads out of the directory is refused, with everything before it.

Spec: PEP 706 (what a member may do). python-build-standalone, "Distribution Archives" (``python/``, and in full
archives ``python/install/``).
"""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from blast_core.archive.paths import path_fault, show_path
from blast_core.errors import ArchiveRejected
from blast_core.limits import SDIST_MEMBERS, SDIST_UNPACKED

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["unpack_interpreter"]

_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)
_MODE_BITS = 16


def unpack_interpreter(path: str, name: str, destination: str) -> str:
    """Unpack an archive into the empty directory ``destination`` and return where the installation is in it.

    Args:
        path: of the archive.
        name: of the archive, whose ending tells how it is packed.
        destination: an empty directory, to be removed by the caller when this fails.

    Raises:
        ArchiveRejected: it is damaged, too large, has a member that leaves the directory, or holds no interpreter.
    """
    try:
        if name.endswith(".zip"):
            _unpack_zip(path, destination)
        else:
            _unpack_tar(path, name, destination)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise ArchiveRejected(f"{name} can't be unpacked", reason=str(error)) from error
    tops = os.listdir(destination)
    top = os.path.join(destination, tops[0]) if len(tops) == 1 else ""
    for found in (os.path.join(top, "install"), top):
        if top and any(os.path.exists(os.path.join(found, *one)) for one in (("bin", "python3"), ("python.exe",))):
            return found
    raise ArchiveRejected(f"{name} holds no interpreter", reason="there is no bin/python3 in its one directory")


def _unpack_tar(path: str, name: str, destination: str) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise ValueError("this Python is older than 3.11.4 and can't unpack archives safely (PEP 706)")
    if not name.endswith(".zst"):
        with tarfile.open(path, "r|*") as archive:
            _extract(archive, destination)
        return
    import zstandard

    with open(path, "rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
        try:
            with tarfile.open(fileobj=plain, mode="r|") as archive:
                _extract(archive, destination)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error


def _extract(archive: tarfile.TarFile, destination: str) -> None:
    """Write members as they come: who finds one that is refused removes what was written."""
    size = 0
    for count, member in enumerate(archive, 1):
        size += member.size
        if count > SDIST_MEMBERS or size > SDIST_UNPACKED:
            raise ValueError(f"it has more than {SDIST_MEMBERS} members or {SDIST_UNPACKED} bytes")
        _check(member)
        archive.extract(member, destination, filter="data", set_attrs=not member.isdir())


def _check(member: tarfile.TarInfo) -> None:
    fault = path_fault(member.name.removeprefix("./") or ".")
    if fault:
        raise ValueError(f"{show_path(member.name)} was refused: {fault}")
    if member.type not in _TYPES or member.issparse():
        raise ValueError(f"{show_path(member.name)} is neither file, directory nor link")


def _unpack_zip(path: str, destination: str) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > SDIST_MEMBERS or sum(member.file_size for member in members) > SDIST_UNPACKED:
            raise ValueError(f"it has more than {SDIST_MEMBERS} members or {SDIST_UNPACKED} bytes")
        for member in _checked(members):
            target = archive.extract(member, destination)
            mode = member.external_attr >> _MODE_BITS & 0o777
            if mode and os.path.isfile(target):
                os.chmod(target, mode & 0o755 | 0o600)


def _checked(members: list[zipfile.ZipInfo]) -> Iterator[zipfile.ZipInfo]:
    for member in members:
        if fault := path_fault(member.filename):
            raise ValueError(f"{show_path(member.filename)} was refused: {fault}")
        yield member
