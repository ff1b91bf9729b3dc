"""Keeping the answers of `blast_project.tool_answers`: after a run that had nothing to do, and said nothing."""

from __future__ import annotations

import os
import sys
import time

from blast_core import fs
from blast_project.environment.generations import current_number, unsettled_boot
from blast_project.environment.manager import VenvManager
from blast_project.tool_answers import answer_path, pack_answer, stamp_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.interpreter import Interpreter
    from blast_core.reporter import Reporter
    from blast_project.project import Project
    from blast_project.session import Session
    from blast_project.settings import Settings

__all__ = ["ToolFind", "Watch", "keep_tool_answer"]

# What changed within a tick of the file system's clock may change again and look the same.
_TICK_NS = 20_000_000
# Settings are read before a command knows what it is about to do.
_READING_NS = 5_000_000_000
_FORGOTTEN_S = 90 * 86400.0
# An environment that links into more is not worth a look at each.
_MOST_TREES = 256


class ToolFind:
    """What a run of a tool found out on its way; the fields are set by who does.

    Attributes:
        environment: from which the tool is run.
        command: its name.
        project: whose tool it is; None for none.
        interpreter: for which it was resolved; None where nothing was.
        pins: file of the versions of the last run; "" for none.
        has_variables: the project around says variables of programs.
    """

    __slots__ = ("command", "environment", "has_variables", "interpreter", "pins", "project")

    def __init__(self) -> None:
        self.environment = ""
        self.command = ""
        self.project: Project | None = None
        self.interpreter: Interpreter | None = None
        self.pins = ""
        self.has_variables = False


class Watch:
    """A reporter that passes everything on, and notices whether the user was told of something.

    Attributes:
        began_ns: when the run began.
        has_noted: of that nothing would be heard another time.
    """

    def __init__(self, reporter: Reporter) -> None:
        self.began_ns = time.time_ns()
        self.has_noted = False
        self.step, self.start = reporter.step, reporter.start
        self.advance, self.finish = reporter.advance, reporter.finish
        self._note = reporter.note

    def note(self, text: str) -> None:
        """Pass on something that the user should know."""
        self.has_noted = True
        self._note(text)


def keep_tool_answer(session: Session, question: bytes, find: ToolFind, watch: Watch, program: str) -> None:
    """Keep where a tool was run from, if everything that decided it is older than this run, and known.

    Args:
        session: of the run; not closed yet.
        question: see `blast_project.tool_answers.question_of`.
        find: what the run found out.
        watch: that the run told its progress.
        program: that is executed with the arguments of the command.
    """
    settings, environment = session.settings, find.environment
    if watch.has_noted or find.has_variables or settings.refresh or settings.refresh_packages or settings.has_wishes:
        return
    if not _is_plain(settings) or os.path.dirname(program) != os.path.join(environment, "bin"):
        return
    number = current_number(environment)
    times = _times(session) if find.interpreter is not None else (0, 0)
    state = _state_of(settings, environment) if find.project is not None else None
    trees = _trees(session, environment)
    if not number or times is None or trees is None or (find.project is not None and state is None):
        return
    limits = dict.fromkeys((*_found_files(session, find), *trees, program), watch.began_ns - _TICK_NS)
    limits.update(dict.fromkeys(_settings_files(session, find), watch.began_ns - _READING_NS))
    stamps = tuple((path, stamp_of(path)) for path in limits)
    # What is younger may have been another when it was read.
    if any(stamp and max(stamp[2:]) > limits[path] for path, stamp in stamps):
        return
    pins = stamp_of(find.pins) if find.pins else ()
    noted = pins[2] / 1e9 if pins else 0.0
    boot = unsettled_boot(environment, number)
    row = (stamps, *times, noted, environment, number, program, boot, state)
    path = answer_path(settings.home, question)
    try:
        fs.make_directories(os.path.dirname(path))
        fs.replace_file(path, pack_answer(question, row), durable=False)
        from blast_project.aging import forget_older

        forget_older(os.path.dirname(path), _FORGOTTEN_S)
    except (OSError, ValueError):
        # Such as a store that can't be written: the next command takes the long way, too.
        return


def _is_plain(settings: Settings) -> bool:
    """Tell whether nothing is set that the hot path doesn't know of."""
    from blast_project.hot_key import has_unknown_options

    if os.name == "nt" or has_unknown_options(settings.program_environ):
        return False
    # What files of settings stand for is told by their stamps, but not where the store is.
    return "BLAST_HOME" not in settings.configured


def _times(session: Session) -> tuple[int, int] | None:
    """Return when the pages were fetched from which a tool was found, and expire; None where that is not all."""
    from blast_project.hints import times_of

    source, client, files = session.answered_from, session.client, session.policy.files
    # Of several indexes the times of those count, too, that don't know a project; directories have none.
    if source is None or len(client.locations) != 1 or client.locations[0].url.startswith("file:"):
        return None
    if files.cutoff or any(files.package_cutoffs.values()):
        return None
    pages = source.pages()
    return times_of(client, pages) if pages is not None else None


def _settings_files(session: Session, find: ToolFind) -> Iterator[str]:
    """Yield the files that were read before the run knew what it was about to do, whether they are there or not."""
    from blast_project.hot_key import config_paths

    settings = session.settings
    yield from config_paths(settings.environ)
    if find.interpreter is not None:
        from blast_compat.pip_config import configuration_files

        yield from configuration_files(settings.environ, prefix=sys.prefix, platform=sys.platform)
        yield os.path.join(settings.home, "index-default")


def _found_files(session: Session, find: ToolFind) -> Iterator[str]:
    """Yield what led to an environment, and what it is known by, whether it is there or not."""
    from blast_core.names import normalize_name
    from blast_project.tool_receipts import receipt_path, tool_path

    settings, environment = session.settings, find.environment
    yield from _manifests(settings)
    yield receipt_path(tool_path(settings, normalize_name(find.command)))
    yield f"{environment}/.blast/current"
    yield f"{environment}/bin"
    if find.project is not None:
        from blast_project.project_tools import DIRECTORY

        yield os.path.join(find.project.root, DIRECTORY, f"{find.command}.blast.lock")
        yield os.path.join(_script_root(settings, environment), "script")
    if find.interpreter is not None:
        from blast_project.no_env.runtime_files import ensure_runtime

        yield ensure_runtime(settings.home)
        yield session.database.path
        yield find.pins
        yield f"{environment}/map"
        yield f"{environment}/{find.interpreter.site_packages}"
        yield from _interpreter_places(settings, find.interpreter)


def _manifests(settings: Settings) -> Iterator[str]:
    """Yield each manifest and file of settings that may be here or above, and those of a workspace's members."""
    from blast_project.project import find_root, load_project

    directory = settings.directory
    while True:
        base = "" if directory == os.sep else directory
        yield from (f"{base}/pyproject.toml", f"{base}/blast.toml")
        parent = os.path.dirname(directory)
        if parent == directory:
            break
        directory = parent
    if find_root(settings.directory, settings.home) is None:
        return
    project = load_project(settings.directory, settings.home)
    for member in project.workspace.members if project.workspace is not None else ():
        place = os.path.join(project.root, member.path)
        # One that is new there is a member, too.
        yield from (os.path.dirname(place), place, os.path.join(place, "pyproject.toml"))


def _interpreter_places(settings: Settings, interpreter: Interpreter) -> Iterator[str]:
    """Yield every place whose change may mean another interpreter."""
    yield interpreter.executable
    asked = os.path.expanduser(settings.python)
    if os.sep in asked:
        asked = os.path.abspath(asked)
        # An interpreter, or a directory with one.
        yield from (asked, f"{asked}/bin/python3", f"{asked}/bin/python")
    else:
        from blast_project.python.discover import watched_places

        yield from watched_places(settings.environ, settings.home)


def _trees(session: Session, environment: str) -> tuple[str, ...] | None:
    """Return the directories in stores that an environment links into; None where one is missing, or they are many."""
    said = VenvManager(environment).current()
    wheels = {row.sha256 for row in said.installed} if said is not None else set()
    found = session.cache.find(wheels)
    if said is None or len(wheels) > _MOST_TREES or found.keys() != wheels:
        return None
    return tuple(row.tree for row in found.values())


def _script_root(settings: Settings, environment: str) -> str:
    return os.path.join(settings.home, "scripts", os.path.basename(environment).removeprefix("script-"))


def _state_of(settings: Settings, environment: str) -> tuple[str, bytes] | None:
    """Return where a tool's own project is, and with which options its environment is up to date; None if it isn't."""
    from blast_project.environment.state import is_current

    try:
        with open(f"{environment}/.blast/state", "rb") as file:
            options = file.read(16)[8:]
    except OSError:
        return None
    root = _script_root(settings, environment)
    return (root, options) if is_current(root, environment, options) is not None else None
