"""Source distributions: the version in a file's name, and the metadata inside the archive.

Spec: PEP 625 (names), PEP 643 (metadata that may be relied upon), PEP 517 (archive layout).
"""

from __future__ import annotations

from blast_core.errors import ArchiveRejected
from blast_core.limits import METADATA, SDIST_MEMBERS
from blast_core.names import normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    from typing import IO

__all__ = ["read_pkg_info", "sdist_version"]

# The endings that installers accept, the usual one first. PEP 625 allows only the first, PEP 527 the second too.
_ENDINGS = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz")


def sdist_version(filename: str, project: str) -> str | None:
    """Return the version that a source distribution's name holds, None if it isn't one of ``project``.

    Old names may hold ``-`` in the project and in the version, so the split is where the part before it
    normalises to the project's name.

    Args:
        filename: such as ``Flask-0.1.tar.gz``.
        project: normalised name of the project.

    Cost: about 1 us for names of today.
    """
    for ending in _ENDINGS:
        if filename.endswith(ending):
            stem = filename[: -len(ending)]
            break
    else:
        return None
    name, _, version = stem.rpartition("-")
    if name == project or normalize_name(name) == project:
        return version or None
    at = stem.find("-")
    while at >= 0:
        if normalize_name(stem[:at]) == project:
            return stem[at + 1 :] or None
        at = stem.find("-", at + 1)
    return None


def read_pkg_info(path: str, filename: str) -> bytes:
    """Return the content of PKG-INFO at the top of a source distribution, b"" if none is there.

    Old tools left it out at the top; only a build tells what such a release needs.

    Args:
        path: the archive on this machine.
        filename: its name on the index, for the ending and for error texts.

    Raises:
        ArchiveRejected: not an archive, or beyond the limits.
    """
    import tarfile
    import zipfile
    import zlib

    try:
        content = _from_zip(path) if filename.endswith(".zip") else _from_tar(path)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise ArchiveRejected(f"{filename}: not a readable archive", reason=str(error)) from error
    return content or b""


def _is_top_pkg_info(name: str) -> bool:
    parts = name.removeprefix("./").split("/")
    return len(parts) == 2 and parts[1] == "PKG-INFO" and parts[0] not in ("", ".", "..")


def _from_zip(path: str) -> bytes | None:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if _is_top_pkg_info(info.filename):
                with archive.open(info) as stream:
                    return _read_bounded(stream)
    return None


def _from_tar(path: str) -> bytes | None:
    import tarfile

    from blast_pm.build.unpack import unpacked_limit

    limit = unpacked_limit(path)
    with tarfile.open(path, "r|*") as archive:
        unpacked = 0
        for count, info in enumerate(archive):
            unpacked += info.size
            if count > SDIST_MEMBERS or unpacked > limit:
                raise ValueError("more members or bytes than a source distribution may have")
            if _is_top_pkg_info(info.name) and info.isreg():
                return _extract(archive, info)
    return None


def _extract(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes | None:
    stream = archive.extractfile(info)
    return _read_bounded(stream) if stream is not None else None


def _read_bounded(stream: IO[bytes]) -> bytes:
    content = stream.read(METADATA + 1)
    if len(content) > METADATA:
        raise ValueError("PKG-INFO is larger than 8 MiB")
    return content
