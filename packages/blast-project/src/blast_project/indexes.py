"""Which indexes a command asks: the project's own, the user's, pip's, with their credentials and connection options."""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_compat.pyproject import Manifest
    from blast_core.reporter import Reporter
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.credentials import CredentialStore
    from blast_pm.index.model import IndexLocation
    from blast_pm.metadata.store import Database
    from blast_project.settings import Settings

__all__ = ["ProjectIndexes", "named_indexes", "open_client", "project_indexes", "split_name"]


class ProjectIndexes(NamedTuple):
    """What a project says of indexes.

    Attributes:
        locations: the indexes that it names.
        pins: by project name the index that a requirement is pinned to.
        strategy: which indexes count for a project that several have; "" for the first.
        keyring_provider: how the keyring is asked; "" where it doesn't say.
    """

    locations: tuple[IndexLocation, ...] = ()
    pins: tuple[tuple[str, str], ...] = ()
    strategy: str = ""
    keyring_provider: str = ""


def project_indexes(manifest: Manifest) -> ProjectIndexes:
    """Return what ``[[tool.blast.index]]``, ``[[tool.uv.index]]`` and the sources of kind ``index`` say.

    Relative paths start from the manifest's directory.

    Raises:
        UsageError: an index has an address that is none.
    """
    tool = manifest.tool
    tables = tool.get("index", [])
    strategy, keyring_provider = str(tool.get("index-strategy", "")), str(tool.get("keyring-provider", ""))
    if not tables and not manifest.sources:
        return ProjectIndexes((), (), strategy, keyring_provider)
    from blast_pm.index.default import make_location

    root = os.path.dirname(os.path.abspath(manifest.path))
    locations = tuple(
        make_location(
            str(table.get("name") or f"index-{number}"),
            _address(str(table["url"]), root),
            default=bool(table.get("default", False)),
            flat=table.get("format") == "flat",
            explicit=bool(table.get("explicit", False)),
        )._replace(absent=tuple(table.get("ignore-error-codes", ())))
        for number, table in enumerate(tables, 1)
    )
    pins = tuple(
        (name, str(source["index"]))
        for name, sources in manifest.sources.items()
        for source in sources
        if "index" in source
    )
    return ProjectIndexes(locations, pins, strategy, keyring_provider)


def _address(url: str, root: str) -> str:
    """Return an address as it is, and a path from ``root``."""
    return url if "://" in url or url.startswith(("file:", "~")) else os.path.join(root, url)


def open_client(
    settings: Settings,
    indexes: ProjectIndexes,
    database: Database,
    reporter: Reporter | None = None,
    *,
    in_memory: bool = False,
) -> PyPiClient:
    """Return a client for the project's indexes, the user's and those that pip's configuration leads to.

    Args:
        settings: what the user set.
        indexes: of the project.
        database: where answers are kept.
        reporter: who is told what a user should know.
        in_memory: no file is made.

    Raises:
        UsageError: an address or a configuration file is wrong, or no index is known at all.
    """
    from blast_compat.pip_config import read_pip_configuration
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.default import default_locations
    from blast_pm.index.transport.options import network_options

    _check_directory(settings.index_url)
    pip = read_pip_configuration(settings.environ)
    # What pip says is remembered there; where no file may be made, only what is remembered is asked for.
    home = settings.home if not in_memory or os.path.exists(os.path.join(settings.home, "index-default")) else ""
    locations = default_locations(
        settings.environ,
        cli_index_url=settings.index_url or None,
        project_indexes=_with_options(settings, indexes.locations),
        pip=pip,
        home=home,
        links=_links(settings),
        no_index=settings.policy.no_index,
    )
    # Which library connects, and why a keyring stays silent, is for those who look for a fault.
    note = reporter.note if reporter is not None and settings.verbose else None

    def credentials() -> CredentialStore:
        # Only a client that really asks an index needs to know who is known where.
        from blast_compat.netrc import find_netrc, read_netrc
        from blast_pm.index.credentials import CredentialStore
        from blast_pm.index.keyring import Keyring

        netrc = find_netrc(settings.environ)
        entries = read_netrc(netrc) if os.path.isfile(netrc) else ()
        provider = settings.keyring_provider or indexes.keyring_provider or pip.keyring_provider or "auto"
        return CredentialStore(locations, settings.environ, entries, Keyring(provider, settings.environ, note))

    return PyPiClient(
        locations,
        database=database,
        offline=settings.offline,
        refresh=settings.refresh,
        refresh_names=settings.refresh_packages,
        strategy=settings.index_strategy or indexes.strategy or "first-index",
        pins=dict(indexes.pins),
        credentials=credentials,
        network=network_options(settings.environ, pip),
        staging=None if in_memory else os.path.join(settings.home, "tmp"),
        note=note,
        warn=reporter.note if reporter is not None else None,
    )


def _with_options(settings: Settings, locations: tuple[IndexLocation, ...]) -> tuple[IndexLocation, ...]:
    """Return the indexes of options before those of the project; one of the same name takes its place.

    Raises:
        UsageError: an option has an address that is none.
    """
    if not settings.policy.indexes:
        return locations
    from blast_pm.index.default import make_location

    asked = []
    for name, url in named_indexes(settings.policy.indexes):
        _check_directory(url)
        asked.append(make_location(name, _address(url, settings.directory)))
    names = {location.name for location in asked}
    return (*asked, *(location for location in locations if location.name not in names))


def _links(settings: Settings) -> tuple[IndexLocation, ...]:
    """Return what ``--find-links`` names.

    Raises:
        UsageError: it is neither an address, nor a directory or page that there is.
    """
    if not settings.policy.find_links:
        return ()
    from blast_pm.index.default import make_location

    found = []
    for number, text in enumerate(settings.policy.find_links, 1):
        place = _address(text, settings.directory)
        if "://" not in place and not place.startswith("file:") and not os.path.exists(os.path.expanduser(place)):
            raise UsageError(
                f"--find-links {text}: there is no such directory or page",
                hint="an address begins with https:// or file://",
            )
        found.append(make_location(f"links-{number}", place, flat=True)._replace(joined=True))
    return tuple(found)


def named_indexes(options: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return name and address of what ``--index`` says; without a name it is counted."""
    rows = []
    for number, option in enumerate(options, 1):
        name, url = split_name(option)
        rows.append((name or f"option-{number}", url))
    return tuple(rows)


def split_name(option: str) -> tuple[str, str]:
    """Return name and address of what one ``--index`` says; the name may be missing."""
    name, equals, url = option.partition("=")
    has_name = equals and name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return (name, url) if has_name else ("", option)


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
