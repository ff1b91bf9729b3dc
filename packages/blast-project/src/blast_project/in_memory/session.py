"""The services of a run in memory: each as in a `Session`, and none makes a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import InstallError
from blast_project.in_memory.database import MemoryDatabase
from blast_project.python.probe import InterpreterCache
from blast_project.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_core.reporter import Reporter
    from blast_pm.index.client import PyPiClient
    from blast_pm.metadata.store import Database
    from blast_pm.sources.archives import SourceArchives
    from blast_pm.sources.git import GitRepositories
    from blast_pm.store.cache import GlobalCache
    from blast_pm.store.rows import StoredDistribution
    from blast_project.settings import Settings

__all__ = ["MemorySession", "find_stored"]


class MemorySession(Session):
    """Opens services that keep what they learn in memory."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        super().__init__(settings, reporter)
        self.keeps = False

    @property
    def database(self) -> Database:
        """What the store's database says, and what this run learned."""
        if self._database is None:
            self._database = MemoryDatabase(os.path.join(self.settings.home, "store", "meta.lmdb"))
        return self._database

    @property
    def client(self) -> PyPiClient:
        """The client of the indexes."""
        if self._client is None:
            from blast_project.indexes import ProjectIndexes, open_client

            indexes = self._indexes or ProjectIndexes()
            self._client = open_client(self.settings, indexes, self.database, self.reporter, in_memory=True)
        return self._client

    @property
    def cache(self) -> GlobalCache:
        """Nothing: the store is read by `find_stored`, and what else asks for it wants to put something there.

        Raises:
            InstallError: always.
        """
        raise _needs_files("something has to be built")

    @property
    def repositories(self) -> GitRepositories:
        """Nothing: a clone is made of files.

        Raises:
            InstallError: always.
        """
        raise _needs_files("a repository has to be cloned")

    @property
    def archives(self) -> SourceArchives:
        """Nothing: what has an address of its own may have to be unpacked.

        Raises:
            InstallError: always.
        """
        raise _needs_files("something is required by its address")

    @property
    def interpreters(self) -> InterpreterCache:
        """What is known of this machine's interpreters."""
        if self._interpreters is None:
            self._interpreters = _UnwrittenCache(self.settings.home)
        return self._interpreters


def _needs_files(why: str) -> InstallError:
    return InstallError(
        "this can't be run from memory",
        reason=f"{why}, which needs files",
        hint="without '--spill never' it gets a private file system in memory",
        spill=True,
    )


class _UnwrittenCache(InterpreterCache):
    """Reads the answers that are kept; new ones are kept for this run."""

    def _save(self, rows: dict[str, tuple[tuple[int, int], dict[str, object]]]) -> None:
        self._rows = rows


def find_stored(session: Session, sha256s: Iterable[str]) -> dict[str, StoredDistribution]:
    """Return what of these wheels the store has, by sha256; nothing is leased, since a lease is a file.

    What would have to be mended first, or is of another version of Blast, counts as missing.
    """
    from blast_core.home import find_site_store
    from blast_pm.store.layers import SiteStore, find_site

    wanted = list(sha256s)
    if not os.path.isdir(session.settings.home):
        return {}
    own = SiteStore(session.settings.home)
    found = own.find(wanted)
    own.close()
    site = find_site(find_site_store(session.settings.environ), session.settings.home)
    if site is not None and len(found) < len(wanted):
        found |= site.find(sha256 for sha256 in wanted if sha256 not in found)
        site.close()
    return found
