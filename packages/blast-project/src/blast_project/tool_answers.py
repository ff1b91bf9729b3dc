"""Where a tool was run from, so that it is run from there again without asking: ``BLAST_HOME/tool-answers/KEY``.

The long way of ``tool run`` resolves what was asked for with the versions of its last run. That answer is kept with
everything that decided it, and holds as long as all of that is as it was: the words, the variables, the files of
settings and manifests from here upwards, pip's configuration, the database of the indexes' pages, which of these may
not be used unasked any more, the receipt of an installed tool, what an interpreter would be looked for in, and the
environment with what it links into. Whatever differs sends the command the long way, which keeps the answer anew
(`blast_project.tool_answer_keeping`).

The hot path imports this module: `os`, `marshal` and small modules of ours.
"""

import marshal
import os
import sys

# Of modules that hash, this one alone is loaded anyway: it tells sources by content.
from _imp import source_hash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    # Inode, size, times of content and of status in nanoseconds; of a missing file none.
    Stamp = tuple[int, ...]
    # By path; when pages were fetched and expire; when versions were noted; environment and generation; program; start
    # of the machine; where the project of a project's tool is, and the options of its environment.
    _Row = tuple[tuple[tuple[str, Stamp], ...], float, float, float, str, int, str, str, tuple[str, bytes] | None]

__all__ = ["answer_path", "find_tool_answer", "pack_answer", "question_of", "stamp_of"]

# Below the home.
_DIRECTORY = "tool-answers"
# Raise it when the long way may come to something else, or an answer is read otherwise.
_FORMAT = 1
_CHECK = 8
# Variables that say what is asked, of whom, and which interpreters there are.
_PREFIXES = ("BLAST_", "PIP_", "UV_", "XDG_")
_NAMES = frozenset(("ASDF_DATA_DIR", "HOME", "MISE_DATA_DIR", "PATH", "PYENV_ROOT", "RYE_PY_ROOT"))
_MANIFESTS = ("pyproject.toml", "blast.toml")
# What the names of variables end with that hold a path.
_PLACES = ("_DIR", "_FILE", "_HOME", "_ROOT", "_STORE")


def question_of(words: "tuple[str, ...]", environ: "Mapping[str, str]") -> bytes:
    """Return what a ``tool run`` asks here.

    Args:
        words: options and command as typed, without the command's own arguments.
        environ: the process's variables.
    """
    from blast_core import __version__

    directory = os.getcwd()
    # The start of the machine is compared where it counts.
    names = sorted(name for name in environ if name.startswith(_PREFIXES) or name in _NAMES)
    parts = [__version__, sys.prefix, *(f"{name}={environ[name]}" for name in names if name != "BLAST_BOOT_ID"), ""]
    if any(_is_relative(name, environ[name]) for name in names):
        parts.append(directory)
    while True:
        base = "" if directory == "/" else directory
        # Which they are is part of the question, what they look like of the answer.
        parts += [path for name in _MANIFESTS if stamp_of(path := f"{base}/{name}")]
        parent = os.path.dirname(directory)
        if parent == directory:
            return "\0".join([*parts, "", *words]).encode("utf-8", "surrogateescape")
        directory = parent


def answer_path(home: str, question: bytes) -> str:
    """Return where the answer to a question is kept, if one is."""
    return f"{home}/{_DIRECTORY}/{source_hash(_FORMAT, question).hex()}"


def pack_answer(question: bytes, row: "_Row") -> bytes:
    """Return an answer as it is kept: a checksum, and after it everything marshalled."""
    content = marshal.dumps((_FORMAT, question, row))
    return source_hash(_FORMAT, content) + content


def find_tool_answer(home: str, question: bytes, *, offline: bool) -> "tuple[str, str] | None":
    """Return environment and program of a tool, leased for this process and the program that it becomes.

    Args:
        home: BLAST_HOME.
        question: see `question_of`.
        offline: take what indexes said, however long ago.

    Returns:
        None where no answer is kept, or it no longer holds.

    Cost: one read, some thirty stats.
    """
    kept = _read(answer_path(home, question), question)
    if kept is None:
        return None
    stamps, fetched, expires, noted, environment, number, program, boot, state = kept
    if any(stamp_of(path) != stamp for path, stamp in stamps):
        return None
    import time

    now = time.time()
    # A clock that was put back must not make pages eternal.
    if expires and not offline and not fetched - 60 <= now < expires:
        return None
    # The versions of a run are told every day that they are used.
    if noted and not noted - 60 <= now < noted + 86400:
        return None
    if not (os.access(f"{environment}/bin/python", os.X_OK) and os.access(program, os.X_OK)):
        return None
    from blast_project.environment.leases import hold_generation

    if boot and not _is_settled(environment, number, boot):
        return None
    if state is not None and not _is_current(environment, number, *state):
        return None
    return (environment, program) if hold_generation(environment, number) else None


def stamp_of(path: str) -> "Stamp":
    """Return what tells a file from another, and from itself at another time; () where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _is_relative(name: str, value: str) -> bool:
    """Tell whether a variable holds a path that means another place in another directory."""
    if name == "PATH":
        return any(part and part[0] != "/" for part in value.split(":"))
    if name == "BLAST_PYTHON":
        return "/" in value and value[0] not in "/~"
    return name.endswith(_PLACES) and value[:1] not in ("", "/", "~")


def _read(path: str, question: bytes) -> "_Row | None":
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        content = os.read(fd, 1 << 20)
    except OSError:
        return None
    finally:
        os.close(fd)
    if source_hash(_FORMAT, content[_CHECK:]) != content[:_CHECK]:
        return None
    version, asked, row = marshal.loads(content[_CHECK:])  # noqa: S302 - this user's own store
    return row if (version, asked) == (_FORMAT, question) else None


def _is_settled(environment: str, number: int, boot: str) -> bool:
    """Tell whether an environment is on the disk, or was made under this start of the machine."""
    if stamp_of(f"{environment}/.blast/generations/{number}/.meta/settled"):
        return True
    from blast_core.boot import boot_id

    return boot_id() == boot


def _is_current(environment: str, number: int, root: str, options: bytes) -> bool:
    """Tell whether the environment of a project's tool is what its lock says."""
    from blast_project.environment.state import is_current

    state = is_current(root, environment, options)
    return state is not None and state.generation == number
