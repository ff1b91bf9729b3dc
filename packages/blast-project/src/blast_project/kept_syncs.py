"""Syncs that are kept: the same files for the same interpreter come to the same environment, which is linked again.

What a plain ``sync`` of files that the store knows (`blast_project.recipes`) came to lies in one small file: which
trees, what composing decided, what a generation says of itself. The next one like it, in another checkout, takes it
from there: no database is opened, no lock decoded and nothing decided. It is found by what decides: the bytes of the
manifest, of the settings beside it and of both forms of the lock, Blast itself, all variables that Blast understands,
and how everything looks where interpreters are searched for.

Whatever differs, is missing or in the way sends the command the long way, at whose end the sync is kept anew: objects
that another start of the machine may have lost, a tree that is gone, hooks, a workspace, settings of the user, an
environment that stands. What is made goes through the manager of environments, as on the long way.

    projects/sync-<2 digits>    8 bytes of a checksum, and the marshal of (key, fields of `Kept`)

Losing one costs time alone.
"""

from __future__ import annotations

import marshal
import os
from _imp import source_hash

from blast_core import __version__
from blast_core.tuples import NamedTuple
from blast_pm import install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "FILES",
    "Kept",
    "find_kept",
    "is_in_workspace",
    "put_kept",
    "question_of",
    "read_files",
    "stamp_of",
    "watched",
]

# Raised when the same files may come to another environment, or `Kept` changes.
_FORMAT = 1
_CHECKSUM_BYTES = 8
#: The project's files that decide, by name.
FILES = ("pyproject.toml", "blast.lock", "pylock.toml", "blast.toml")
# What a lock begins with; the digest of all else is in it.
_HEADER_BYTES = 128
# Of the variables that begin with BLAST_, these change nothing of what an environment is.
_SAY_NOTHING = frozenset(
    (
        "BLAST_BOOT_ID",
        "BLAST_COLOR",
        "BLAST_FLUSH",
        "BLAST_LOCK_TIMEOUT",
        "BLAST_NO_PROGRESS",
        "BLAST_OFFLINE",
        "BLAST_PROJECT_ENVIRONMENT",
        "BLAST_QUIET",
    )
)
# Of others, those that decide which interpreter answers, or when bytecode is made.
_OTHERS = (
    "ASDF_DATA_DIR",
    "CI",
    "HOME",
    "MISE_DATA_DIR",
    "PATH",
    "PYENV_ROOT",
    "PYTHONDONTWRITEBYTECODE",
    "RYE_PY_ROOT",
    "UV_PYTHON_INSTALL_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)
# What decides, of Blast itself.
_OWN = ("environment/manager.py", "kept_syncs.py", "recipes.py", "syncing.py")
_OF_INSTALL = ("compose.py", "decisions.py", "merge.py", "plan.py", "planning.py", "prepared.py", "record.py")
_ABSENT = (0, -1, 0, 0)


class Kept(NamedTuple):
    """What a sync came to.

    Attributes:
        watched: path and stamp of everything whose change may mean another interpreter.
        interpreter: its fields, without its target.
        title: of the project.
        requested: normalised names of the manifest's own requirements.
        mode: the link mode as it is asked for.
        modes: of each distribution.
        rows: name, version, sha256 and name of the tree of each distribution, in the order of the decision.
        bytecode: when it is compiled; see ``blast_project.bytecode.MODES``.
        compiled: checksum of the stamps of all trees when they were known to be compiled; empty for not known.
        decision: see ``blast_pm.install.decisions.load_decision``.
    """

    watched: tuple[tuple[str, tuple[int, ...]], ...]
    interpreter: tuple[str, ...]
    title: str
    requested: tuple[str, ...]
    mode: str
    modes: tuple[str, ...]
    rows: tuple[tuple[str, str, str, str], ...]
    bytecode: str
    compiled: bytes
    decision: bytes


def read_files(root: str) -> dict[str, bytes]:
    """Return the project's files as they stand, by name.

    Raises:
        OSError: one can't be read.
    """
    found = {}
    for name in FILES:
        try:
            fd = os.open(f"{root}/{name}", os.O_RDONLY)
        except FileNotFoundError:
            continue
        with open(fd, "rb", buffering=0) as file:
            found[name] = file.readall()
    return found


def question_of(home: str, contents: Mapping[str, bytes], environ: Mapping[str, str], request: str) -> bytes:
    """Return what a plain sync asks.

    Args:
        home: BLAST_HOME.
        contents: the project's files by name; a manifest and a lock at least.
        environ: the process's variables.
        request: for an interpreter; "" for none.

    The lock's own forms stand in it by checksum, length and head: who makes another lock that looks so gets the
    environment of the first one, from his own store.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    names = sorted(name for name in environ if name.startswith("BLAST_") and name not in _SAY_NOTHING)
    said = [f"{name}={environ.get(name)}" for name in (*names, *_OTHERS)]
    there = os.path.dirname(os.path.abspath(install.__file__))
    # A checkout has one version for many states; of an installation, other sources are other files.
    sources = [stamp_of(f"{folder}/{name}") for folder, names in ((here, _OWN), (there, _OF_INSTALL)) for name in names]
    words = "\0".join((__version__, str(_FORMAT), here, home, repr(sources), request, *said))
    parts = [words.encode("utf-8", "surrogateescape")]
    for name in FILES:
        content = contents.get(name)
        if content is None:
            parts.append(b"-")
        elif name.endswith(".toml") and name != "pylock.toml":
            parts.append(content)
        else:
            parts.append(b"%d" % len(content) + source_hash(0, content) + content[:_HEADER_BYTES])
    return b"\0\0".join(parts)


def find_kept(home: str, question: bytes) -> Kept | None:
    """Return what a sync came to, if interpreters are where they were; None for nothing.

    Cost: one read of 0.1 MB for 230 distributions, and some stats.
    """
    try:
        fd = os.open(_place(home, question), os.O_RDONLY)
    except OSError:
        return None
    try:
        content = os.read(fd, os.fstat(fd).st_size + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    body = memoryview(content)[_CHECKSUM_BYTES:]
    if len(body) == 0 or source_hash(0, body) != content[:_CHECKSUM_BYTES]:
        return None
    key, fields = marshal.loads(body)  # noqa: S302 - written by this user's Blast on this machine, and whole
    if key != question:
        return None
    kept = Kept._make(fields)
    return kept if all(stamp_of(path) == stamp for path, stamp in kept.watched) else None


def put_kept(home: str, question: bytes, kept: Kept) -> None:
    """Keep what a sync came to; a store that can't be written keeps nothing."""
    from blast_core import fs

    body = marshal.dumps((question, tuple(kept)))
    place = _place(home, question)
    try:
        fs.make_directories(os.path.dirname(place))
        fs.replace_file(place, source_hash(0, body) + body, durable=False)
    except OSError:
        return


def watched(environ: Mapping[str, str], home: str, request: str, executable: str) -> Iterator[str]:
    """Yield every place whose change may mean another interpreter than ``executable`` for ``request``."""
    yield executable
    if os.sep in request:
        yield request
        return
    from blast_project.python.discover import watched_places

    yield from watched_places(environ, home)
    # A link to a link may lead elsewhere, and its directory looks as before.
    for directory in environ.get("PATH", "").split(os.pathsep):
        for name in ("python3", "python", f"python{request.strip()}"):
            yield f"{directory}/{name}"


def is_in_workspace(root: str, home: str) -> bool:
    """Tell whether a project is a member of a workspace above; mostly no manifest there mentions one."""
    here = os.path.dirname(root)
    while True:
        try:
            fd = os.open(os.path.join(here, "pyproject.toml"), os.O_RDONLY)
        except OSError:
            pass
        else:
            with open(fd, "rb", buffering=0) as file:
                content = file.readall()
            if b"workspace" in content:
                from blast_project.workspace import find_workspace_root

                return find_workspace_root(root, home) is not None
        parent = os.path.dirname(here)
        if parent == here:
            return False
        here = parent


def stamp_of(path: str) -> tuple[int, ...]:
    """Return what tells a file or directory from another, and from itself at another time."""
    try:
        status = os.stat(path)
    except OSError:
        return _ABSENT
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _place(home: str, question: bytes) -> str:
    # One of 32 places: what comes to lie in the same gives way. Of modules that hash, this one alone is loaded anyway.
    return f"{home}/projects/sync-{source_hash(0, question)[0] & 31:02x}"
