"""Unpacking a source distribution, whose archive may be hostile.

Everything is checked before the first file is written: one gzip stream, one tar in it, members that every reader
understands in one way and that stay below the one directory named after the file.

Spec: PEP 625 (names, one top-level directory), PEP 706 (what a member may do).
"""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from blast_core.errors import ArchiveRejected, InvalidVersion
from blast_core.limits import SDIST_MEMBERS, SDIST_UNPACKED
from blast_core.names import normalize_name

if TYPE_CHECKING:
    from typing import IO

__all__ = ["unpack_sdist"]

_CHUNK = 1 << 20
# A gzip stream with its header and checksum (zlib's manual, inflateInit2).
_GZIP = 31
_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)


def unpack_sdist(path: str, destination: str, *, is_named: bool = True) -> str:
    """Unpack the archive ``path`` below the empty directory ``destination`` and return the source tree's path.

    Args:
        path: the archive.
        destination: an empty directory.
        is_named: its directory must be named after the file; of an archive that is named by its address alone, such as
            ``v1.0.tar.gz``, nobody knows the name.

    Raises:
        ArchiveRejected: the archive is damaged or ambiguous, too large, has a member that leaves the directory, or not
            exactly one top-level directory that is named after the file.
    """
    name = os.path.basename(path)
    try:
        if name.endswith(".zip"):
            _unpack_zip(path, destination)
        else:
            _unpack_tar(path, destination)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise ArchiveRejected(f"{name} can't be unpacked", reason=str(error)) from error
    names = os.listdir(destination)
    if len(names) != 1 or not os.path.isdir(os.path.join(destination, names[0])):
        raise ArchiveRejected(
            f"{name} is no source distribution",
            reason=f"it has {len(names)} entries at its top, where one directory belongs",
        )
    if is_named and not _is_named_after(names[0], name.removesuffix(".zip").removesuffix(".tar.gz")):
        raise ArchiveRejected(
            f"{name} is no source distribution of that name", reason=f"its directory is called {names[0]}"
        )
    return os.path.join(destination, names[0])


def _unpack_tar(path: str, destination: str) -> None:
    import tempfile

    if not hasattr(tarfile, "data_filter"):
        raise ValueError("this Python is older than 3.11.4 and can't unpack archives safely (PEP 706)")
    with tempfile.TemporaryFile(dir=os.path.dirname(destination)) as plain:
        _inflate(path, plain)
        plain.seek(0)
        with tarfile.open(fileobj=plain, mode="r:") as archive:
            members = _read_members(archive)
            plain.seek(archive.offset)
            while rest := plain.read(_CHUNK):
                if rest.strip(b"\0"):
                    raise ValueError("bytes follow the end of the tar archive")
            archive.extractall(destination, members, filter="data")


def _inflate(path: str, plain: IO[bytes]) -> None:
    """Write the content of one gzip stream to ``plain``, its checksum verified."""
    stream = zlib.decompressobj(_GZIP)
    written = 0
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            while chunk and not stream.eof:
                content = stream.decompress(chunk, _CHUNK)
                chunk = stream.unconsumed_tail
                written += len(content)
                if written > SDIST_UNPACKED:
                    raise ValueError(f"it unpacks to more than {SDIST_UNPACKED} bytes")
                plain.write(content)
            if stream.eof and (stream.unused_data or chunk).strip(b"\0"):
                raise ValueError("bytes follow the end of the gzip stream")
    if not stream.eof:
        raise EOFError("the gzip stream is cut off")


def _read_members(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    members: list[tarfile.TarInfo] = []
    for member in archive:
        members.append(member)
        if len(members) > SDIST_MEMBERS:
            raise ValueError(f"it has more than {SDIST_MEMBERS} members")
        if member.type not in _TYPES or member.issparse():
            raise ValueError(f"{member.name!r} is neither file, directory nor link")
        if "size" in member.pax_headers:
            raise ValueError(f"{member.name!r} has two sizes")
        _check_name(member.name)
    return members


def _check_name(name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise ValueError(f"{name!r} leaves the directory")


def _unpack_zip(path: str, destination: str) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > SDIST_MEMBERS or sum(member.file_size for member in members) > SDIST_UNPACKED:
            raise ValueError(f"it has more than {SDIST_MEMBERS} members or {SDIST_UNPACKED} bytes")
        for member in members:
            _check_name(member.filename)
        for member in members:
            archive.extract(member, destination)


def _is_named_after(directory: str, stem: str) -> bool:
    """Compare ``name-version`` twice, each in any spelling."""
    if normalize_name(directory) == normalize_name(stem):
        return True
    from blast_core.version.keys import version_key

    (name, _, version), (wanted_name, _, wanted_version) = directory.rpartition("-"), stem.rpartition("-")
    try:
        return normalize_name(name) == normalize_name(wanted_name) and version_key(version) == version_key(
            wanted_version
        )
    except InvalidVersion:
        return False
