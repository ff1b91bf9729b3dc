"""`GlobalCache`: the store of distributions, as everything above sees it."""

from __future__ import annotations

import os

from blast_core.errors import ObjectMissing
from blast_pm.store.durability import begin_mark, pending_trees
from blast_pm.store.home import StorePaths
from blast_pm.store.leases import ObjectLease, hold_store
from blast_pm.store.rows import StoredDistribution, TreeRows
from blast_pm.store.wanted import WantedDistribution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from blast_core.formats.dpp.convert import Converted
    from blast_core.reporter import Reporter
    from blast_pm.metadata.store import Database
    from blast_pm.store.layers import SiteStore
    from blast_pm.store.locks import Lock
    from blast_pm.store.objects import StoredObject
    from blast_pm.store.sizes import StoreSize
    from blast_pm.store.verify import ObjectReport

__all__ = ["GlobalCache", "StoredDistribution", "WantedDistribution"]

# Downloads wait for the network most of their time, and indexes allow a client a few dozen connections.
_WORKERS = 16
_LOCK_TIMEOUT_S = 30.0


class GlobalCache:
    """The content-addressed store below one home.

    Methods may be called from any thread and any number of processes at once.

    Args:
        home: ``BLAST_HOME``; nothing is created until something is stored.
        database: the home's metadata database, which stays the caller's to close.
        site: another store, which is only read; empty for none.
    """

    __slots__ = ("_database", "_lease", "_paths", "_rows", "_site")

    def __init__(self, home: str, database: Database, site: str = "") -> None:
        self._paths = StorePaths(home)
        self._database = database
        self._rows = TreeRows(database, self._paths.trees)
        self._lease = ObjectLease(self._paths.home)
        self._site: SiteStore | None = None
        if site:
            from blast_pm.store.layers import find_site

            self._site = find_site(site, self._paths.home)

    @property
    def paths(self) -> StorePaths:
        """Where its parts lie."""
        return self._paths

    @property
    def rows(self) -> TreeRows:
        """The table of what it holds, the site store's left out."""
        return self._rows

    @property
    def database(self) -> Database:
        """The database that the table is in."""
        return self._database

    @property
    def site(self) -> SiteStore | None:
        """The read-only store below this one; None for none."""
        return self._site

    def close(self) -> None:
        """Give back the lease on what was looked up; safe to call twice. What was found may be removed from now on.

        What was stored is flushed to the disk by a process beside.
        """
        self._lease.release()
        if pending_trees(self._paths.home):
            from blast_pm.store.flushing import flush_later

            # This process may yet become another program.
            flush_later(self._paths.home, becomes=True)
        if self._site is not None:
            self._site.close()

    def find(self, sha256s: Iterable[str]) -> dict[str, StoredDistribution]:
        """Return what of these is in the store, by the wheel's sha256. No network.

        All of them, found or not, are leased until `close`: nobody removes them. A plan that another version of Blast
        made is made again from the wheel, and kept. What only the site store has is found there.

        Raises:
            StoreLocked: somebody has been removing objects for half a minute.
            StoreError: the disk has no room for the lease.

        Cost: a small file, once; one read transaction for all, then one lstat per distribution: is its tree there?
        """
        from blast_pm.install.plan import is_current_plan

        wanted = list(sha256s)
        self._lease_all(wanted)
        found = self._rows.find(wanted)
        stale = [stored for stored in found.values() if not is_current_plan(stored.plan)]
        if stale:
            found = self._plan_again(found, stale)
        if self._site is not None and len(found) < len(wanted):
            found |= self._site.find(sha256 for sha256 in wanted if sha256 not in found)
        return found

    def _lease_all(self, sha256s: Iterable[str]) -> None:
        with self.in_use():
            try:
                self._lease.add(sha256s)
            except OSError as error:
                from blast_pm.store.failures import explain_failure

                raise explain_failure(error, "use the store") from error

    def _plan_again(
        self, found: dict[str, StoredDistribution], stale: Sequence[StoredDistribution]
    ) -> dict[str, StoredDistribution]:
        from blast_pm.store.ingest import adopt_object

        for stored in stale:
            adopted = adopt_object(stored.blake3, stored.sha256, self._paths)
            if adopted is None:
                del found[stored.sha256]
            else:
                found[stored.sha256] = adopted
        again = [found[stored.sha256] for stored in stale if stored.sha256 in found]
        # Whether they were marked is not known here: those of today are marked anew.
        self._rows.put(again, begin_mark(self._paths.home, [stored.tree for stored in again]))
        return found

    def ensure(
        self,
        wanted: Sequence[WantedDistribution],
        fetch: Callable[[WantedDistribution, str, Callable[[int], None]], str | None],
        reporter: Reporter,
        workers: int = _WORKERS,
    ) -> dict[str, StoredDistribution]:
        """Return all of ``wanted`` by sha256, having fetched, checked and unpacked what was not there.

        Args:
            wanted: in any order; the same wheel may stand in it twice.
            fetch: ``fetch(wanted, path, progress)`` writes the wheel to ``path`` and calls ``progress`` with the number
                of bytes that came; it is called from several threads. If it returns the sha256 of what it wrote, this
                is not computed again.
            reporter: who is told of progress.
            workers: how many wheels are on their way at once.

        Raises:
            DigestMismatch: a wheel is not the one that was asked for.
            IntegrityError: a wheel is malformed or hostile.
            StoreError: the disk is full, read-only or otherwise refuses.
            BlastError: what ``fetch`` raised.

        The first error ends it; objects that were finished till then stay and are found the next time.
        """
        stored = self.find(one.sha256 for one in wanted)
        missing = list({one.sha256: one for one in wanted if one.sha256 not in stored}.values())
        if missing and os.path.isdir(self._paths.archives) and self._rows.is_empty():
            stored |= self._adopt({one.sha256 for one in missing}, reporter)
            missing = [one for one in missing if one.sha256 not in stored]
        if missing:
            from blast_pm.store.fetching import store_all

            # What is on its way is leased, so that nobody who removes objects has to wait for the network.
            stored |= store_all(missing, fetch, self._paths, self._rows, reporter, workers)
        else:
            self._sweep()
        return stored

    def _adopt(self, sha256s: set[str], reporter: Reporter) -> dict[str, StoredDistribution]:
        """Enter objects again whose rows went with a damaged database."""
        from blast_pm.store.adopting import adopt_objects

        with self.in_use():
            found = adopt_objects(self._paths, self._rows, sha256s)
        if found:
            reporter.note(f"the database of the store was lost; {len(found)} distributions were found without it")
        return found

    def add_wheel(self, path: str, filename: str | None = None, *, editable: bool = False) -> StoredDistribution:
        """Store a wheel that lies on this machine, and return it.

        Args:
            path: the wheel.
            filename: its real name, if ``path`` ends in another.
            editable: it was built here for an editable install, so its path files may lead out of the environment.

        Raises:
            IntegrityError: it is malformed or hostile.
            StoreError: it can't be read, or the disk refuses.
        """
        from blast_core.archive.wheel import Policy
        from blast_pm.store.local import add_wheel

        name = filename or os.path.basename(path)
        with self.in_use():
            stored = add_wheel(path, name, self._paths, self._rows, Policy(editable=editable))
            self._lease.add([stored.sha256])
            return stored

    def get_path(self, blake3: str) -> str:
        """Return the path of a wheel.

        Raises:
            ObjectMissing: the store does not hold it.
        """
        path = self._paths.archive(blake3)
        if not os.path.isfile(path):
            raise ObjectMissing(
                f"the store holds no wheel {blake3}",
                hint="'blast sync' fetches what a project needs",
                blake3=blake3,
            )
        return path

    def write_container(self, blake3: str, path: str, filename: str = "") -> Converted:
        """Write the DPP of a stored distribution to ``path``, which must not exist.

        It is made when it is asked for, from the wheel, and equals the one that ``blast dpp pack`` makes of that.

        Args:
            blake3: of the wheel.
            path: the new file.
            filename: the wheel's on the index; without it, the one that it should have by what is in it.

        Raises:
            ObjectMissing: the store does not hold the distribution.
            IntegrityError: its wheel is damaged.
            OSError: ``path`` can't be written.
        """
        from blast_core.formats.dpp.convert import convert_wheel
        from blast_pm.store.archives import ANY, StoredWheel

        with StoredWheel(self.get_path(blake3)) as archive:
            return convert_wheel(archive.path, path, filename=filename or archive.wheel.filename, policy=ANY)

    def in_use(self) -> Lock:
        """Keep others from removing objects until the answer, a context manager, is left.

        For moments: what is looked up by `find` is leased, and needs no lock. Removing waits for it a little.

        Raises:
            StoreLocked: somebody has been removing objects for half a minute.
        """
        return hold_store(self._paths, _LOCK_TIMEOUT_S, shared=True)

    def size(self) -> StoreSize:
        """Return how much the store holds. Cost: a stat per file of all trees."""
        from blast_pm.store.sizes import measure_store

        return measure_store(self._paths)

    def iter_objects(self) -> Iterator[StoredObject]:
        """Yield every wheel with its tree and what the table knows of it, by BLAKE3."""
        from blast_pm.store.objects import iter_objects

        return iter_objects(self._paths, self._rows)

    def remove_object(self, blake3: str) -> None:
        """Remove a wheel, its tree and its rows; environments that link to the tree break.

        Raises:
            StoreLocked: the store is in use.
            StoreError: the disk refuses.
        """
        from blast_pm.store.objects import remove_object

        with hold_store(self._paths, _LOCK_TIMEOUT_S, shared=False):
            remove_object(blake3, self._paths, self._rows)

    def verify_object(self, blake3: str) -> ObjectReport:
        """Compare a tree with its wheel, file by file, and the wheel with its name. Nothing is changed.

        Raises:
            ObjectMissing: there is no such wheel.
        """
        from blast_pm.store.verify import verify_object

        return verify_object(self.get_path(blake3), blake3, self._paths)

    def repair_object(self, blake3: str) -> ObjectReport:
        """Unpack a tree anew from its wheel if it differs, and return what was wrong.

        A tree that differs is swapped for the new one in one instant, so environments that link into it go on working.

        Raises:
            ObjectMissing: there is no such wheel, or it is itself damaged: it is removed then, to be fetched again.
            StoreError: the disk refuses.
        """
        from blast_pm.store.objects import repair_object

        with self.in_use():
            return repair_object(self.get_path(blake3), blake3, self._paths, self._rows)

    def _sweep(self) -> None:
        # Killed after its last row a process leaves nothing to fetch, and its staging directory nevertheless.
        try:
            if not os.listdir(self._paths.staging):
                return
        except OSError:
            return
        from blast_pm.store.staging import sweep_staging

        sweep_staging(self._paths.staging)
