"""What the pip interface is asked, and what it answers."""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_project.pip.sites import HERE, SiteChoice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_project.changes import VersionChange

__all__ = ["Arrival", "InstallRequest", "PipResult", "UninstallRequest"]


class InstallRequest(NamedTuple):
    """The options of ``blast pip install``; paths are relative to the settings' directory.

    Attributes:
        requirements: words of the command line.
        files: of requirements, or ``pyproject.toml``.
        constraints: files with limits.
        upgrade: take the newest versions of everything.
        editables: directories or repositories.
        choice: where to work.
        upgrade_packages: take the newest versions of these, or those that a specifier allows.
        lazy: ``upgrade`` is for what is named alone, not for what that needs.
        reinstall: install again what is there.
        reinstall_packages: only these.
        needs: install what the requirements need, too.
        require_hashes: everything must have one.
        verify_hashes: look at those that there are.
        overrides: files with requirements that replace all others.
        extras: of a ``pyproject.toml`` among the files; ``:all:`` for all.
        groups: dependency groups of it, or of ``FILE:GROUP``.
        isolate: build in environments of their own.
        config_settings: for build backends, ``KEY=VALUE``.
        python_version: install what this Python needs.
        python_platform: install what this platform needs.
        exact: remove what is not needed.
        strict: tell of what does not fit afterwards.
        dry_run: change nothing.
    """

    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    upgrade: bool = False
    editables: tuple[str, ...] = ()
    choice: SiteChoice = HERE
    upgrade_packages: tuple[str, ...] = ()
    lazy: bool = False
    reinstall: bool = False
    reinstall_packages: tuple[str, ...] = ()
    needs: bool = True
    require_hashes: bool = False
    verify_hashes: bool = True
    overrides: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    isolate: bool = True
    config_settings: tuple[str, ...] = ()
    python_version: str = ""
    python_platform: str = ""
    exact: bool = False
    strict: bool = False
    dry_run: bool = False


class UninstallRequest(NamedTuple):
    """The options of ``blast pip uninstall``."""

    names: tuple[str, ...]
    files: tuple[str, ...] = ()
    choice: SiteChoice = HERE
    dry_run: bool = False


class Arrival(NamedTuple):
    """Something that is installed, for pip's installation report.

    Attributes:
        name: normalised.
        version: as its metadata says.
        url: where it came from.
        sha256: of the file; "" where it was built from a directory.
        requested: somebody asked for it by name.
        is_direct: it was asked for by address.
        requires: its requirements, as PEP 508 has them.
    """

    name: str
    version: str
    url: str
    sha256: str
    requested: bool
    is_direct: bool
    requires: tuple[str, ...] = ()


class PipResult(NamedTuple):
    """What a command did, or would do.

    Attributes:
        environment: absolute path of the environment, prefix or directory.
        kind: see `Site.kind`.
        generation: number of the current one; 0 outside of Blast's environments.
        changed: something is different, or would be.
        python: version of the interpreter.
        packages: how many distributions there are afterwards.
        changes: by name; one that is installed again has the same version before and after.
        arrivals: what is installed.
        problems: what does not fit afterwards, where that was asked for.
        missing: names that were to be uninstalled and are not installed.
        markers: variables of the interpreter's markers.
    """

    environment: str
    kind: str
    generation: int
    changed: bool
    python: str
    packages: int
    changes: tuple[VersionChange, ...]
    arrivals: tuple[Arrival, ...] = ()
    problems: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    markers: Mapping[str, str] = {}
