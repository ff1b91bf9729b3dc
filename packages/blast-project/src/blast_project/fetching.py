"""From wanted files to distributions in the store: what is missing is downloaded, all of it is verified."""

from __future__ import annotations

from blast_project.wanted import is_sdist

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.index.model import IndexFile
    from blast_pm.store.cache import StoredDistribution, WantedDistribution
    from blast_project.session import Session

__all__ = ["ensure_stored", "fetcher_of"]


def ensure_stored(
    session: Session, wanted: Sequence[WantedDistribution], interpreter: Interpreter, *, for_build: bool = False
) -> tuple[StoredDistribution, ...]:
    """Return ``wanted`` as they stand in the store, in the same order, fetching or building those that do not.

    Args:
        session: services.
        wanted: by name.
        interpreter: for builds.
        for_build: something else that will be wanted is on its way meanwhile; see ``EarlyDownloads.settle``.

    Raises:
        OfflineError: one is missing and the network is forbidden.
        BuildFailed: a source distribution can't be built.
        IndexAccessError, IntegrityError, StoreError: as fetching and storing do; what was stored by then stays.
    """
    wheels = [row for row in wanted if not is_sdist(row.filename)]
    found = session.cache.find([row.sha256 for row in wheels])
    missing = [row for row in wheels if row.sha256 not in found]
    if missing:
        session.reporter.step(f"Preparing {len(missing)} of {len(wanted)} packages")
        session.client.flush()  # the store compares each wheel with the metadata that it was chosen by
        found = {
            **found,
            **session.cache.ensure(missing, _taker(session, missing, settles=not for_build), session.reporter),
        }
    for row in wanted:
        if is_sdist(row.filename):
            from blast_project.building import build_sdist

            found[row.sha256] = build_sdist(session, _as_file(session, row), interpreter)
    return tuple(found[row.sha256] for row in wanted)


def fetcher_of(session: Session) -> Callable[[WantedDistribution, str, Callable[[int], None]], str]:
    """Return what brings a wheel from its index; see ``GlobalCache.ensure``."""
    client = session.client

    def fetch(row: WantedDistribution, destination: str, progress: Callable[[int], None]) -> str:
        return client.download(_as_file(session, row), destination, progress)

    return fetch


def _taker(
    session: Session, missing: Sequence[WantedDistribution], *, settles: bool
) -> Callable[[WantedDistribution, str, Callable[[int], None]], str]:
    """Return what brings a wheel from where it came early, or from its index."""
    fetch = fetcher_of(session)
    if not session.has_early:
        return fetch
    early = session.early
    if settles:
        came, wheels = early.settle({row.sha256 for row in missing})
        if session.settings.verbose and wheels:
            session.reporter.note(f"{came / 1e6:.1f} MB of {wheels} wheels came while it was resolved")

    def take(row: WantedDistribution, destination: str, progress: Callable[[int], None]) -> str:
        return early.take(row.sha256, destination, progress) or fetch(row, destination, progress)

    return take


def _as_file(session: Session, row: WantedDistribution) -> IndexFile:
    from blast_pm.index.model import IndexFile

    url = session.client.url_of(row.index, row.path)
    return IndexFile(row.filename, url, row.sha256, row.size, "", None, "", None, row.index)
