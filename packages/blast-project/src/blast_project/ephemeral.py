"""Environments that belong to no project: for tools, for ``run --with`` and for builds.

An environment is named by what it holds and by its interpreter, so equal requests share one. One that stands is right
as long as its interpreter and what it links into stand too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.reporter import SilentReporter
from blast_project.applying import Change, composition_of
from blast_project.environment.layout import python_path
from blast_project.environment.manager import VenvManager
from blast_project.fetching import ensure_stored
from blast_project.resolving import resolve_requirements, wanted_of
from blast_project.unsupported import parse_asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.store.cache import WantedDistribution
    from blast_project.session import Session

__all__ = ["ephemeral_environment"]


def ephemeral_environment(
    session: Session,
    interpreter: Interpreter,
    requirements: Sequence[str],
    *,
    origin: str = "the command line",
    preferences: Mapping[str, str] | None = None,
    builds: bool = True,
) -> str:
    """Return the path of an environment that holds ``requirements``, made if it does not stand yet.

    Raises:
        NoSolution, IndexAccessError, IntegrityError, InstallError: as resolving and installing do.
    """
    parsed = [parse_asked(line) for line in requirements]
    origins = dict.fromkeys(parsed, origin)
    resolution = resolve_requirements(
        session, interpreter, parsed, preferences=preferences, origins=origins, builds=builds
    )
    wanted = wanted_of(session, interpreter, resolution)
    path = os.path.join(session.settings.home, "environments", _name(interpreter, wanted))
    if not _stands(session, path, wanted):
        from blast_project.exclusive import exclusive

        with exclusive(session, path):
            if not _stands(session, path, wanted):
                stored = ensure_stored(session, wanted, interpreter)
                change = Change(stored, command=f"for {', '.join(requirements)}", link_mode="")
                # What runs at start-up of a build's environment concerns nobody: it is gone after the build.
                reporter = session.reporter if builds else SilentReporter()
                VenvManager(path).apply(interpreter, composition_of(session, change), reporter)
    return path


def _stands(session: Session, path: str, wanted: Sequence[WantedDistribution]) -> bool:
    """Tell whether the environment is there, with its interpreter and all of the store that it links into."""
    if not os.path.exists(python_path(path)):
        return False
    wheels = {row.sha256 for row in wanted if row.filename.endswith(".whl")}
    return session.cache.find(wheels).keys() == wheels


def _name(interpreter: Interpreter, wanted: Sequence[WantedDistribution]) -> str:
    from blake3 import blake3

    parts = [interpreter.executable, interpreter.version, *(row.sha256 for row in wanted)]
    return str(blake3("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest())[:24]
