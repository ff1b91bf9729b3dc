"""Downloading a distribution: streamed to a path, hashed on the way, from zero after every fault."""

from __future__ import annotations

import os

from blast_core.errors import BlastError, DigestMismatch, IndexAccessError, OfflineError
from blast_core.limits import CHUNK, DISTRIBUTION
from blast_pm.index.credentials import without_credentials
from blast_pm.index.transport import ConnectionFault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from blast_pm.index.fetch import Fetcher
    from blast_pm.index.model import IndexFile

__all__ = ["download"]


def download(
    file: IndexFile, destination: str | int, fetcher: Fetcher, progress: Callable[[int], None] | None = None
) -> str:
    """Write a file to ``destination``, which must not exist; nothing is left there after an error.

    Args:
        file: what to fetch; its digest is checked if it has one.
        destination: absolute path in a directory that exists, or the descriptor of an empty file, which stays open.
        fetcher: fetches from the network.
        progress: told of every piece's bytes; a retry takes back what came by a negative number.

    Returns:
        The sha256 as hexadecimal digits.

    Raises:
        DigestMismatch: the content is not what the index or the lock promised; not retried.
        IndexAccessError: the index can't be reached, refuses, or sends more than allowed.
        OfflineError: the network is forbidden, and the file is not on this machine.
    """
    report = progress or _ignore
    if file.url.startswith("file:"):
        return _copy_local(file, destination, report)

    def once() -> str:
        pieces, exchange = fetcher.stream(file.url, {})
        try:
            headers = exchange.headers
            # Without a length a cut connection looks like an end; then a wrong digest is a fault that may pass.
            framed = "content-length" in headers or "transfer-encoding" in headers
            return _write(file, destination, pieces, report, framed=framed)
        finally:
            exchange.close()

    return fetcher.retrying(file.url, once)


def _ignore(_: int) -> None:
    """No one wants to know of progress."""


def _copy_local(file: IndexFile, destination: str | int, report: Callable[[int], None]) -> str:
    from blast_pm.index.file_urls import path_of_url

    path = path_of_url(file.url)
    try:
        with open(path, "rb") as stream:
            return _write(file, destination, iter(lambda: stream.read(CHUNK), b""), report, framed=True)
    except FileNotFoundError as error:
        raise OfflineError(f"{path} is missing", reason="the lock or a local index names it") from error
    except PermissionError as error:
        raise IndexAccessError(f"{path} can't be read", reason=error.strerror or "") from error


def _write(
    file: IndexFile, destination: str | int, pieces: Iterator[bytes], report: Callable[[int], None], *, framed: bool
) -> str:
    from blast_core.fs import create_file

    descriptor = create_file(destination) if isinstance(destination, str) else destination
    written = 0

    def count(amount: int) -> None:
        nonlocal written
        written += amount
        report(amount)

    try:
        try:
            digest = _consume(file, descriptor, pieces, count)
        finally:
            if isinstance(destination, str):
                os.close(descriptor)
        _check(file, digest, written, framed=framed)
    except BaseException:
        # No numbered operations: after a failure the first error is the one to report.
        if isinstance(destination, str):
            os.unlink(destination)
        else:
            os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_SET))
        report(-written)
        raise
    return digest


def _consume(file: IndexFile, descriptor: int, pieces: Iterator[bytes], count: Callable[[int], None]) -> str:
    import hashlib

    from blast_core.fs import write

    hasher = hashlib.sha256()
    limit = file.size or DISTRIBUTION
    total = 0
    for block in _blocks(pieces):
        total += len(block)
        if total > limit:
            raise _too_large(file, limit)
        hasher.update(block)
        write(descriptor, block)
        count(len(block))
    return hasher.hexdigest()


def _too_large(file: IndexFile, limit: int) -> BlastError:
    if file.size:
        return DigestMismatch(
            f"{file.filename} is larger than promised", reason=f"more than {limit} bytes", hint=_CHANGED
        )
    return IndexAccessError(f"{file.filename} is too large", reason=f"more than {limit} bytes")


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces, so that each write and each step of the hash has something to do."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK // 4:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


_CHANGED = "the index or something on the way changed it; 'blast lock --refresh' asks the index anew"


def _check(file: IndexFile, digest: str, written: int, *, framed: bool) -> None:
    if (not file.sha256 or digest == file.sha256) and (not file.size or written == file.size):
        return
    if not framed:
        raise ConnectionFault(
            f"the connection to {without_credentials(file.url)} was cut", reason=f"after {written} bytes"
        )
    raise DigestMismatch(
        f"{file.filename} is not what was promised",
        reason=f"sha256 {digest}, expected {file.sha256}" if file.sha256 else f"{written} bytes, expected {file.size}",
        hint=_CHANGED,
        file=file.filename,
        expected=file.sha256,
        found=digest,
    )
