"""Environments that belong to no project: for tools, for ``run --with`` and for builds.

An environment is named by what it holds and by its interpreter, so equal requests share one, and one that stands is
right without being looked at again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.requirements import parse_requirement
from blast_project.applying import Change, apply_change
from blast_project.fetching import ensure_stored
from blast_project.resolving import resolve_requirements, wanted_of

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
    parsed = [parse_requirement(line) for line in requirements]
    origins = dict.fromkeys(parsed, origin)
    resolution = resolve_requirements(
        session, interpreter, parsed, preferences=preferences, origins=origins, builds=builds
    )
    wanted = wanted_of(session, interpreter, resolution)
    path = os.path.join(session.settings.home, "environments", _name(interpreter, wanted))
    if not os.path.exists(os.path.join(path, ".blast", "current")):
        from blast_project.exclusive import exclusive

        with exclusive(session, path):
            if not os.path.exists(os.path.join(path, ".blast", "current")):
                stored = ensure_stored(session, wanted, interpreter)
                change = Change(stored, command=f"for {', '.join(requirements)}", link_mode="")
                apply_change(session, path, interpreter, change)
    return path


def _name(interpreter: Interpreter, wanted: Sequence[WantedDistribution]) -> str:
    from blake3 import blake3

    parts = [interpreter.executable, interpreter.version, *(row.sha256 for row in wanted)]
    return str(blake3("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest())[:24]
