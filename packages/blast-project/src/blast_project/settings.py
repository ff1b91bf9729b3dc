"""What the user set for one command, read once at the edge and passed down as a value."""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_project.install_wishes import InstallWishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LINK_MODES", "PolicyOptions", "Settings", "settle_mode"]

_NOTHING: dict[str, str] = {}
LINK_MODES = ("auto", "fold", "hardlink", "clone", "copy")


class PolicyOptions(NamedTuple):
    """What options and their variables say about versions and files; `blast_project.policy` adds the manifest.

    Attributes:
        exclude_newer: a moment as `blast_core.moments` reads it; empty for the manifest's.
        exclude_newer_package: such as ``numpy=2025-03-01`` or ``numpy=false``.
        prerelease: a mode; empty for the manifest's.
        prerelease_package: such as ``numpy=allow``.
        resolution: ``highest``, ``lowest``, ``lowest-direct``; empty for the manifest's.
        resolver: ``pubgrub`` or ``resolvelib``; empty for the manifest's.
        constraints: requirements beside the manifest's constraints.
        overrides: requirements beside the manifest's overrides.
        build_constraints: requirements beside the manifest's constraints on builds.
        no_build: no source distributions.
        no_build_package: none of these projects.
        no_binary: no wheels.
        no_binary_package: none of these projects, or ``:all:``.
        only_binary: pip's word for ``no_build_package``; names or ``:all:``.
        indexes: further indexes, asked before the manifest's: an address, or ``NAME=ADDRESS``.
        find_links: pages or directories whose files count beside those of the index that has the project.
        no_index: nothing but ``find_links`` is asked.
        moves: requirements that limit this resolution alone, such as ``a==2`` of ``--upgrade-package``; a lock that is
            made with them answers to the manifest as any other.
    """

    exclude_newer: str = ""
    exclude_newer_package: tuple[str, ...] = ()
    prerelease: str = ""
    prerelease_package: tuple[str, ...] = ()
    resolution: str = ""
    resolver: str = ""
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    build_constraints: tuple[str, ...] = ()
    no_build: bool = False
    no_build_package: tuple[str, ...] = ()
    no_binary: bool = False
    no_binary_package: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    moves: tuple[str, ...] = ()


class Settings(NamedTuple):
    """Options that every command shares.

    Attributes:
        directory: absolute path where the search for a project begins.
        home: absolute path of the store, BLAST_HOME.
        environ: the process's environment variables, over those that configuration files stand for.
        offline: never use the network.
        refresh: ask the index again even where an answer is remembered.
        index_url: the index asked for on the command line or by BLAST_INDEX_URL; empty for none.
        python: the interpreter asked for on the command line or by BLAST_PYTHON; empty for none.
        link_mode: one of ``LINK_MODES``, for every distribution; empty for the project's own or the default.
        environment: path of the environment when it is not ``.venv``; empty for that.
        allow_overwrite: of two distributions that bring different files for one path, take one and say so.
        policy: which versions and files count.
        refresh_packages: projects that the index is asked for again, normalised.
        index_strategy: one of `blast_compat.index_tables.INDEX_STRATEGIES`; empty for the manifest's.
        keyring_provider: one of `blast_pm.index.keyring.PROVIDERS`; empty for the manifest's or pip's.
        verbose: how much is told, 0 for what everyone wants to know.
        is_named: the environment is one of several of the project, or of none: going back in it leaves files alone.
        compile_bytecode: one of `blast_project.bytecode.MODES`; empty for the project's own or the default.
        python_downloads: one of `blast_project.python.policy.DOWNLOADS`; empty for the project's own or the default.
        python_preference: one of `blast_project.python.discover.PREFERENCES`; empty for the same.
        python_mirror: where builds of interpreters come from; empty for the project's own or the catalogue's addresses.
        hooks: run those of the project.
        wishes: how this command alone installs.
        configured: variables that configuration files stand for; they are in ``environ``, too.
    """

    directory: str
    home: str
    environ: Mapping[str, str]
    offline: bool = False
    refresh: bool = False
    index_url: str = ""
    python: str = ""
    link_mode: str = ""
    environment: str = ""
    allow_overwrite: bool = False
    policy: PolicyOptions = PolicyOptions()
    refresh_packages: tuple[str, ...] = ()
    index_strategy: str = ""
    keyring_provider: str = ""
    verbose: int = 0
    compile_bytecode: str = ""
    is_named: bool = False
    python_downloads: str = ""
    python_preference: str = ""
    python_mirror: str = ""
    configured: Mapping[str, str] = _NOTHING
    wishes: InstallWishes = InstallWishes()
    hooks: bool = True

    @property
    def program_environ(self) -> dict[str, str]:
        """The variables for programs that are run: without those that only stand for configuration files."""
        return {name: value for name, value in self.environ.items() if name not in self.configured}

    @property
    def said_mode(self) -> str:
        """The link mode, unless it is the one of a configuration file, for which the file's stamp stands."""
        return "" if self.link_mode == self.configured.get("BLAST_LINK_MODE") else self.link_mode

    @property
    def has_wishes(self) -> bool:
        """Whether this command alone wants other versions or files: what it finds says nothing of the next command."""
        return any(self.policy._replace(moves=())) or bool(self.index_strategy) or self.wishes.is_any


def settle_mode(mode: str) -> str:
    """Return the link mode that a text stands for: ``fold`` for nothing and for ``auto``.

    It has the fewest links, and each of its ways falls back to the next: so it is right on every file system.
    """
    return "fold" if mode in {"", "auto"} else mode
