"""Which indexes a command asks: the project's own, the user's, pip's, with their credentials and connection options."""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_compat.pyproject import Manifest
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.credentials import CredentialStore
    from blast_pm.index.model import IndexLocation
    from blast_pm.metadata.store import Database
    from blast_project.settings import Settings

__all__ = ["ProjectIndexes", "open_client", "project_indexes"]


class ProjectIndexes(NamedTuple):
    """The indexes that a project names, and by project name the index that a requirement is pinned to."""

    locations: tuple[IndexLocation, ...] = ()
    pins: tuple[tuple[str, str], ...] = ()


def project_indexes(manifest: Manifest) -> ProjectIndexes:
    """Return what ``[[tool.blast.index]]`` and the sources of kind ``index`` say.

    Raises:
        UsageError: an index has an address that is none.
    """
    tables = manifest.tool.get("index", [])
    if not tables and not manifest.sources:
        return ProjectIndexes()
    from blast_pm.index.default import make_location

    locations = tuple(
        make_location(
            str(table.get("name") or f"index-{number}"),
            str(table["url"]),
            default=bool(table.get("default", False)),
            flat=table.get("format") == "flat",
            explicit=bool(table.get("explicit", False)),
        )
        for number, table in enumerate(tables, 1)
    )
    pins = tuple(
        (name, str(source["index"]))
        for name, sources in manifest.sources.items()
        for source in sources
        if "index" in source
    )
    return ProjectIndexes(locations, pins)


def open_client(settings: Settings, indexes: ProjectIndexes, database: Database) -> PyPiClient:
    """Return a client for the project's indexes, the user's and those that pip's configuration leads to.

    Raises:
        UsageError: an address or a configuration file is wrong, or no index is known at all.
    """
    from blast_compat.pip_config import read_pip_configuration
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.default import default_locations
    from blast_pm.index.transport.options import network_options

    _check_directory(settings.index_url)
    pip = read_pip_configuration(settings.environ)
    locations = default_locations(
        settings.environ,
        cli_index_url=settings.index_url or None,
        project_indexes=indexes.locations,
        pip=pip,
        home=settings.home,
    )

    def credentials() -> CredentialStore:
        # Only a client that really asks an index needs to know who is known where.
        from blast_compat.netrc import find_netrc, read_netrc
        from blast_pm.index.credentials import CredentialStore

        netrc = find_netrc(settings.environ)
        return CredentialStore(locations, settings.environ, read_netrc(netrc) if os.path.isfile(netrc) else ())

    return PyPiClient(
        locations,
        database=database,
        offline=settings.offline,
        refresh=settings.refresh,
        pins=dict(indexes.pins),
        credentials=credentials,
        network=network_options(settings.environ, pip),
        staging=os.path.join(settings.home, "tmp"),
    )


def _check_directory(index_url: str) -> None:
    """Refuse an index that was named on purpose and is neither an address nor a directory.

    Directories of pip's configuration may be missing, as pip has it.

    Raises:
        UsageError: there is no such directory.
    """
    if index_url and "://" not in index_url and not os.path.isdir(os.path.expanduser(index_url)):
        raise UsageError(
            f"there is no index at {index_url}",
            reason="it is neither an address nor a directory",
            hint="an address begins with https:// or file://",
        )
