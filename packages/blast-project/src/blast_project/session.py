"""The services of one command, each opened when it is first used and closed together."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from blast_compat.pyproject import Manifest
    from blast_core.interpreter import Interpreter
    from blast_core.reporter import Reporter
    from blast_pm.index.client import PyPiClient
    from blast_pm.metadata.policy import FilePolicy
    from blast_pm.metadata.source import RegistryMetadata
    from blast_pm.metadata.store import Database
    from blast_pm.sources.archives import SourceArchives
    from blast_pm.sources.git import GitRepositories
    from blast_pm.store.cache import GlobalCache
    from blast_pm.store.early import EarlyDownloads
    from blast_project.build_options import BuildOptions
    from blast_project.indexes import ProjectIndexes
    from blast_project.policy import Policy
    from blast_project.python.probe import InterpreterCache
    from blast_project.selection import GroupSelection
    from blast_project.settings import PolicyOptions, Settings

__all__ = ["Session"]

# Variables that the hot path takes from the environment alone.
_FOR_THE_LONG_WAY = ("BLAST_HOME", "BLAST_PROJECT_ENVIRONMENT", "BLAST_QUIET")


class Session:
    """Opens the metadata database, the index client and the store for one command.

    Args:
        settings: what the user set.
        reporter: who is told of progress.
    """

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self.settings = settings
        self.reporter = reporter
        #: Whether what is learned on the way may be kept in files.
        self.keeps = True
        self._indexes: ProjectIndexes | None = None
        self._manifest: Manifest | None = None
        self._policy: Policy | None = None
        self._began_s = 0.0
        self._database: Database | None = None
        self._client: PyPiClient | None = None
        self._cache: GlobalCache | None = None
        self._early: EarlyDownloads | None = None
        self._interpreters: InterpreterCache | None = None
        self._build_options: BuildOptions | None = None
        self._repositories: GitRepositories | None = None
        self._archives: SourceArchives | None = None
        self._config_keys: dict[str, str] = {}
        #: Keys of what was built by this command, which isn't built again though everything shall be.
        self.rebuilt: set[bytes] = set()
        #: sha256 by name that files of build environments must have one of, and whether all must have; None for any.
        self.build_hashes: tuple[Mapping[str, frozenset[str]], bool] | None = None
        #: Interpreter of the environment in which is built what shall not be isolated; "" while there is none.
        self.shared_python = ""
        #: What the last resolution of loose requirements was answered from; None before.
        self.answered_from: RegistryMetadata | None = None
        #: For which interpreter the project will be installed as soon as it is locked, and which groups; else None.
        self.installing: tuple[Interpreter, GroupSelection] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def use_project(self, manifest: Manifest) -> None:
        """Say which project this is about, whose indexes and policy count; before the client is first used."""
        self._manifest, self._policy, self._build_options = manifest, None, None
        if self._client is None:
            from blast_project.indexes import project_indexes

            self._indexes = project_indexes(manifest)

    def use_project_around(self) -> None:
        """Let the project around the directory count, if there is one: its indexes, and which versions and files.

        Raises:
            InvalidManifest: its manifest can't be read or is wrong.
        """
        from blast_project.project import find_root, load_project

        root = find_root(self.settings.directory)
        if root is not None:
            self.use_project(load_project(root, self.settings.home).manifest)

    def config_key(self, root: str) -> str:
        """Return what stands for the files of settings in the digest of options, as they were at the first question.

        The hot path knows less of settings than of their files' stamps: where they say what it doesn't understand, the
        key is one that it never comes to.
        """
        if root not in self._config_keys:
            from blast_project.hot_key import config_key, has_unknown_options

            configured = self.settings.configured
            key = config_key(self.settings.environ, root)
            unknown = has_unknown_options(configured) or any(name in configured for name in _FOR_THE_LONG_WAY)
            self._config_keys[root] = key + "!" if unknown else key
        return self._config_keys[root]

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
            from blast_project.indexes import ProjectIndexes, open_client

            indexes = self._indexes or ProjectIndexes()
            self._client = open_client(self.settings, indexes, self.database, self.reporter)
        return self._client

    @property
    def policy(self) -> Policy:
        """Which versions and files count, by the options and the project; moments are fixed when it is first asked.

        Raises:
            UsageError: an option has a value that it can't have.
        """
        if self._policy is None:
            from blast_project.policy import read_policy

            if not self._began_s:
                import time

                self._began_s = time.time()
            tool = self._manifest.tool if self._manifest is not None else {}
            self._policy = read_policy(self.settings.policy, tool, self._began_s)
        return self._policy

    @property
    def build_options(self) -> BuildOptions:
        """How source trees are built.

        Raises:
            InvalidManifest: a setting of ``[tool.blast]`` about builds is wrong.
        """
        if self._build_options is None:
            from blast_project.build_options import read_build_options
            from blast_project.install_wishes import with_build_wishes

            options = read_build_options(self._manifest.tool if self._manifest is not None else {})
            self._build_options = with_build_wishes(options, self.settings.wishes)
        return self._build_options

    @property
    def repositories(self) -> GitRepositories:
        """The clones of git repositories."""
        if self._repositories is None:
            from blast_pm.sources.git import GitRepositories

            settings = self.settings
            self._repositories = GitRepositories(
                settings.home, settings.environ, offline=settings.offline, reporter=self.reporter
            )
        return self._repositories

    @property
    def archives(self) -> SourceArchives:
        """The archives that are named by address."""
        if self._archives is None:
            from blast_pm.sources.archives import SourceArchives

            settings = self.settings
            self._archives = SourceArchives(settings.home, self.client, self.database, refresh=settings.refresh)
        return self._archives

    def add_wishes(self, wishes: PolicyOptions) -> None:
        """Take in what a requirements file says of pre-releases and kinds of files; options go before, lists add up."""
        if not any(wishes):
            return
        own = self.settings.policy
        policy = own._replace(
            prerelease=own.prerelease or wishes.prerelease,
            no_binary_package=(*wishes.no_binary_package, *own.no_binary_package),
            only_binary=(*wishes.only_binary, *own.only_binary),
            indexes=(*own.indexes, *wishes.indexes),
            find_links=(*own.find_links, *wishes.find_links),
            no_index=own.no_index or wishes.no_index,
        )
        self.settings = self.settings._replace(policy=policy)
        self._policy = None

    def forget_policy(self) -> None:
        """Read the policy again when it is next asked for, because the settings are others now."""
        self._policy = None

    def set_build_options(self, options: BuildOptions, python: str = "") -> None:
        """Say how source trees are built; ``python`` is the interpreter for builds that shall not be isolated."""
        self._build_options = options
        self.shared_python = python or self.shared_python

    def kinds_of(self, manifest: Manifest) -> FilePolicy | None:
        """Return of which projects wheels or source distributions are not installed; None where all may be.

        Raises:
            UsageError: an option has a value that it can't have.

        Cost: nothing is imported where nothing is said.
        """
        from blast_project.policy import limits_kinds

        if not limits_kinds(self.settings.policy, manifest.tool):
            return None
        self.use_project(manifest)
        return self.policy.files

    @property
    def cache(self) -> GlobalCache:
        """The store of distributions."""
        if self._cache is None:
            from blast_core.home import find_site_store
            from blast_pm.store.cache import GlobalCache

            self._cache = GlobalCache(self.settings.home, self.database, find_site_store(self.settings.environ))
            self._cache.rows.note = self.reporter.note
        return self._cache

    @property
    def early(self) -> EarlyDownloads:
        """The wheels that are fetched before it is certain that they are wanted."""
        if self._early is None:
            from blast_pm.store.early import EarlyDownloads
            from blast_project.fetching import fetcher_of

            cache = self.cache
            self._early = EarlyDownloads(fetcher_of(self), lambda one: bool(cache.find([one])), cache.paths.staging)
        return self._early

    @property
    def has_early(self) -> bool:
        """Whether any were begun."""
        return self._early is not None

    @property
    def interpreters(self) -> InterpreterCache:
        """What is known of this machine's interpreters."""
        if self._interpreters is None:
            from blast_project.python.probe import InterpreterCache

            self._interpreters = InterpreterCache(self.settings.home)
        return self._interpreters

    def find_interpreter(
        self, request: str = "", requires_python: str = "", manifest: Manifest | None = None, *, download: bool = True
    ) -> Interpreter:
        """Return the interpreter for ``request``, or for the settings' own request when it is empty.

        Args:
            request: see `blast_project.python.discover`; without any, what the user pinned for everything counts.
            requires_python: a specifier set that it must satisfy, too.
            manifest: of the project that it is for, which may have settings of its own.
            download: get one where there is none, unless the settings forbid it.

        Raises:
            InterpreterNotFound: none answers.
            IndexAccessError, IntegrityError: one would, but can't be had.
        """
        from blast_core.errors import InterpreterNotFound

        asked = self.settings.python or request
        wish = "" if asked else self._wish_of_the_user()
        if wish:
            try:
                return self._find_interpreter(wish, requires_python, manifest, download=download)
            except InterpreterNotFound:
                if not requires_python:
                    raise
                # What the user wants where nothing else counts is no word against a project.
        return self._find_interpreter(asked, requires_python, manifest, download=download)

    def _wish_of_the_user(self) -> str:
        """Return what ``blast python pin --global`` wrote; "" without."""
        from blast_project.python.version_files import global_version_file, read_versions

        return next(iter(read_versions(global_version_file(self.settings.environ))), "")

    def _find_interpreter(
        self, asked: str, requires_python: str, manifest: Manifest | None, *, download: bool
    ) -> Interpreter:
        from blast_core.errors import InterpreterNotFound
        from blast_project.python.discover import find_interpreter

        settings = self.settings
        manifest = manifest or self._manifest
        preference = settings.python_preference
        if not preference and manifest is not None and "python-preference" in manifest.tool:
            from blast_project.python.policy import read_preference

            preference = read_preference(settings, manifest.tool)
        try:
            return find_interpreter(
                asked, requires_python, settings.environ, settings.home, self.interpreters, preference
            )
        except InterpreterNotFound as error:
            if not download:
                raise
            from blast_project.python.obtaining import obtain_interpreter

            return obtain_interpreter(self, asked, requires_python, manifest, error)

    def close(self) -> None:
        """Close what was opened; safe to call twice."""
        if self._early is not None:
            self._early.close()
            self._early = None
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._cache is not None:
            self._cache.close()
        if self._database is not None:
            self._database.close()
            self._database = None
