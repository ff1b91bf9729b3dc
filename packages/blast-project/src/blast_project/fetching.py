"""From wanted files to distributions in the store: what is missing is downloaded, all of it is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_pm.store.cache import StoredDistribution, WantedDistribution
    from blast_project.session import Session

__all__ = ["ensure_stored"]


def ensure_stored(session: Session, wanted: Sequence[WantedDistribution]) -> tuple[StoredDistribution, ...]:
    """Return ``wanted`` as they stand in the store, in the same order, fetching those that do not.

    Raises:
        OfflineError: one is missing and the network is forbidden.
        IndexAccessError, IntegrityError, StoreError: as fetching and storing do; what was stored by then stays.
    """
    found = session.cache.find([row.sha256 for row in wanted])
    missing = [row for row in wanted if row.sha256 not in found]
    if missing:
        session.reporter.step(f"Fetching {len(missing)} of {len(wanted)} packages")
        found = {**found, **session.cache.ensure(missing, _fetcher(session), session.reporter)}
    return tuple(found[row.sha256] for row in wanted)


def _fetcher(session: Session) -> Callable[[WantedDistribution, str, Callable[[int], None]], None]:
    from blast_pm.index.model import IndexFile

    client = session.client

    def fetch(row: WantedDistribution, destination: str, progress: Callable[[int], None]) -> None:
        url = client.url_of(row.index, row.path)
        file = IndexFile(row.filename, url, row.sha256, row.size, "", None, "", None, row.index)
        client.download(file, destination, progress)

    return fetch
