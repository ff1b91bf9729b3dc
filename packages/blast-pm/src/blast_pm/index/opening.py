"""A client made from everything that a user may have configured."""

from __future__ import annotations

from blast_pm.index.client import PyPiClient
from blast_pm.index.default import default_locations
from blast_pm.index.transport.options import network_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from blast_core.pip_configuration import NetrcEntry, PipConfiguration
    from blast_pm.index.credentials import CredentialStore
    from blast_pm.index.model import IndexLocation
    from blast_pm.metadata.store import Database

__all__ = ["open_client"]


def open_client(  # noqa: PLR0913 - one argument per place of configuration
    environ: Mapping[str, str],
    database: Database,
    *,
    home: str = "",
    pip: PipConfiguration | None = None,
    netrc: Callable[[], Iterable[NetrcEntry]] = tuple,
    cli_index_url: str | None = None,
    project_indexes: Sequence[IndexLocation] = (),
    user_config: Sequence[IndexLocation] = (),
    pins: Mapping[str, str] | None = None,
    offline: bool = False,
    refresh: bool = False,
) -> PyPiClient:
    """Return a client for the indexes that all configuration together leads to.

    Args:
        environ: see `default_locations`, `network_options` and `CredentialStore` for the variables that count.
        database: where answers are kept.
        home: ``BLAST_HOME``.
        pip: pip's configuration.
        netrc: returns the entries of the user's netrc; called when something is really fetched.
        cli_index_url: of the command line.
        project_indexes: of the project.
        user_config: of the user's configuration.
        pins: names of the indexes that projects are pinned to.
        offline: refuse the network.
        refresh: ask again even for what is fresh.

    Raises:
        UsageError: an address, a number or a certificate that can't be used.
    """
    locations = default_locations(environ, cli_index_url, project_indexes, user_config, pip=pip, home=home)

    def credentials() -> CredentialStore:
        from blast_pm.index.credentials import CredentialStore

        return CredentialStore(locations, environ, netrc())

    return PyPiClient(
        locations,
        database=database,
        offline=offline,
        refresh=refresh,
        pins=pins,
        credentials=credentials,
        network=network_options(environ, pip),
    )
