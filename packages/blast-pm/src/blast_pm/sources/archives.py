"""Archives named by an address or a path: fetched once, known by their sha256 from then on.

    sources/<sha256>/<file name>        an archive that was fetched

What an address held is believed for ten minutes, as an index's page is; a lock names the digest, which holds forever.
"""

from __future__ import annotations

import os
import time

from blast_core import fs
from blast_core.errors import ArchiveRejected, DigestMismatch, IndexAccessError, InvalidRequirement
from blast_core.tuples import NamedTuple
from blast_pm.sources.address import is_archive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_pm.index.client import PyPiClient
    from blast_pm.metadata.store import Database

__all__ = ["FetchedArchive", "SourceArchives", "archive_name", "read_local_archive"]

_MEMO = "misc"
_BELIEVED_S = 600.0


class FetchedArchive(NamedTuple):
    """An archive on this machine.

    Attributes:
        path: where it lies; its last part is the name it was published under.
        sha256: 64 hexadecimal digits.
        size: in bytes.
    """

    path: str
    sha256: str
    size: int


def archive_name(location: str) -> str:
    """Return the file name at the end of an address or a path.

    Raises:
        InvalidRequirement: it is no name of a wheel or a source distribution.
    """
    from urllib.parse import unquote

    name = location.partition("#")[0].partition("?")[0].rpartition("/")[2]
    name = unquote(name) if "://" in location else os.path.basename(location)
    if not is_archive(name) or "/" in name or "\\" in name or not name.isprintable() or name.startswith((".", "-")):
        from blast_pm.index.credentials import without_credentials

        raise InvalidRequirement(
            f"{without_credentials(location)} is no distribution",
            reason=f"its name is '{name}'",
            hint="an archive ends in .whl, .tar.gz or .zip; for a repository write git+https://…",
        )
    return name


class SourceArchives:
    """Keeps archives below a home.

    Args:
        home: BLAST_HOME.
        client: downloads.
        database: remembers what addresses held.
        refresh: fetch again what is remembered.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        home: str,
        client: PyPiClient,
        database: Database,
        *,
        refresh: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = os.path.join(home, "sources")
        self._staging = os.path.join(home, "tmp")
        self._client = client
        self._database = database
        self._refresh = refresh
        self._clock = clock

    def known_digest(self, url: str) -> str:
        """Return the sha256 of what an address held a short time ago; "" if it was not fetched then."""
        value = self._database.get(_MEMO, _key(url)) if not self._refresh else None
        digest, _, moment = bytes(value or b"").decode("ascii").partition(" ")
        recent = bool(moment) and 0 <= self._clock() - float(moment) < _BELIEVED_S
        return digest if recent or self._client.offline else ""

    def fetch(self, url: str, sha256: str = "") -> FetchedArchive:
        """Return the archive at an address, downloaded where it is not there.

        Args:
            url: http or https, with user and password if it needs them.
            sha256: that it must have; "" for whatever the address holds.

        Raises:
            DigestMismatch: it holds something else.
            OfflineError: it isn't there, and the network is forbidden.
            IndexAccessError: the address can't be read.
            InvalidRequirement: it names no distribution.
        """
        name = archive_name(url)
        known = sha256 or self.known_digest(url)
        if known:
            path = os.path.join(self._directory, known, name)
            # It was whole when it was renamed there; what is built from it is checked against it again.
            if os.path.isfile(path):
                return FetchedArchive(path, known, os.path.getsize(path))
        return self._download(url, name, sha256)

    def _download(self, url: str, name: str, sha256: str) -> FetchedArchive:
        from blast_pm.index.model import IndexFile
        from blast_pm.store.staging import Staging

        with Staging(self._staging) as staging:
            path = os.path.join(staging.path, "archive")
            file = IndexFile(name, url, sha256, 0, "", None, "", None, "")
            found = self._client.download(file, path)
            size = os.path.getsize(path)
            if not size:
                raise IndexAccessError(f"{name} is empty", reason="its address holds nothing")
            kept = os.path.join(self._directory, found, name)
            fs.make_directories(os.path.dirname(kept))
            fs.sync_paths([path])
            fs.rename(path, kept)
        self._database.put(_MEMO, _key(url), f"{found} {self._clock():.0f}".encode("ascii"))
        return FetchedArchive(kept, found, size)


def read_local_archive(path: str, sha256: str = "") -> FetchedArchive:
    """Return an archive that lies on this machine.

    Raises:
        DigestMismatch: it has another digest than ``sha256``.
        ArchiveRejected: it can't be read.
    """
    from blast_core.digests import sha256_file

    try:
        found = sha256_file(path).hex()
        size = os.path.getsize(path)
    except OSError as error:
        raise ArchiveRejected(f"{path} can't be read", reason=error.strerror or str(error)) from error
    if sha256 and found != sha256:
        raise DigestMismatch(
            f"{os.path.basename(path)} is not what was promised",
            reason=f"sha256 {found}, expected {sha256}",
            hint="'blast lock' takes the file as it is now, if that is meant",
            file=os.path.basename(path),
            expected=sha256,
            found=found,
        )
    return FetchedArchive(path, found, size)


def _key(url: str) -> bytes:
    import hashlib

    from blast_pm.index.credentials import without_credentials

    # LMDB bounds its keys, and a key is no place for a secret.
    return b"archive\0" + hashlib.sha256(without_credentials(url).encode()).digest()
