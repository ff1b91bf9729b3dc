"""When the store's bytecode is made: before an environment is composed, after it in the background, or never.

In the background means a process of its own at the lowest priority, which nobody waits for and which says nothing. It
is started when an environment was made from trees of which it is not known that they are compiled.
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import InvalidManifest, StoreError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.metadata.store import Database
    from blast_pm.store.cache import StoredDistribution
    from blast_project.environment.generations import Generation
    from blast_project.session import Session
    from blast_project.settings import Settings

__all__ = [
    "BACKGROUND",
    "MODES",
    "NEVER",
    "WAIT",
    "Standing",
    "bytecode_setting",
    "compile_later",
    "compile_now",
    "compile_trees_later",
    "complete_links",
    "when_to_compile",
]

WAIT, BACKGROUND, NEVER = MODES = ("wait", "background", "never")
_FOLD = "fold"
_OFF = frozenset(("", "0", "false", "no", "off"))
_MAIN = (
    "import sys; home, environment, number, *sys.path[:] = sys.argv[1:]; "
    "from blast_project.bytecode_process import main; main(home, environment, int(number))"
)
# Starts a program that is nobody's child: what this process becomes must not find one that it never started.
_ADOPTED = ("/bin/sh", "-c", '"$@" &', "sh")


class Standing(NamedTuple):
    """A generation that stands: its number, and its link mode."""

    number: int
    link_mode: str


def bytecode_setting(tool: Mapping[str, object]) -> str:
    """Return what ``[tool.blast] compile-bytecode`` says: one of `MODES`, or "" for nothing.

    Raises:
        InvalidManifest: it is something else.
    """
    value = tool.get("compile-bytecode", "")
    if isinstance(value, bool):
        return WAIT if value else NEVER
    if value not in ("", *MODES):
        raise InvalidManifest(
            f"tool.blast.compile-bytecode is {value!r}", hint=f"it may be {', '.join(MODES)}, true or false"
        )
    return str(value)


def when_to_compile(settings: Settings, project: str = "") -> str:
    """Return one of `MODES`.

    Args:
        settings: an option or its variable comes first.
        project: what the project's manifest says.

    Unless somebody says otherwise it is done in the background, and not at all where that is in vain: in continuous
    integration, whose machine is gone before it pays; where Python shall write no bytecode; and in the only command of
    a container, with which all else ends.
    """
    if settings.compile_bytecode or project:
        return settings.compile_bytecode or project
    environ = settings.environ
    if environ.get("CI", "").lower() not in _OFF or environ.get("PYTHONDONTWRITEBYTECODE"):
        return NEVER
    if 1 in (os.getpid(), os.getppid()) and not os.isatty(0):
        return NEVER
    return BACKGROUND


def compile_now(session: Session, stored: Sequence[StoredDistribution], interpreter: Interpreter) -> None:
    """Compile what is not compiled, and return when it is; where it can't be, the user is told, and all goes on."""
    from blast_pm.store.bytecode import compile_trees

    def started(count: int) -> None:
        session.reporter.step(f"Compiling {count} {'package' if count == 1 else 'packages'}")

    trees = [row.tree for row in stored]
    try:
        compile_trees(session.cache.paths, session.database, trees, interpreter, started=started)
    except StoreError as error:
        # Programs run without, only slower.
        why = f": {error.reason}" if error.reason else ""
        session.reporter.note(f"bytecode is not compiled: {error.message}{why}")


def compile_later(
    session: Session,
    environment: str,
    made: Standing | Generation,
    stored: Sequence[StoredDistribution],
    interpreter: Interpreter,
    *,
    becomes: bool = False,
) -> None:
    """Have the store compile what is not compiled, and a generation link to it, by a process that nobody waits for.

    Args:
        session: services.
        environment: absolute path.
        made: the generation.
        stored: what it holds.
        interpreter: its own.
        becomes: this process is to become another program.

    Cost: a lookup and an lstat per distribution; 0.2 ms to start the process, 1 ms if this one becomes another.
    """
    settings = session.settings
    trees = [row.tree for row in stored]
    compile_trees_later(
        settings.home, settings.environ, session.database, environment, made, trees, interpreter, becomes=becomes
    )


def compile_trees_later(
    home: str,
    environ: Mapping[str, str],
    database: Database,
    environment: str,
    made: Standing | Generation,
    trees: Sequence[str],
    interpreter: Interpreter,
    *,
    becomes: bool = False,
) -> bool:
    """Do as `compile_later` without a session, and tell whether anything is left to be done."""
    from blast_pm.store.compiled import compiler_of, find_uncompiled

    own = [tree for tree in trees if os.path.dirname(tree) == os.path.join(home, "t")]
    # A Blast that was frozen into a program has no Python to start.
    if not own or not sys.executable or not os.access(home, os.W_OK):
        return False
    # Where each module is a link of its own, each pyc is to be one, too.
    if made.link_mode == _FOLD and not find_uncompiled(database, own, compiler_of(interpreter)):
        return False
    _start(home, environment, made.number, environ, becomes=becomes)
    return True


def complete_links(
    environment: str, made: Standing | Generation, stored: Sequence[StoredDistribution], interpreter: Interpreter
) -> None:
    """Give a generation links to the bytecode that the store has by now.

    Raises:
        OSError: the environment can't be written.
    """
    from blast_pm.install.bytecode import link_bytecode
    from blast_project.environment.layout import generations_directory
    from blast_project.environment.leases import hold_generation

    generation = os.path.join(generations_directory(environment), str(made.number))
    # Nobody removes it from under us.
    if hold_generation(environment, made.number) and os.path.isdir(generation):
        link_bytecode(generation, interpreter, stored, made.link_mode)


def _start(home: str, environment: str, number: int, environ: Mapping[str, str], *, becomes: bool) -> None:
    import blast_core
    import blast_pm
    import blast_project

    # An editable installation may be known to an import hook alone, so the packages' own places come first.
    modules = (blast_core, blast_pm, blast_project)
    own = dict.fromkeys(os.path.dirname(os.path.dirname(module.__file__ or "")) for module in modules)
    path = [*own, *(entry for entry in sys.path if entry and entry not in own)]
    line = [sys.executable, "-I", "-S", "-c", _MAIN, home, environment, str(number), *path]
    try:
        if os.name == "nt":
            os.spawnve(os.P_DETACH, line[0], line, dict(environ))  # type: ignore[attr-defined]  # noqa: S606 - our own
            return
        silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)]
        words = [*_ADOPTED, *line] if becomes else line
        try:
            child = os.posix_spawn(words[0], words, dict(environ), file_actions=silent, setsid=True)
        except RuntimeError:
            # No sessions for spawned processes here: then at least a group, which no Ctrl-C reaches.
            child = os.posix_spawn(words[0], words, dict(environ), file_actions=silent, setpgroup=0)
        if becomes:
            os.waitpid(child, 0)
    except OSError:
        # Nothing was promised: the next environment asks for it again.
        return
