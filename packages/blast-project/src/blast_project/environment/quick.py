"""Bare environments made after one that was made before: the same files at another place, and no questions.

The first ``blast venv`` of its kind finds the interpreter, which may look at a hundred places, and writes a skeleton:
every directory, link and file of such an environment, with marks where its own path and name stand. Kept with it is
what was looked at on the way, so that the next one is made from it only where nothing of that changed.

What holds nothing yet is not flushed to the disk, and says so: it is looked at again after another start.

The module imports ``os`` and ``marshal`` alone before it is certain that there is something to do.
"""

import marshal
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from blast_core.interpreter import Interpreter
    from blast_project.session import Session

__all__ = ["make_again", "remember"]

_FORMAT = 1
# What stands in the files of a skeleton for the path, and for the name that an activated shell shows.
_PLACE = "blast-environment-a5c1"
_NAME = "blast-prompt-a5c1"
_GENERATION = ".blast/generations/1/.meta/generation"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./")
# Decides which interpreter answers, and where programs are looked for.
_VARIABLES = (
    "ASDF_DATA_DIR",
    "BLAST_CONFIG_DIR",
    "BLAST_PYTHON_INSTALL_DIR",
    "HOME",
    "MISE_DATA_DIR",
    "PATH",
    "PYENV_ROOT",
    "RYE_PY_ROOT",
    "UV_PYTHON_INSTALL_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)
# A change in what makes environments makes other environments.
_SOURCES = (
    "activate.py",
    "drift.py",
    "generations.py",
    "layout.py",
    "making.py",
    "manager.py",
    "quick.py",
    "skeleton.py",
)
# Skeletons that are kept; of more, all are removed.
_MOST = 64


def make_again(
    environ: "Mapping[str, str]", home: str, request: str, place: str, prompt: str
) -> "tuple[str, str, str] | None":
    """Make an environment at ``place`` if one like it was made before.

    Args:
        environ: variables.
        home: BLAST_HOME.
        request: for an interpreter; "" for what is said here.
        place: absolute path.
        prompt: what an activated shell shows; "" for the directory's name.

    Returns:
        Version and path of its interpreter, and its directory of programs; None where nothing was made.
    """
    if not (_PLAIN.issuperset(place) and _PLAIN.issuperset(prompt)) or (os.sep in request and request[0] != os.sep):
        return None
    try:
        os.lstat(place)
    except FileNotFoundError:
        pass
    else:
        return None
    wanted = _key(environ, request)
    try:
        fd = os.open(_path(home, wanted), os.O_RDONLY)
        try:
            kept = marshal.loads(os.read(fd, 1 << 20))  # noqa: S302 - written by this user's Blast on this machine
        finally:
            os.close(fd)
        version, key, watched, found, items = kept
    except (OSError, ValueError, EOFError, TypeError, MemoryError):
        return None
    if version != _FORMAT or key != wanted or any(_stamp(path) != stamp for path, stamp in watched):
        return None
    _write(place, prompt or _name_of(place), items)
    python, executable, scripts = found
    return python, executable, scripts


def remember(session: "Session", interpreter: "Interpreter", request: str) -> None:
    """Keep a skeleton of the environments that ``request`` leads to here; a store that can't be written keeps none."""
    from blast_core import fs
    from blast_core.errors import BlastError
    from blast_core.reporter import SilentReporter
    from blast_pm.store.staging import Staging
    from blast_project.environment.manager import Composition, VenvManager
    from blast_project.environment.skeleton import Traits

    settings = session.settings
    key = _key(settings.environ, request)
    path = _path(settings.home, key)
    try:
        # Before the look: what changes meanwhile is seen by the next one.
        watched = [(one, _stamp(one)) for one in _watched(settings.environ, settings.home, request, interpreter)]
        with Staging(os.path.join(settings.home, "tmp")) as staging:
            place = os.path.join(staging.path, _PLACE)
            composition = Composition((), "venv", prompt=_NAME, traits=Traits())
            VenvManager(place).create(interpreter, reporter=SilentReporter(), composition=composition)
            items = tuple(_items(place))
        found = (interpreter.version, interpreter.executable, interpreter.scripts)
        row = (_FORMAT, key, watched, found, items)
        folder = os.path.dirname(path)
        fs.make_directories(folder)
        if len(names := os.listdir(folder)) >= _MOST:
            for name in names:
                fs.unlink(os.path.join(folder, name))
        fs.replace_file(path, marshal.dumps(row), durable=False)
    except (OSError, BlastError):
        return


def _items(place: str) -> "Iterator[tuple[str, str | None, bytes | None]]":
    """Yield path below the environment, target of a link or None, content of a file or None; parents first."""
    for folder, folders, files in os.walk(place):
        inside = "" if folder == place else folder[len(place) + 1 :] + "/"
        for name in sorted((*folders, *files)):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                yield inside + name, os.readlink(path), None
            elif name in folders:
                yield inside + name, None, None
            else:
                with open(path, "rb") as file:
                    yield inside + name, None, file.read().replace(os.fsencode(place), _PLACE.encode())


def _write(place: str, prompt: str, items: "tuple[tuple[str, str | None, bytes | None], ...]") -> None:
    """Write the environment beside its place, and put it there by one rename."""
    from blast_core import fs

    parent, name = os.path.split(place)
    fs.make_directories(parent)
    # By this name the next command that makes one here knows what a killed one left.
    beside = f"{parent}/.{name}.{os.getpid()}.{os.urandom(4).hex()}.blast-tmp"
    fs.make_directory(beside)
    try:
        for path, target, content in items:
            if target is not None:
                fs.symlink(target, f"{beside}/{path}")
            elif content is None:
                fs.make_directory(f"{beside}/{path}")
            else:
                fs.write_file(f"{beside}/{path}", _filled(path, content, place.encode(), prompt.encode()))
        # Someone may have been faster: a directory that holds something is not replaced.
        fs.rename(beside, place)
    except BaseException:
        fs.remove_tree(beside)
        raise


def _filled(path: str, content: bytes, place: bytes, prompt: bytes) -> bytes:
    if path == _GENERATION:
        return _made_now(content)
    return content.replace(_PLACE.encode(), place).replace(_NAME.encode(), prompt)


def _made_now(content: bytes) -> bytes:
    from blast_core.boot import boot_id

    version, (number, parent, _, *rest), *_ = marshal.loads(content)  # noqa: S302 - as above
    # Marked as what is not flushed: see `blast_project.environment.settled.is_doubtful`.
    return marshal.dumps((version, (number, parent, time.time(), *rest), boot_id()))


def _name_of(place: str) -> str:
    name = os.path.basename(place)
    return os.path.basename(os.path.dirname(place)) if name in {".venv", "venv"} else name


def _key(environ: "Mapping[str, str]", request: str) -> str:
    """Return what decides which environment is made: words, variables, files from here upwards, and Blast's sources."""
    here = os.path.dirname(os.path.abspath(__file__))
    parts = [request, here, *(environ.get(name, "") for name in _VARIABLES)]
    parts += [repr(_stamp(f"{here}/{name}")) for name in _SOURCES]
    directory = os.getcwd()
    while True:
        base = "" if directory == "/" else directory
        for name in ("pyproject.toml", "blast.toml", ".python-version", ".python-versions"):
            stamp = _stamp(f"{base}/{name}")
            if stamp[1] >= 0:
                parts.append(f"{base}/{name} {stamp}")
        parent = os.path.dirname(directory)
        if parent == directory:
            return "\0".join(parts)
        directory = parent


def _path(home: str, key: str) -> str:
    # Of modules that hash, this one alone is loaded anyway: it tells sources by content. The key itself is compared.
    from _imp import source_hash

    return f"{home}/skeletons/{source_hash(0, key.encode('utf-8', 'surrogateescape')).hex()}"


def _watched(environ: "Mapping[str, str]", home: str, request: str, interpreter: "Interpreter") -> "Iterator[str]":
    """Yield every place whose change may mean another interpreter."""
    yield interpreter.executable
    if request[:1] == os.sep:
        return
    from blast_project.python.discover import watched_places

    yield from watched_places(environ, home)


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, -1, 0
    return status.st_ino, status.st_size, status.st_mtime_ns
