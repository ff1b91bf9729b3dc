"""Links to installed interpreters in a directory of programs, such as ``~/.local/bin/python3.12``."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.tuples import NamedTuple
from blast_project.python.discover import minor_key
from blast_project.python.installations import Installation, executable_below, program_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Linked", "bin_directory", "is_on_path", "link_programs", "unlink_stale_programs"]


class Linked(NamedTuple):
    """What came of linking an interpreter.

    Attributes:
        made: paths that lead to it now.
        refused: paths where something else stands.
    """

    made: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def bin_directory(environ: Mapping[str, str]) -> str:
    """Return where programs for the user belong.

    It is ``BLAST_PYTHON_BIN_DIR``, ``XDG_BIN_HOME``, ``bin`` beside ``XDG_DATA_HOME``, or ``~/.local/bin``.
    """
    for name in ("BLAST_PYTHON_BIN_DIR", "XDG_BIN_HOME"):
        if environ.get(name):
            return os.path.abspath(os.path.expanduser(environ[name]))
    data = environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):
        return os.path.normpath(os.path.join(data, "..", "bin"))
    return os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".local", "bin")


def is_on_path(directory: str, environ: Mapping[str, str]) -> bool:
    """Tell whether programs in a directory are found by name."""
    wanted = os.path.realpath(directory)
    return any(part and os.path.realpath(part) == wanted for part in environ.get("PATH", "").split(os.pathsep))


def link_programs(installed: Installation, root: str, directory: str, *, default: bool, force: bool) -> Linked:
    """Link an interpreter under its names; what is there and is no link of Blast's stays, unless ``force`` is set.

    Args:
        installed: the interpreter.
        root: where interpreters are installed.
        directory: of the programs.
        default: also as ``python3`` and ``python``.
        force: replace what others put there.
    """
    by_minor = os.path.join(root, minor_key(installed.key))
    target = executable_below(by_minor if os.path.lexists(by_minor) else installed.path, installed.build)
    made, refused = [], []
    for name in program_names(installed.build, default=default):
        path = os.path.join(directory, name)
        if os.path.lexists(path) and not force and not _is_ours(path, root):
            refused.append(path)
            continue
        fs.make_directories(directory)
        if os.name == "nt":
            path += ".cmd"
            fs.replace_file(path, f'@"{target}" %*\r\n'.encode(), durable=False)
        else:
            fs.replace_symlink(path, target)
        made.append(path)
    return Linked(tuple(made), tuple(refused))


def unlink_stale_programs(root: str, directory: str) -> tuple[str, ...]:
    """Remove the links to interpreters below ``root`` that are there no more, and return their paths."""
    removed = []
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
        path = os.path.join(directory, name)
        if _is_ours(path, root) and not os.path.exists(path):
            fs.unlink(path)
            removed.append(path)
    return tuple(removed)


def _is_ours(path: str, root: str) -> bool:
    try:
        return os.readlink(path).startswith(root + os.sep)
    except OSError:
        return False
