"""What there was before the first change of a project: a bare environment with the project's files, for ``undo``."""

from __future__ import annotations

import os
from contextlib import contextmanager

from blast_core import fs
from blast_project.applying import Change, composition_of
from blast_project.environment.generations import FIRST_COMMAND
from blast_project.environment.manager import VenvManager
from blast_project.project import LOCK_NAME, MANIFEST_NAME, PYLOCK_NAME, environment_path
from blast_project.project_files import with_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.interpreter import Interpreter
    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["first_generation"]


@contextmanager
def first_generation(session: Session, project: Project, interpreter: Interpreter) -> Iterator[None]:
    """Make a bare generation that holds the project as it is, if it has no environment; take it back on failure.

    Without it the first ``add`` of a project could not be undone.
    """
    environment = environment_path(project.root, session.settings)
    if os.path.lexists(environment):
        yield
        return
    snapshots = {MANIFEST_NAME: project.source}
    for name in (LOCK_NAME, PYLOCK_NAME):
        if os.path.isfile(os.path.join(project.root, name)):
            with open(os.path.join(project.root, name), "rb") as file:
                snapshots[name] = file.read()
    kept = with_members(snapshots, project)
    change = Change((), command=FIRST_COMMAND, snapshots=kept, prompt=project.title)
    try:
        VenvManager(environment).apply(interpreter, composition_of(session, change), session.reporter)
        yield
    except BaseException:
        if os.path.lexists(environment):
            fs.remove_tree(environment)
        raise
