"""Wheels on their way from an index into memory: fetched side by side, checked as everywhere, unpacked one by one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import DigestMismatch
from blast_project.in_memory.image import seal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from threading import Event

    from blast_pm.store.wanted import WantedDistribution
    from blast_project.in_memory.image import ImageBuilder
    from blast_project.in_memory.sharing import Sharing
    from blast_project.session import Session

__all__ = ["add_wheels"]

_WORKERS = 8
_PIECE = 1 << 20


def add_wheels(session: Session, wanted: Sequence[WantedDistribution], builder: ImageBuilder, sharing: Sharing) -> None:
    """Fetch wheels and put what is in them into an image; those that others have are borrowed, the rest is lent.

    Raises:
        OfflineError: the network is forbidden.
        DigestMismatch, ArchiveRejected, RecordMismatch: a wheel is not what was promised, or hostile.
        IndexAccessError: an index can't be reached or refuses.
    """
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    pool = ThreadPoolExecutor(_WORKERS, "blast-memory")
    stopped = Event()
    waiting: list[tuple[WantedDistribution, Future[int]]] = []
    lent = sharing.wheels([row.sha256 for row in wanted])
    try:
        for row in sorted(wanted, key=lambda row: -row.size):
            known = lent.get(row.sha256)
            if known is None:
                future = pool.submit(_fetch, session, row, stopped)
            else:
                future = pool.submit(_check_lent, session, row, known)
            waiting.append((row, future))
        by_name = {row.sha256: future for row, future in waiting}
        if sharing.is_on:
            sharing.lend_wheels({row.sha256: future.result() for row, future in waiting if row.sha256 not in lent})
        for row in wanted:
            _add(session, row, by_name[row.sha256].result(), builder)
    finally:
        # After an error or Ctrl-C, what is on its way ends with the next bytes that come.
        stopped.set()
        pool.shutdown(wait=True, cancel_futures=True)


class _Stopped(BaseException):
    """Nobody waits for this wheel any more."""


def _fetch(session: Session, row: WantedDistribution, stopped: Event | None = None) -> int:
    """Return the descriptor of a memory file with the wheel."""
    from blast_pm.index.model import IndexFile

    client = session.client
    file = IndexFile(
        row.filename, client.url_of(row.index, row.path), row.sha256, row.size, "", None, "", None, row.index
    )
    descriptor = os.memfd_create(row.filename[:200], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)

    def advance(count: int) -> None:
        if stopped is not None and stopped.is_set():
            raise _Stopped
        session.reporter.advance(row.filename, count)

    session.reporter.start(row.filename, f"{row.name} {row.version}", row.size)
    try:
        found = client.download(file, descriptor, advance)
        _check_digest(row, found)
        seal(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    finally:
        session.reporter.finish(row.filename)
    return descriptor


def _check_lent(session: Session, row: WantedDistribution, descriptor: int) -> int:
    """Return the descriptor of a wheel that somebody else has fetched; one that is not what it has to be is fetched."""
    from hashlib import sha256

    hasher = sha256()
    at = 0
    while piece := os.pread(descriptor, _PIECE, at):
        hasher.update(piece)
        at += len(piece)
    if hasher.hexdigest() == row.sha256:
        return descriptor
    os.close(descriptor)
    return _fetch(session, row)


def _check_digest(row: WantedDistribution, found: str) -> None:
    if found != row.sha256:
        raise DigestMismatch(
            f"{row.filename} is not the file that was asked for",
            reason=f"its sha256 is {found}, not {row.sha256}",
            hint="the file on the index changed, or something on the way changes it; compare with its publisher",
        )


def _add(session: Session, row: WantedDistribution, descriptor: int, builder: ImageBuilder) -> None:
    from hashlib import sha256

    from blast_core.archive.contents import read_contents
    from blast_core.archive.source import FileSource
    from blast_core.archive.wheel import check_wheel
    from blast_pm.install.plan import make_tree_plan, read_plan
    from blast_pm.metadata.core_metadata import decode_metadata
    from blast_project.in_memory.image import Unpacked

    wheel = check_wheel(FileSource(descriptor, row.filename), row.filename)
    try:
        unpacked = Unpacked(builder)
        contents = read_contents(wheel, unpacked)
        expected = session.database.read("metadata", bytes.fromhex(row.sha256), decode_metadata)
        if expected is not None and expected.sha256 != sha256(wheel.metadata_bytes).digest():
            raise DigestMismatch(
                f"{row.filename} holds other metadata than the index told of it",
                hint="the index is wrong or was changed; report it to its owner, or exclude the version",
            )
        plan = read_plan(make_tree_plan(contents))
    finally:
        wheel.close()
    builder.add_unpacked(plan, unpacked, contents.native)
