"""Programs ``python``, ``python3`` and ``python3.12`` that act as the interpreter with the packages of the project.

    shims/blast-python                 a script that starts Blast with its own path and arguments
    shims/python, python3, …           links to it

With that directory in front of PATH, ``python script.py`` in a checkout runs with what is locked there, and no
environment is made. The name in front of the arguments says which version, or ``+3.12`` as the first of them does.
"""

from __future__ import annotations

import os
import sys

from blast_core import fs
from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_project.python.discover import SHIM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_project.session import Session

__all__ = ["Shims", "make_shims", "remove_shims", "shims_directory"]

# Nothing of the program's surroundings gets into Blast, and nothing of Blast's into the program.
_SCRIPT = """#!/bin/sh
exec {python} -I -c 'import sys; sys.path[:0] = sys.argv[1:{count}]; from blast_cli.main import main; \
main(["__python", *sys.argv[{count}:]])' {places} "$0" "$@"
"""


class Shims(NamedTuple):
    """Programs that were made, or removed: their directory, and their names."""

    directory: str
    names: tuple[str, ...]


def shims_directory(home: str) -> str:
    """Return where they are made if nobody names another place."""
    return os.path.join(home, "shims")


def make_shims(session: Session, directory: str, versions: Iterable[str] = ()) -> Shims:
    """Make the programs, for every interpreter of this machine if no versions are named; those that stand stay.

    Args:
        session: services.
        directory: absolute path.
        versions: such as ``3.12``.

    Raises:
        UsageError: something else stands in the way, or this system has no links.
    """
    if os.name == "nt":
        raise UsageError("Windows runs no scripts by links", hint="'blast +3.12 script.py' needs none")
    minors = sorted({*versions} or _minors_here(session), key=lambda text: [int(part) for part in text.split(".")])
    names = ("python", "python3", *(f"python{minor}" for minor in minors))
    taken = [name for name in names if _is_taken(directory, name)]
    if taken:
        raise UsageError(
            f"{directory} has programs of that name already: {', '.join(taken)}",
            reason="another tool or another person put them there",
            hint="name another directory",
        )
    fs.make_directories(directory)
    fs.replace_file(os.path.join(directory, SHIM), _script().encode("utf-8", "surrogateescape"), mode=0o755)
    for name in names:
        fs.replace_symlink(os.path.join(directory, name), SHIM)
    return Shims(directory, names)


def remove_shims(directory: str) -> Shims:
    """Remove the programs, and the directory if nothing else is in it."""
    try:
        found = sorted(os.listdir(directory))
    except OSError:
        found = []
    names = tuple(name for name in found if _link(directory, name) == SHIM)
    for name in (*names, *(name for name in found if name == SHIM)):
        fs.unlink(os.path.join(directory, name))
    if found and not os.listdir(directory):
        fs.remove_directory(directory)
    return Shims(directory, names)


def _minors_here(session: Session) -> set[str]:
    from blast_core.errors import ProbeFailed
    from blast_project.python.discover import iter_interpreters

    settings = session.settings
    minors = set()
    for path in iter_interpreters(settings.environ, settings.home, "", settings.python_preference):
        try:
            found = session.interpreters.get(path, searching=True)
        except ProbeFailed:
            continue
        minor = ".".join(found.version.split(".")[:2])
        # Older ones run nothing without an environment.
        if found.implementation == "cpython" and not found.variant and minor not in {"3.6", "3.7", "3.8"}:
            minors.add(minor)
    return minors


def _script() -> str:
    import blast_compat
    import blast_core
    import blast_pm
    import blast_project
    import blast_runtime

    # The command line's own package is the one that started this.
    modules = [blast_core, blast_compat, blast_pm, blast_project, blast_runtime]
    modules += [module for name, module in sys.modules.items() if name in {"blast_cli", "blast_live"}]
    places = dict.fromkeys(os.path.dirname(os.path.dirname(module.__file__ or "")) for module in modules)
    words = " ".join(_quoted(place) for place in places)
    return _SCRIPT.format(python=_quoted(sys.executable), count=len(places) + 1, places=words)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _is_taken(directory: str, name: str) -> bool:
    return os.path.lexists(os.path.join(directory, name)) and _link(directory, name) != SHIM


def _link(directory: str, name: str) -> str:
    try:
        return os.readlink(os.path.join(directory, name))
    except OSError:
        return ""
