"""Downloads and ingests side by side: threads that each take one wheel from the network to its place in the store."""

from __future__ import annotations

import os
import queue
import threading
import time

from blast_core.errors import BlastError, DigestMismatch, StoreLocked
from blast_pm.install.plan import read_plan
from blast_pm.kept_threads import run_kept
from blast_pm.store.commits import Committer
from blast_pm.store.failures import explain_failure
from blast_pm.store.ingest import adopt_object
from blast_pm.store.ingest_pool import IngestPool, count_processes
from blast_pm.store.locks import Lock, lock, patience
from blast_pm.store.staging import Staging, object_lock_path, sweep_staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_core.reporter import Reporter
    from blast_pm.store.home import StorePaths
    from blast_pm.store.rows import StoredDistribution, TreeRows
    from blast_pm.store.wanted import WantedDistribution

    Fetch = Callable[[WantedDistribution, str, Callable[[int], None]], str | None]

__all__ = ["Fetching", "store_all"]

# As long as this somebody else may be at work on the same wheel, before it is done a second time.
_PATIENCE_S = 300.0
_LOOK_UP_S = 0.25
_JOIN_S = 10.0


class _Cancelled(BaseException):
    """Another wheel failed; what this thread does is not needed any more."""


def store_all(
    missing: Sequence[WantedDistribution],
    fetch: Fetch,
    paths: StorePaths,
    rows: TreeRows,
    reporter: Reporter,
    workers: int,
) -> dict[str, StoredDistribution]:
    """Fetch and store all of ``missing``, or fail with the first error; what was finished till then is kept.

    Returns:
        By sha256.

    Raises:
        StoreError: the disk refused.
        BlastError: a wheel could not be fetched or is not acceptable.
    """
    try:
        sweep_staging(paths.staging)
        with (
            Staging(paths.staging) as staging,
            IngestPool(paths, count_processes(missing), staging.lock_fd) as pool,
        ):
            return Fetching(fetch, paths, rows, reporter, staging.path, pool).run(missing, workers)
    except OSError as error:
        raise explain_failure(error, "use the store") from error


class Fetching:
    """One run of `store_all`.

    Args:
        fetch: brings one wheel to a path, telling how many bytes came; see `GlobalCache.ensure`.
        paths: the store.
        rows: its table.
        reporter: who is told of progress.
        staging: a directory of this run's own.
        pool: what ingests the wheels that came.
    """

    def __init__(
        self, fetch: Fetch, paths: StorePaths, rows: TreeRows, reporter: Reporter, staging: str, pool: IngestPool
    ) -> None:
        self._fetch = fetch
        self._paths = paths
        self._rows = rows
        self._reporter = reporter
        self._staging = staging
        self._cancelled = threading.Event()
        self._pool = pool
        self._waiting: queue.SimpleQueue[WantedDistribution] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[StoredDistribution | BaseException | None] = queue.SimpleQueue()
        self._committer = Committer(paths.home, rows)

    def run(self, missing: Sequence[WantedDistribution], workers: int) -> dict[str, StoredDistribution]:
        """Do it all; see `store_all`."""
        for wanted in sorted(missing, key=_urgency):
            self._waiting.put(wanted)
        threads = [run_kept(self._work, f"blast-store-{number}") for number in range(min(workers, len(missing)))]
        stored: dict[str, StoredDistribution] = {}
        error: BaseException | None = None
        try:
            error = self._collect(stored, len(threads))
        except BaseException as interruption:  # noqa: BLE001 - raised below, when all has come to rest
            error = interruption
        self._cancel()
        deadline = time.monotonic() + _JOIN_S
        for thread in threads:
            thread.join(deadline - time.monotonic())
        try:
            self._committer.close()
        except (OSError, BlastError) as problem:
            error = error or problem
        if error is not None:
            raise error
        return stored

    def _collect(self, stored: dict[str, StoredDistribution], working: int) -> BaseException | None:
        first_error: BaseException | None = None
        while working:
            outcome = self._outcomes.get()
            if outcome is None:
                working -= 1
            elif isinstance(outcome, BaseException):
                first_error = first_error or outcome
                self._cancel()
            else:
                stored[outcome.sha256] = outcome
                self._committer.add(outcome)
        return first_error

    def _cancel(self) -> None:
        self._cancelled.set()
        self._pool.kill()

    def _work(self) -> None:
        try:
            while not self._cancelled.is_set():
                wanted = self._waiting.get_nowait()
                try:
                    self._outcomes.put(self._store(wanted))
                except OSError as error:
                    self._outcomes.put(explain_failure(error, f"store {wanted.filename}"))
        except (_Cancelled, queue.Empty):
            pass
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self._outcomes.put(error)
        finally:
            self._outcomes.put(None)

    def _store(self, wanted: WantedDistribution) -> StoredDistribution:
        held = self._lock_object(wanted)
        if held is None:
            return self._check_metadata(wanted, self._fetch_and_ingest(wanted))
        with held:
            stored = adopt_object(held.message, wanted.sha256, self._paths) if held.message else None
            stored = stored or self._rows.find([wanted.sha256]).get(wanted.sha256)
            if stored is None:
                stored = self._fetch_and_ingest(wanted)
            held.leave_message(stored.blake3)
            return self._check_metadata(wanted, stored)

    def _lock_object(self, wanted: WantedDistribution) -> Lock | None:
        path = object_lock_path(self._paths.staging, wanted.sha256)
        deadline = time.monotonic() + patience(_PATIENCE_S, os.environ)
        while True:
            try:
                return lock(path, _LOOK_UP_S, remove=True)
            except StoreLocked as error:
                self._check()
                if time.monotonic() >= deadline:
                    # Whoever has it may be stopped or stuck. Two that do the same disturb each other in nothing.
                    self._reporter.note(f"process {error.details.get('pid')} takes long over {wanted.filename}")
                    return None

    def _fetch_and_ingest(self, wanted: WantedDistribution) -> StoredDistribution:
        self._check()
        wheel = os.path.join(self._staging, wanted.sha256[:32])
        arrival = self._pool.expect(wheel, wanted.size)

        def advance(count: int) -> None:
            self._check()
            self._reporter.advance(wanted.filename, count)
            arrival.advance(count)

        self._reporter.start(wanted.filename, f"{wanted.name} {wanted.version}", wanted.size)
        try:
            found = self._fetch(wanted, wheel, advance)
        except BaseException:
            arrival.drop()
            raise
        finally:
            self._reporter.finish(wanted.filename)
        self._check()
        return self._pool.ingest(
            wheel, wanted.filename, wanted.sha256, is_checked=found == wanted.sha256, arrival=arrival
        )

    def _check_metadata(self, wanted: WantedDistribution, stored: StoredDistribution) -> StoredDistribution:
        """Return ``stored`` unless its METADATA is not what the index told of it when it was chosen.

        What has no row in the table is in no environment: the object itself is as the wheel was.

        Raises:
            DigestMismatch: it was resolved with other metadata.
        """
        expected = self._rows.resolved_with(wanted.sha256)
        if expected is None:
            return stored
        from hashlib import sha256

        with open(os.path.join(stored.tree, read_plan(stored.plan).dist_info, "METADATA"), "rb") as file:
            found = sha256(file.read()).digest()
        if found != expected:
            raise DigestMismatch(
                f"{wanted.filename} holds other metadata than the index told of it",
                reason=f"sha256 {found.hex()} inside, {expected.hex()} when its requirements were read",
                hint="the index is wrong or was changed; report it to its owner, or exclude the version",
                file=wanted.filename,
            )
        return stored

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise _Cancelled


def _urgency(wanted: WantedDistribution) -> tuple[int, bool]:
    """The largest come first, so that the last to arrive is small; of unknown size, those that have native code."""
    return -wanted.size, wanted.filename.endswith("-any.whl")
