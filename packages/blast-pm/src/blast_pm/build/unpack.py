"""Unpacking a source distribution, whose archive may be hostile.

Everything is checked before the first file is written: one gzip stream, one tar in it, members that every reader
understands in one way and that stay below the one directory named after the file.

Spec: PEP 625 (names, one top-level directory), PEP 706 (what a member may do).
"""

from __future__ import annotations

import os
import tarfile
import zlib
from typing import TYPE_CHECKING

from blast_core import fs
from blast_core.errors import ArchiveRejected, InvalidVersion
from blast_core.limits import (
    CHUNK,
    PATH_BYTES,
    PATH_DEPTH,
    SDIST_MEMBERS,
    SDIST_UNPACKED,
    UNPACKED_FLOOR,
    UNPACKED_RATIO,
)
from blast_core.names import normalize_name
from blast_pm.build.tar_headers import header_fault

if TYPE_CHECKING:
    from typing import IO

__all__ = ["unpack_sdist", "unpacked_limit"]

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
    except ArchiveRejected:
        raise
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
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
            members = _read_members(archive, plain)
            plain.seek(archive.offset)
            while rest := plain.read(CHUNK):
                if rest.strip(b"\0"):
                    raise ValueError("bytes follow the end of the tar archive")
            archive.extractall(destination, members, filter="data")


def unpacked_limit(path: str) -> int:
    """Return to how many bytes an archive may unpack, which its own size tells."""
    return min(SDIST_UNPACKED, max(UNPACKED_FLOOR, UNPACKED_RATIO * os.path.getsize(path)))


def _inflate(path: str, plain: IO[bytes]) -> None:
    """Write the content of one gzip stream to ``plain``, its checksum verified."""
    stream = zlib.decompressobj(_GZIP)
    written, limit = 0, unpacked_limit(path)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            while chunk and not stream.eof:
                content = stream.decompress(chunk, CHUNK)
                chunk = stream.unconsumed_tail
                written += len(content)
                if written > limit:
                    raise ValueError(f"it unpacks to more than {limit} bytes")
                plain.write(content)
            if stream.eof and (stream.unused_data or chunk).strip(b"\0"):
                raise ValueError("bytes follow the end of the gzip stream")
    if not stream.eof:
        raise EOFError("the gzip stream is cut off")


def _read_members(archive: tarfile.TarFile, plain: IO[bytes]) -> list[tarfile.TarInfo]:
    members: list[tarfile.TarInfo] = []
    kinds: dict[str, str] = {}
    for member in archive:
        members.append(member)
        if len(members) > SDIST_MEMBERS:
            raise ValueError(f"it has more than {SDIST_MEMBERS} members")
        if member.type not in _TYPES or member.issparse():
            raise ValueError(f"{member.name!r} is neither file, directory nor link")
        if "size" in member.pax_headers:
            raise ValueError(f"{member.name!r} has two sizes")
        fault = _name_fault(member.name) or header_fault(plain, member) or _kind_fault(member, kinds)
        if fault:
            raise ValueError(f"{member.name!r}: {fault}")
    if {"path", "linkpath"} & archive.pax_headers.keys():
        raise ValueError("one name is given to all that follow")
    return members


def _kind_fault(member: tarfile.TarInfo, kinds: dict[str, str]) -> str:
    """Return why a member can't come after the others, of which ``kinds`` has paths and kinds; "" if it can.

    A file may come twice, in which case all readers take the last; what is a link once is one thing for all of them.
    """
    kind = "link" if member.issym() or member.islnk() else "directory" if member.isdir() else "file"
    path = os.path.normpath(member.name)
    if kind != "directory" and "/" not in path:
        return "it lies beside the one directory"
    if kinds.get(path, kind) != kind or (kind == "link" and path in kinds):
        return "another member has this path"
    kinds[path] = kind
    parent = os.path.dirname(path)
    while parent and kinds.setdefault(parent, "directory") == "directory":
        parent = os.path.dirname(parent)
    if parent and kinds[parent] == "file":
        return f"{parent!r} is both a file and a directory"
    if member.issym() and not _stays(path, member.linkname):
        return f"it is a link to {member.linkname!r}, outside the one directory"
    if member.islnk() and kinds.get(os.path.normpath(member.linkname)) != "file":
        return f"it is a link to {member.linkname!r}, which is no file before it"
    return ""


def _stays(path: str, target: str) -> bool:
    """Tell whether the link ``path`` leads below the directory that is its first part, step by step."""
    depth = path.count("/") - 1
    for part in target.split("/"):
        depth += -1 if part == ".." else part not in {"", "."}
        if depth < 0:
            return False
    return not target.startswith("/")


def _name_fault(name: str) -> str:
    """Return why no member may have this path, or ""; what old tools wrote, such as double slashes, is let in."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        return "it leaves the directory"
    if any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in name):
        return "its path has a control character"
    if len(parts) > PATH_DEPTH or len(name.encode(errors="replace")) > PATH_BYTES:
        return "its path is too long or too deep"
    return ""


def _unpack_zip(path: str, destination: str) -> None:
    """Unpack a ZIP archive that passes the front door for wheels; links and all that it can't be sure of don't."""
    from blast_core.archive.source import open_source
    from blast_core.archive.zip import read_archive

    archive = read_archive(open_source(path))
    try:
        made = {""}
        for member in archive.members:
            parent = member.name.rstrip("/") if member.is_directory else member.name.rpartition("/")[0]
            if parent not in made:
                fs.make_directories(os.path.join(destination, parent))
                made.add(parent)
            if member.is_directory:
                continue
            descriptor = fs.create_file(os.path.join(destination, member.name), 0o755 if member.mode & 0o111 else 0o644)
            try:
                for content in archive.iter_unpacked(member, archive.iter_stored(member)):
                    fs.write(descriptor, content)
            finally:
                os.close(descriptor)
    finally:
        archive.close()


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
