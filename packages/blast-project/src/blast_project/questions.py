"""What questions about a project's lock have in common: the open lock, and the targets that are asked about."""

from __future__ import annotations

import os

from blast_core.errors import StaleLock, UsageError
from blast_core.tuples import NamedTuple
from blast_project.lock_graph import LockedGraph, find_target
from blast_project.project import LOCK_NAME, Project, load_project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_core.formats.dpl.model import LockTarget
    from blast_core.formats.dpl.reader import DplLockFile
    from blast_project.lock_graph import Edge, Node
    from blast_project.session import Session

__all__ = ["Question", "find_locked", "open_question", "requirement_lines"]


class Question(NamedTuple):
    """A project and its lock, which stays open as long as the process.

    Attributes:
        project: what the manifest says now.
        graph: what the lock says, for the targets that are asked about.
    """

    project: Project
    graph: LockedGraph


def open_question(session: Session, targets: Sequence[str] = (), *, universal: bool = False) -> Question:
    """Open the lock of the project around the settings' directory.

    Args:
        session: whose interpreter says what this machine's target is.
        targets: names of targets to ask about; none for this machine's.
        universal: ask about all targets.

    Raises:
        UsageError: there is no project, or the lock has no such target.
        StaleLock: there is no lock.
        FormatError: the lock is damaged.
    """
    project = load_project(session.settings.directory, session.settings.home)
    session.use_project(project.manifest)
    lock = _open_lock(session, project)
    names = [target.name for target in lock.targets]
    mask = (1 << len(names)) - 1
    if targets and not universal:
        mask = 0
        for name in targets:
            mask |= find_target(names, name)
    elif len(names) > 1 and not universal:
        mask = _target_here(session, project, lock.targets)
    return Question(project, LockedGraph(lock, mask))


def find_locked(graph: LockedGraph, name: str) -> tuple[Node, ...]:
    """Return the locked versions of a project.

    Raises:
        UsageError: it isn't locked; the hint names what sounds like it.
    """
    from blast_core.names import normalize_name

    wanted = normalize_name(name)
    found = graph.find(wanted)
    if found:
        return found
    if any(True for _ in graph.lock.find(wanted)):
        raise UsageError(
            f"{wanted} is not locked for this target",
            reason="other targets of the lock have it",
            hint="'--universal' asks about all targets",
        )
    import difflib

    close = difflib.get_close_matches(wanted, [node.name for node in graph.nodes()], n=3)
    raise UsageError(
        f"{wanted} is not locked",
        reason=f"nothing that {graph.root_name} needs asks for it",
        hint=f"did you mean {' or '.join(close)}?" if close else f"'blast add {wanted}' adds it",
    )


def requirement_lines(project: Project) -> Callable[[Edge], int]:
    """Return what tells the line of pyproject.toml on which a requirement of the project stands, 0 if none is found."""
    try:
        lines = project.source.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        lines = []
    rows = project.requirements()

    def line_of(edge: Edge) -> int:
        for row in rows:
            wanted = row.requirement
            if (wanted.name, wanted.specifier, wanted.extras) == (edge.target.name, edge.specifier, edge.extras):
                quoted = (f'"{row.origin}"', f"'{row.origin}'")
                return next((at for at, line in enumerate(lines, 1) if any(text in line for text in quoted)), 0)
        return 0

    return line_of


def _open_lock(session: Session, project: Project) -> DplLockFile:
    from blast_core.formats.dpl.reader import DplLockFile

    try:
        return DplLockFile.open(os.path.join(project.root, LOCK_NAME))
    except FileNotFoundError:
        pass
    from blast_project.lock_files import read_lock

    found = read_lock(session, project.root)
    if found is None:
        raise StaleLock(
            f"{project.root} has no {LOCK_NAME}", reason="nothing was locked yet", hint="'blast lock' makes it"
        )
    return found.reader()


def _target_here(session: Session, project: Project, targets: Sequence[LockTarget]) -> int:
    """Return the mask of this machine's target; of all where the lock doesn't answer for this machine."""
    from blast_core.errors import InterpreterError
    from blast_core.formats.dpl.targets import matches
    from blast_project.operations import project_interpreter

    everywhere = (1 << len(targets)) - 1
    try:
        environment = project_interpreter(session, project).target.marker_environment
    except InterpreterError:
        return everywhere
    return sum(1 << bit for bit, target in enumerate(targets) if matches(target, environment)) or everywhere
