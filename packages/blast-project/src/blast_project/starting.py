"""``blast run``: which environment a command runs in, made right before it starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import UsageError
from blast_project.environment.generations import current_number
from blast_project.environment.layout import python_path
from blast_project.environment.leases import hold_generation
from blast_project.environment.state import is_current
from blast_project.ephemeral import ephemeral_environment
from blast_project.hot_key import options_digest, request_of
from blast_project.operations import SyncOptions, project_interpreter, sync_here
from blast_project.project import Project, environment_path, find_root, load_project
from blast_project.running import command_line, environment_variables
from blast_project.selection import GroupSelection

if TYPE_CHECKING:
    from blast_project.session import Session

__all__ = ["RunOptions", "Start", "prepare_run"]


class RunOptions(NamedTuple):
    """The options of ``blast run``.

    Attributes:
        words: the command and its arguments.
        selection: the groups and extras.
        frozen: use the lock as it is.
        locked: fail if the lock does not answer to the manifest.
        sync: make the environment what the lock says first.
        inexact: keep distributions that the lock does not name.
        requirements: for this run beside the project's own.
        project: look for a project.
    """

    words: tuple[str, ...]
    selection: GroupSelection = GroupSelection()
    frozen: bool = False
    locked: bool = False
    sync: bool = True
    inexact: bool = False
    requirements: tuple[str, ...] = ()
    project: bool = True


class Start(NamedTuple):
    """What to execute: the program with its arguments, and its variables."""

    line: tuple[str, ...]
    variables: dict[str, str]


def prepare_run(session: Session, options: RunOptions) -> Start:
    """Make the environment right and return what to execute in it.

    Raises:
        UsageError: there is no environment, or no such command.
        StaleLock, NoSolution, IndexAccessError, InstallError: as a sync.
    """
    environment = _environment(session, options)
    number = current_number(environment)
    if number:
        hold_generation(environment, number)
    variables = environment_variables(environment, session.settings.environ)
    line = command_line(environment, options.words, session.settings.environ.get("PATH", ""))
    return Start(tuple(line), variables)


def _environment(session: Session, options: RunOptions) -> str:
    root = find_root(session.settings.directory) if options.project else None
    if root is None:
        return _without_project(session, options)
    if options.requirements:
        return _with_requirements(session, load_project(root), options)
    environment = environment_path(root, session.settings)
    if options.sync and not _has_all(session, root, environment, options):
        sync_here(
            session,
            SyncOptions(options.selection, options.frozen, options.locked, options.inexact, command="run"),
        )
    if not os.path.exists(python_path(environment)):
        raise UsageError(f"{environment} does not exist", reason="--no-sync forbids to make it", hint="'blast sync'")
    return environment


def _has_all(session: Session, root: str, environment: str, options: RunOptions) -> bool:
    """Tell whether the environment is up to date and holds what a plain run needs, or more: extras stay."""
    if options.selection.key or session.settings.has_wishes:
        return False
    settings, config = session.settings, session.config_key(root)
    digest = options_digest(request_of(root, settings.python), settings.said_mode, "", config=config)
    return is_current(root, environment, digest, wider=True) is not None


def _without_project(session: Session, options: RunOptions) -> str:
    active = session.settings.environ.get("VIRTUAL_ENV", "")
    beside = os.path.join(session.settings.directory, ".venv")
    if not options.requirements:
        for environment in (active, beside):
            if environment and os.path.exists(python_path(environment)):
                return environment
    return ephemeral_environment(session, session.find_interpreter(), options.requirements, origin="--with")


def _with_requirements(session: Session, project: Project, options: RunOptions) -> str:
    """One environment for the project's requirements and those of this run, the locked versions preferred."""
    from blast_project.locking import lock_project
    from blast_project.selection import select_groups
    from blast_project.sources import SourceLoader
    from blast_project.syncing import chosen_members

    interpreter = project_interpreter(session, project)
    locked = lock_project(session, project, interpreter, check=options.locked)
    mask = select_groups(project.groups, options.selection, chosen_members(project))
    wanted = {group for bit, group in enumerate(project.groups) if mask >> bit & 1}
    own = [row.requirement for row in project.requirements() if row.group in wanted]
    sources = {entry.name: entry.source for entry in locked.reader().entries() if entry.source.kind != "registry"}
    return ephemeral_environment(
        session,
        interpreter,
        (*own, *options.requirements),
        origin="the project and --with",
        preferences=locked.pins_on(interpreter.target, mask),
        loader=SourceLoader(session, project.root, interpreter, project=project, locked=sources),
    )
