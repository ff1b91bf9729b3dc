"""What ``blast_runtime.interactive`` asks: a view of requirements, or of a repository's lock, for its interpreter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import InvalidRequirement, UsageError
from blast_core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.session import Session

__all__ = ["AskedView", "view_of_repository", "view_of_requirements"]


class AskedView(NamedTuple):
    """An answer.

    Attributes:
        view: its path.
        site: its site-packages.
        root: directory of the project, for a repository.
        asked: the requirements as Blast writes them, for the next question.
    """

    view: str
    site: str
    root: str = ""
    asked: tuple[str, ...] = ()


def view_of_requirements(
    session: Session, requirements: Sequence[str], specs: Sequence[str], kept: Sequence[str]
) -> AskedView:
    """Return the view of requirements.

    Args:
        session: services; ``settings.python`` is the interpreter that asks.
        requirements: as a person types them; a path is relative to the session's directory.
        specs: ``NAME=CONSTRAINT``: a version, a specifier, Poetry's ``^1.2`` and ``~1.2``, or ``*``.
        kept: ``NAME==VERSION`` of what is in effect: taken again where it can be.

    Raises:
        InvalidRequirement: one is none.
        NoSolution, IndexAccessError, IntegrityError, InstallError: as resolving and installing do.
    """
    from blast_project.no_env.hooking import site_of_view
    from blast_project.no_env.starting import requirements_view

    asked = tuple(dict.fromkeys((*requirements, *map(_requirement, specs))))
    preferences = dict(one.split("==", 1) for one in kept if "==" in one)
    interpreter = session.find_interpreter()
    view = requirements_view(session, interpreter, asked, origin="use()", preferences=preferences)
    return AskedView(view, site_of_view(view), "", asked)


def view_of_repository(session: Session, url: str, extras: Sequence[str]) -> AskedView:
    """Return the view of what a commit of a repository needs, as its lock says.

    Args:
        session: services; ``settings.python`` is the interpreter that asks.
        url: of a repository, with ``@REV`` and ``#subdirectory=DIR``; or its path.
        extras: of the project.

    Raises:
        UsageError: it has no such subdirectory or extra, or nothing that says what it needs.
        BlastError: as fetching, locking, building and making views do.
    """
    from blast_project.git_runs import open_checkout
    from blast_project.no_env.foreign_places import LockPlace
    from blast_project.no_env.hooking import lock_view, site_of_view
    from blast_project.no_env.starting import project_view, requirements_view
    from blast_project.selection import GroupSelection

    checkout = open_checkout(session, url)
    selection = GroupSelection(extras=tuple(extras))
    if checkout.is_ours:
        environment = checkout.environment
        session.settings = session.settings._replace(directory=checkout.directory, environment=environment)
        view = project_view(session, selection, frozen=checkout.has_own_lock)
    elif checkout.kind == "tree":
        words = f"[{','.join(extras)}]" if extras else ""
        view = requirements_view(session, session.find_interpreter(), (f"-e {checkout.path}{words}",), origin=url)
    elif checkout.kind:
        place = LockPlace(checkout.kind, checkout.path, os.path.dirname(checkout.path))
        view = lock_view(session, place, selection, checkout.directory)[0]
    else:
        raise UsageError(f"{url} does not say what it needs", hint="it has neither a lock nor a pyproject.toml")
    return AskedView(view, site_of_view(view), checkout.directory)


def _requirement(spec: str) -> str:
    """Return the requirement that an argument of a name and a version stands for."""
    from blast_compat.locks.poetry_constraints import read_constraint
    from blast_core.names import is_valid_name, normalize_name

    name, _, constraint = spec.partition("=")
    if not is_valid_name(name):
        raise InvalidRequirement(f"'{name}' is no name of a project", hint="names with other letters stand in quotes")
    said = constraint.strip()
    if "://" in said or said.startswith("git+"):
        return f"{normalize_name(name)} @ {said}"
    found = read_constraint(said or "*")
    if len(found) > 1:
        raise InvalidRequirement(
            f"{name}: '{said}' has alternatives", reason="one range of versions is asked for", hint="leave '||' out"
        )
    return normalize_name(name) + (found[0] if found else "")
