"""``pip install -r LOCK`` and ``pip sync LOCK``: what a lock of any tool says, into any place; nothing is resolved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import UsageError
from blast_core.names import normalize_name
from blast_project.pip.changing import Changing
from blast_project.pip.inventory import find_distributions
from blast_project.pip.sites import check_may_change, find_site
from blast_project.pip.transaction import recover

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from blast_pm.store.cache import StoredDistribution
    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.pip.requests import InstallRequest, PipResult
    from blast_project.pip.sites import Site
    from blast_project.selection import GroupSelection
    from blast_project.session import Session

__all__ = ["install_lock", "is_lock", "lock_of"]

_NAMES = frozenset(("pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"))


def is_lock(name: str) -> bool:
    """Tell whether a file is a lock, by its name."""
    name = os.path.basename(name)
    return name in _NAMES or name.endswith(".py.lock") or (name.startswith("pylock.") and name.endswith(".toml"))


def lock_of(request: InstallRequest) -> str:
    """Return the lock that is to be installed; "" where there is none among the files.

    Raises:
        UsageError: something else is asked for besides, which it can't answer to.
    """
    found = [name for name in request.files if is_lock(name)]
    if not found:
        return ""
    other = (*request.requirements, *request.editables, *request.constraints, *request.overrides)
    if len(request.files) > 1 or other or request.upgrade or request.upgrade_packages:
        raise UsageError(
            f"{found[0]} is installed by itself",
            reason="a lock says all that is installed",
            hint="install the rest by a second command",
        )
    if request.python_version or request.python_platform:
        raise UsageError(f"{found[0]} is installed for the interpreter of the environment alone")
    return found[0]


def install_lock(session: Session, request: InstallRequest, name: str) -> PipResult:
    """Make a place hold what a lock says; what else is there stays, unless the request is exact.

    Args:
        session: services.
        request: what is asked for, with groups and extras.
        name: of the lock, relative to the settings' directory.

    Raises:
        UsageError: there is no such file or group, or no place to work on.
        FormatError: the lock is wrong.
        IndexAccessError, IntegrityError, BuildFailed, InstallError: everything is as it was.
    """
    from blast_project.exclusive import exclusive
    from blast_project.no_env.foreign import foreign_stored

    path = os.path.normpath(os.path.join(session.settings.directory, name))
    if not os.path.isfile(path):
        raise UsageError(f"{name}: there is no such file")
    site = find_site(session, request.choice)
    if not request.dry_run:
        check_may_change(site, request.choice)
    with exclusive(session, site.root):
        recover(site, session.reporter.note)
        rows = find_distributions(site.search)
        verb = "pip sync" if request.exact else "pip install -r"
        changing = Changing(session, site, rows, f"{verb} {name}")
        locked = foreign_stored(session, path, site.interpreter, _selection(request), os.path.dirname(path))
        arriving = _arriving(changing.counting, locked.stored, locked.direct_urls, request)
        changing.renews = bool(arriving) and (request.reinstall or bool(request.reinstall_packages))
        leaving = _leaving(site, changing.counting, locked.stored) if request.exact else []
        return changing.change(leaving, arriving, direct_urls=locked.direct_urls, dry_run=request.dry_run)


def _selection(request: InstallRequest) -> GroupSelection:
    from blast_project.selection import GroupSelection

    foreign = [group for group in request.groups if ":" in group]
    if foreign:
        raise UsageError(f"--group {foreign[0]} is of another file", reason="a lock has groups of its own")
    is_all = ":all:" in request.extras
    return GroupSelection(groups=request.groups, extras=() if is_all else request.extras, all_extras=is_all)


def _arriving(
    counting: Sequence[InstalledDistribution],
    stored: Sequence[StoredDistribution],
    addresses: Collection[str],
    request: InstallRequest,
) -> list[StoredDistribution]:
    """Return what is not there yet in its version, or comes from a tree that may have changed."""
    held = {row.key: row.version for row in counting}
    again = {normalize_name(name) for name in request.reinstall_packages}
    return [
        row
        for row in stored
        if request.reinstall
        or row.name in again
        or row.name in addresses
        or held.get(normalize_name(row.name)) != row.version
    ]


def _leaving(
    site: Site, counting: Sequence[InstalledDistribution], stored: Sequence[StoredDistribution]
) -> list[InstalledDistribution]:
    """Return what the lock does not hold; what an environment of pip's comes with stays."""
    from blast_project.pip.reports import seed_names

    kept = frozenset() if site.kind == "blast" else seed_names(site.interpreter.version)
    kept |= {normalize_name(row.name) for row in stored}
    return [row for row in counting if row.directory in site.own and row.key not in kept]
