"""``blast run``: which environment a command runs in, made right before it starts."""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_project.env_files import program_variables
from blast_project.environment.generations import current_number
from blast_project.environment.layout import python_path
from blast_project.environment.leases import hold_generation
from blast_project.environment.state import is_current
from blast_project.hot_key import options_digest, request_of
from blast_project.project import Project, environment_path, find_root, load_project
from blast_project.running import command_line, environment_variables
from blast_project.selection import GroupSelection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_core.requirements import Requirement
    from blast_project.scripts import Script
    from blast_project.session import Session
    from blast_project.settings import Settings
    from blast_project.syncing import SyncResult

__all__ = ["RunOptions", "Start", "env_files_of", "prepare_environment", "prepare_run"]

# Of more packages only the number is said.
_SHOWN = 3


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
        env_files: absolute paths of files of variables.
        use_env_files: read those that settings name, too.
        isolated: in an environment of its own, even if nothing is added.
        script: whose environment it is, in place of the project's.
        no_env: in a view of the store, and no environment is made.
    """

    words: tuple[str, ...]
    selection: GroupSelection = GroupSelection()
    frozen: bool = False
    locked: bool = False
    sync: bool = True
    inexact: bool = False
    requirements: tuple[str, ...] = ()
    project: bool = True
    env_files: tuple[str, ...] = ()
    use_env_files: bool = True
    isolated: bool = False
    script: Script | None = None
    no_env: bool = False


class Start(NamedTuple):
    """What to execute.

    Attributes:
        line: the program with its arguments; () where the words name a task.
        variables: of the program.
        environment: in which it runs.
        project: that has the task; None where the words name a program.
    """

    line: tuple[str, ...]
    variables: dict[str, str]
    environment: str = ""
    project: Project | None = None


def prepare_run(session: Session, options: RunOptions) -> Start:
    """Make the environment right and return what to execute in it.

    Raises:
        UsageError: there is no environment, or no such command.
        StaleLock, NoSolution, IndexAccessError, InstallError: as a sync.
    """
    environment = prepare_environment(session, options)
    number = current_number(environment)
    if number:
        hold_generation(environment, number)
    settings = session.settings
    if options.script is not None:
        return _script_start(session, options, options.script, environment)
    project = _project(session) if options.project else None
    if project is not None and _is_task(project, environment, options.words):
        return Start((), {}, environment, project)
    if project is not None and "tools" in project.manifest.tool:
        from blast_project.project_tools import environment_of_tool

        # Before what PATH has: everyone shall run the version that is pinned.
        environment = environment_of_tool(session, project, environment, options.words[0]) or environment
    variables = environment_variables(environment, settings.program_environ)
    tool = project.manifest.tool if project is not None else {}
    root = project.root if project is not None else settings.directory
    variables = program_variables(variables, root, tool, options.env_files, use_files=options.use_env_files)
    line = command_line(environment, options.words, variables.get("PATH", ""))
    return Start(tuple(line), variables, environment)


def _script_start(session: Session, options: RunOptions, script: Script, environment: str) -> Start:
    """Return what to execute for a script: its metadata may name variables, too."""
    variables = environment_variables(environment, session.settings.program_environ)
    tool = load_project(script.root, session.settings.home).manifest.tool
    variables = program_variables(
        variables, os.path.dirname(script.path), tool, options.env_files, use_files=options.use_env_files
    )
    return Start((python_path(environment), *options.words), variables, environment)


def env_files_of(names: Sequence[str], settings: Settings, *, enabled: bool) -> tuple[str, ...]:
    """Return absolute paths of the files of variables that options name; they are relative to the directory."""
    return tuple(os.path.join(settings.directory, name) for name in names) if enabled else ()


def _project(session: Session) -> Project | None:
    root = find_root(session.settings.directory, session.settings.home)
    return load_project(session.settings.directory, session.settings.home) if root is not None else None


def _is_task(project: Project, environment: str, words: Sequence[str]) -> bool:
    """Tell whether words name a task: the environment's own programs go before tasks, tasks before those on PATH."""
    members = project.workspace.members if project.workspace is not None else ()
    tables = (project.manifest.tool, *(member.manifest.tool for member in members))
    if not any("tasks" in table for table in tables):
        return False
    from blast_project.tasks.finding import open_book

    if open_book(project).find(words[0]) is None:
        return False
    try:
        command_line(environment, words, "")
    except UsageError:
        return True
    return False


def prepare_environment(session: Session, options: RunOptions) -> str:
    """Make the environment of a run right and return its path.

    Raises:
        UsageError: there is no environment.
        StaleLock, NoSolution, IndexAccessError, InstallError: as a sync.
    """
    if options.script is None:
        return _environment(session, options)
    before, session.settings = session.settings, options.script.settings
    try:
        environment = _environment(session, options)
    finally:
        session.settings = before
    options.script.settle()
    return environment


def _environment(session: Session, options: RunOptions) -> str:
    if options.no_env and options.project and options.script is None:
        from blast_project.no_env.hooking import foreign_view

        view = foreign_view(session, options.selection, options.requirements)
        if view:
            return view
    root = find_root(session.settings.directory, session.settings.home) if options.project else None
    if root is None:
        return _without_project(session, options)
    if options.requirements or options.isolated:
        return _with_requirements(session, load_project(root), options)
    if options.no_env:
        from blast_project.no_env.starting import project_view

        frozen = options.frozen or not options.sync
        return project_view(session, options.selection, frozen=frozen, locked=options.locked)
    environment = environment_path(root, session.settings)
    if options.sync and not _has_all(session, root, environment, options):
        from blast_project.operations import SyncOptions, sync_here

        synced = sync_here(
            session,
            SyncOptions(options.selection, options.frozen, options.locked, options.inexact, command="run"),
        )
        _tell_of_losses(session, root, synced)
        if options.script is None:
            from blast_project.hooks import must_succeed, run_hooks

            must_succeed(run_hooks(session, environment, options.selection, session.reporter.note))
    if not os.path.exists(python_path(environment)):
        raise UsageError(f"{environment} does not exist", reason="--no-sync forbids to make it", hint="'blast sync'")
    return environment


def _tell_of_losses(session: Session, root: str, synced: SyncResult) -> None:
    """Say what went that others had installed, before a program runs that may have counted on it."""
    gone = [change.name for change in synced.changes if not change.after]
    if not gone:
        return
    from blast_project.lock_files import read_lock

    lock = read_lock(session, root)
    locked = lock.pins() if lock is not None else {}
    foreign = [name for name in gone if name not in locked]
    if foreign:
        words = f"{len(foreign)} packages" if len(foreign) > _SHOWN else ", ".join(foreign)
        session.reporter.note(f"removed what the lock does not name: {words}; --inexact keeps, 'blast add' locks it")


def _has_all(session: Session, root: str, environment: str, options: RunOptions) -> bool:
    """Tell whether the environment is up to date and holds what a plain run needs, or more: extras stay."""
    if options.selection.key or session.settings.has_wishes:
        return False
    settings, config = session.settings, session.config_key(root)
    digest = options_digest(request_of(root, settings.python), settings.said_mode, "", config=config)
    return is_current(root, environment, digest, wider=True) is not None


def _without_project(session: Session, options: RunOptions) -> str:
    if session.settings.is_named and not options.requirements and not options.no_env:
        return session.settings.environment
    active = session.settings.environ.get("VIRTUAL_ENV", "")
    beside = os.path.join(session.settings.directory, ".venv")
    if not options.requirements and not options.no_env:
        for environment in (active, beside):
            if environment and os.path.exists(python_path(environment)):
                return environment
    from blast_project.ephemeral import ephemeral_environment
    from blast_project.python.version_files import read_version_file_above

    request = read_version_file_above(session.settings.directory, session.settings.environ)
    if options.no_env or options.isolated:
        return _place(options)(session, session.find_interpreter(request), options.requirements, origin="--with")
    from blast_project.stacking import find_below

    interpreter, below = find_below(session, request, (active, beside))
    return ephemeral_environment(session, interpreter, options.requirements, origin="--with", below=below)


def _place(options: RunOptions) -> Callable[..., str]:
    """Return what makes a place to run in of requirements."""
    if options.no_env:
        from blast_project.no_env.starting import requirements_view

        return requirements_view
    from blast_project.ephemeral import ephemeral_environment

    return ephemeral_environment


def _with_requirements(session: Session, project: Project, options: RunOptions) -> str:
    """One environment for the project's requirements and those of this run, the locked versions preferred."""
    from blast_project.asking import editables_of, parse_asked
    from blast_project.locking import lock_project
    from blast_project.operations import project_interpreter
    from blast_project.selection import chosen_groups
    from blast_project.sources import SourceLoader

    interpreter = project_interpreter(session, project)
    locked = lock_project(session, project, interpreter, check=options.locked)
    mask = chosen_groups(project, project.groups, options.selection)
    wanted = {group for bit, group in enumerate(project.groups) if mask >> bit & 1}
    own = [row.requirement for row in project.requirements() if row.group in wanted]
    own += _itself(project, wanted)
    asked = [parse_asked(line, session.settings.directory) for line in options.requirements]
    sources = {entry.name: entry.source for entry in locked.reader().entries() if entry.source.kind != "registry"}
    return _place(options)(
        session,
        interpreter,
        (*own, *options.requirements),
        origin="the project and --with",
        preferences=locked.pins_on(interpreter.target, mask),
        loader=SourceLoader(
            session,
            project.root,
            interpreter,
            project=project,
            locked=sources,
            editables=editables_of(asked) | {project.root},
        ),
    )


def _itself(project: Project, wanted: set[str]) -> list[Requirement]:
    """Return the requirement of the project itself, where it is a package and its own requirements are wanted."""
    from blast_core.requirements import Requirement
    from blast_project.project import DEFAULT_GROUP
    from blast_project.requirement_sources import local_address

    if not project.is_package or DEFAULT_GROUP not in wanted:
        return []
    # By its absolute path: what is at the lock's own place is not installed from there.
    return [Requirement(project.name, url=local_address(project.root))]
