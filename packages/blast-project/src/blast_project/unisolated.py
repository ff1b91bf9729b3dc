"""Builds without isolation: in an environment that holds all else that the lock installs.

Some projects are built against what they are installed beside, and say nothing of it in their build system. What else
the lock asks for is therefore fetched and built first, and put into an environment for these builds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_project.environment.layout import python_path
from blast_project.ephemeral import environment_with
from blast_project.fetching import ensure_stored
from blast_project.wanted import Wanted, is_sdist

if TYPE_CHECKING:
    from blast_core.interpreter import Interpreter
    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["prepare_shared"]


def prepare_shared(session: Session, project: Project, wanted: Wanted, interpreter: Interpreter) -> None:
    """Make the environment for builds that shall not be isolated, and tell the session of it.

    Raises:
        BuildFailed: something that is built in isolation can't be.
        IndexAccessError, IntegrityError, StoreError: something can't be had.
    """
    from blast_core.formats.dpl.model import LockedSource
    from blast_pm.sources.address import is_archive
    from blast_project.source_install import ensure_sources, wanted_sources

    isolated = session.build_options.is_isolated
    files = [row for row in wanted.files if not is_sdist(row.filename) or isolated(row.name)]
    rows = [(name, version, LockedSource(*source)) for name, version, source in wanted.sources]
    # A wheel by address is built by nobody.
    sources = [
        row
        for row in wanted_sources(rows)
        if isolated(row.name) or (is_archive(row.source.location) and row.source.location.endswith(".whl"))
    ]
    if len(files) + len(sources) == len(wanted.files) + len(wanted_sources(rows)):
        return
    stored = [
        *ensure_stored(session, files, interpreter, for_build=True),
        *ensure_sources(session, project.root, sources, interpreter).stored,
    ]
    session.shared_python = python_path(environment_with(session, interpreter, stored, "for builds without isolation"))
