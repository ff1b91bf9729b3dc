"""A store below the user's own: an administrator's, or that of a base image. It is read, and never written to.

What it holds is linked from where it is; what it lacks, and all that is made, goes into the user's store. It is leased
by nobody and cleaned by nobody but its owner. When it vanishes, environments that link into it are found broken, and
the next sync takes what they need from the index into the user's store.
"""

from __future__ import annotations

import os

from blast_pm.store.home import StorePaths
from blast_pm.store.rows import StoredDistribution, TreeRows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_pm.metadata.store import Database

__all__ = ["SiteStore", "find_site"]


def find_site(site: str, home: str) -> SiteStore | None:
    """Return the site store at ``site``; None where there is none, or where it is the user's own."""
    if not site or os.path.realpath(site) == os.path.realpath(home):
        return None
    return SiteStore(site)


class SiteStore:
    """Looks things up in a store that is not the user's; opened by the first use.

    Args:
        home: its ``BLAST_HOME``.
    """

    __slots__ = ("_database", "_rows", "paths")

    def __init__(self, home: str) -> None:
        self.paths = StorePaths(home)
        self._database: Database | None = None
        self._rows: TreeRows | None = None

    def find(self, sha256s: Iterable[str]) -> dict[str, StoredDistribution]:
        """Return what of these it holds, by sha256; a store that is missing or can't be read holds nothing."""
        from blast_core.errors import StoreError
        from blast_pm.install.plan import is_current_plan

        try:
            found = self._open().find(sha256s)
        except StoreError:
            return {}
        for sha256, stored in list(found.items()):
            if not is_current_plan(stored.plan):
                adopted = self._plan_again(stored)
                if adopted is None:
                    del found[sha256]
                else:
                    found[sha256] = adopted
        return found

    def close(self) -> None:
        """Close its database; a later use opens it again."""
        if self._database is not None:
            self._database.close()
            self._database = self._rows = None

    def _open(self) -> TreeRows:
        if self._rows is None:
            from blast_pm.metadata.store import Database

            self._database = Database(os.path.join(self.paths.home, "store", "meta.lmdb"), readonly=True)
            self._rows = TreeRows(self._database, self.paths.trees, readonly=True)
        return self._rows

    def _plan_again(self, stored: StoredDistribution) -> StoredDistribution | None:
        from blast_pm.store.ingest import adopt_object

        return adopt_object(stored.blake3, stored.sha256, self.paths)
