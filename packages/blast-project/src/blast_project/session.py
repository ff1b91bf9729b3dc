"""The services of one command, each opened when it is first used and closed together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from blast_pm.index.client import PyPiClient

    from blast_core.interpreter import Interpreter
    from blast_core.reporter import Reporter
    from blast_pm.index.model import IndexLocation
    from blast_pm.metadata.store import Database
    from blast_pm.store.cache import GlobalCache
    from blast_project.python.probe import InterpreterCache
    from blast_project.settings import Settings

__all__ = ["Session"]


class Session:
    """Opens the metadata database, the index client and the store for one command.

    Args:
        settings: what the user set.
        reporter: who is told of progress.
    """

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self.settings = settings
        self.reporter = reporter
        self._project_indexes: Sequence[IndexLocation] = ()
        self._database: Database | None = None
        self._client: PyPiClient | None = None
        self._cache: GlobalCache | None = None
        self._interpreters: InterpreterCache | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def use_indexes(self, locations: Sequence[IndexLocation]) -> None:
        """Say which indexes the project names; before the client is first used."""
        self._project_indexes = tuple(locations)

    @property
    def database(self) -> Database:
        """The metadata database of the store."""
        if self._database is None:
            from blast_pm.metadata.store import Database

            self._database = Database(os.path.join(self.settings.home, "store", "meta.lmdb"))
        return self._database

    @property
    def client(self) -> PyPiClient:
        """The client of the indexes that the settings, the project and pip's configuration lead to."""
        if self._client is None:
            self._client = _open_client(self.settings, self._project_indexes, self.database)
        return self._client

    @property
    def cache(self) -> GlobalCache:
        """The store of distributions."""
        if self._cache is None:
            from blast_pm.store.cache import GlobalCache

            self._cache = GlobalCache(self.settings.home, self.database)
        return self._cache

    @property
    def interpreters(self) -> InterpreterCache:
        """What is known of this machine's interpreters."""
        if self._interpreters is None:
            from blast_project.python.probe import InterpreterCache

            self._interpreters = InterpreterCache(self.settings.home)
        return self._interpreters

    def find_interpreter(self, request: str = "", requires_python: str = "") -> Interpreter:
        """Return the interpreter for ``request``, or for the settings' own request when it is empty.

        Raises:
            InterpreterNotFound: none answers.
        """
        from blast_project.python.discover import find_interpreter

        asked = self.settings.python or request
        return find_interpreter(asked, requires_python, self.settings.environ, self.settings.home, self.interpreters)

    def close(self) -> None:
        """Close what was opened; safe to call twice."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._database is not None:
            self._database.close()
            self._database = None


def _open_client(settings: Settings, project_indexes: Sequence[IndexLocation], database: Database) -> PyPiClient:
    from blast_pm.index.client import PyPiClient

    from blast_compat.pip_config import read_pip_configuration
    from blast_pm.index.default import default_locations

    locations = default_locations(
        settings.environ,
        cli_index_url=settings.index_url or None,
        project_indexes=project_indexes,
        pip=read_pip_configuration(settings.environ),
    )
    return PyPiClient(locations, database=database, offline=settings.offline)
