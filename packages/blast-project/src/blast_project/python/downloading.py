"""Downloading one archive: what came of it stays, so that the next attempt goes on where this one was cut."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import DigestMismatch, IndexAccessError
from blast_core.limits import GIB
from blast_pm.index.credentials import without_credentials
from blast_pm.index.transport import ConnectionFault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from blast_core.reporter import Reporter
    from blast_pm.index.fetch import Fetcher
    from blast_project.python.builds import Build

__all__ = ["check_archive", "download_archive"]

# The largest build has 0.5 GiB, with everything that it was linked from.
_LARGEST = 4 * GIB
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL = 206


def download_archive(build: Build, path: str, fetcher: Fetcher, reporter: Reporter) -> None:
    """Make ``path`` the archive of a build; what an earlier attempt left there is gone on with.

    Raises:
        DigestMismatch: it is not what the list says; nothing is left of it.
        IndexAccessError: it can't be had; what came of it is left.
        OfflineError: the network is forbidden, and it is not there whole.
    """
    if _is_whole(build, path):
        return
    fetcher.retrying(build.url, lambda: _continue(build, path, fetcher, reporter))
    check_archive(build, path, remove=True)


def check_archive(build: Build, path: str, *, remove: bool = False) -> None:
    """Compare an archive with its digest.

    Args:
        build: what it shall be.
        path: where it is.
        remove: leave nothing that is something else.

    Raises:
        DigestMismatch: it is something else.
        IndexAccessError: it can't be read.
    """
    try:
        found = _digest(path)
    except OSError as error:
        raise IndexAccessError(f"{path} can't be read", reason=error.strerror or str(error)) from error
    if found == build.sha256:
        return
    if remove:
        fs.unlink(path)
    raise DigestMismatch(
        f"{build.filename} is not what was promised",
        reason=f"sha256 {found}, expected {build.sha256}",
        hint="the mirror or something on the way changed it",
        file=build.filename,
        expected=build.sha256,
        found=found,
    )


def _is_whole(build: Build, path: str) -> bool:
    try:
        return os.path.getsize(path) > 0 and _digest(path) == build.sha256
    except OSError:
        return False


def _digest(path: str) -> str:
    from blast_core.digests import sha256_file

    return sha256_file(path).hex()


def _continue(build: Build, path: str, fetcher: Fetcher, reporter: Reporter) -> None:
    """Fetch what is missing at the end of ``path``, all of it where the server sends only the whole."""
    there = os.path.getsize(path) if os.path.exists(path) else 0
    asked = {"Range": f"bytes={there}-"} if there else {}
    pieces, exchange = fetcher.stream(build.url, asked, accept=(200, _PARTIAL, _RANGE_NOT_SATISFIABLE))
    try:
        if exchange.status == _RANGE_NOT_SATISFIABLE or (
            exchange.status == _PARTIAL and not _begins_at(exchange.headers, there)
        ):
            # More is there than the server has: it is of another file.
            fs.unlink(path)
            raise ConnectionFault(f"{without_credentials(build.url)} has another file by now", reason="it begins anew")
        begin = there if exchange.status == _PARTIAL else 0
        length = exchange.headers.get("content-length", "")
        expected = begin + int(length) if length.isdecimal() else 0
        reporter.start(build.filename, build.key, expected)
        reporter.advance(build.filename, begin)
        try:
            written = _append(build, path, begin, pieces, reporter)
        finally:
            reporter.finish(build.filename)
        if expected and written != expected:
            raise ConnectionFault(
                f"the connection to {without_credentials(build.url)} was cut", reason=f"after {written} bytes"
            )
    finally:
        exchange.close()


def _append(build: Build, path: str, begin: int, pieces: Iterable[bytes], reporter: Reporter) -> int:
    """Write what comes behind the first ``begin`` bytes of a file, and return its length then."""
    descriptor = fs.open_file(path)
    try:
        os.ftruncate(descriptor, begin)
        os.lseek(descriptor, begin, os.SEEK_SET)
        written = begin
        for piece in pieces:
            fs.write(descriptor, piece)
            written += len(piece)
            reporter.advance(build.filename, len(piece))
            if written > _LARGEST:
                raise IndexAccessError(f"{build.filename} is too large", reason=f"more than {_LARGEST} bytes")
    finally:
        os.close(descriptor)
    return written


def _begins_at(headers: Mapping[str, str], offset: int) -> bool:
    return headers.get("content-range", "").strip().lower().startswith(f"bytes {offset}-")
