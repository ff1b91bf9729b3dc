"""What a sync installs from elsewhere than an index: from addresses and paths, and the project itself."""

from __future__ import annotations

from blast_core.formats.dpl.model import LockedSource
from blast_project.source_install import WantedSource, ensure_sources, wanted_sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.interpreter import Interpreter
    from blast_pm.store.cache import StoredDistribution
    from blast_project.project import Project
    from blast_project.session import Session
    from blast_project.wanted import Wanted

__all__ = ["from_sources", "own_distribution"]


def from_sources(
    session: Session, project: Project, wanted: Wanted, interpreter: Interpreter
) -> tuple[tuple[StoredDistribution, ...], dict[str, bytes]]:
    """Return what is installed from addresses and paths, and what is told of their origin by name."""
    rows = [(name, version, LockedSource(*source)) for name, version, source in wanted.sources]
    found = ensure_sources(session, project.root, wanted_sources(rows), interpreter)
    return found.stored, found.direct_urls


def own_distribution(
    session: Session, project: Project, interpreter: Interpreter
) -> tuple[tuple[StoredDistribution, ...], dict[str, bytes]]:
    """Return the project itself as it is installed, and its direct_url.json by name."""
    import json

    from blast_project.building import editable_project

    if not session.settings.wishes.keeps_editable(project.name):
        row = WantedSource(project.name, "", LockedSource("path", ".", "", "", ""))
        found = ensure_sources(session, project.root, [row], interpreter)
        return found.stored, found.direct_urls
    url = "file://" + _quoted(project.root)
    direct = json.dumps({"url": url, "dir_info": {"editable": True}}, sort_keys=True).encode()
    return (editable_project(session, project, interpreter),), {project.name: direct}


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)
