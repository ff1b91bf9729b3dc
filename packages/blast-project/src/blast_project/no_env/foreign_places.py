"""Which lock counts where a program is started: the nearest one above it, whichever tool made it."""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple
from blast_project.project import LOCK_NAME, MANIFEST_NAME, PYLOCK_NAME, find_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OURS", "REQUIREMENTS", "WATCHED", "LockPlace", "find_lock", "lock_in", "required_python", "watched_files"]

#: The kind of what Blast locks itself.
OURS = "blast"
#: The file that counts where there is neither a lock nor a project.
REQUIREMENTS = "requirements.txt"
_FOREIGN = (PYLOCK_NAME, "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
#: Names of files in a directory that decide which lock counts there.
WATCHED = (LOCK_NAME, *_FOREIGN, MANIFEST_NAME, REQUIREMENTS)


class LockPlace(NamedTuple):
    """What decides which packages a program gets.

    Attributes:
        kind: `OURS`, or the name of another tool's file.
        path: of the lock, or of the manifest of a project that Blast locks.
        root: directory of it.
    """

    kind: str
    path: str
    root: str


def find_lock(directory: str) -> LockPlace | None:
    """Return what counts for programs in a directory; None where there is nothing from there up.

    In the nearest directory that has something: ``blast.lock``, a ``pylock.toml``, the locks of uv, Poetry, PDM and
    pipenv, a project (a ``pyproject.toml`` with a ``[project]`` table), pinned requirements, in this order. The package
    of a workspace belongs to the lock of its workspace.

    Args:
        directory: absolute path.
    """
    for here in _upwards(directory):
        found = lock_in(here)
        if found is None:
            continue
        if found.path.endswith(MANIFEST_NAME) and found.kind == OURS:
            return _of_workspace(here) or found
        return found
    return None


def watched_files(directory: str, found: LockPlace | None) -> tuple[str, ...]:
    """Return the paths whose coming, going or changing may let another lock count for a directory."""
    paths = []
    for here in _upwards(directory):
        paths += [os.path.join(here, name) for name in WATCHED]
        if found is not None and here == found.root:
            break
    return tuple(paths)


def required_python(place: LockPlace) -> str:
    """Return the specifier of Pythons that another tool's lock is for, "" where it says none that a specifier can.

    What is wrong with the files, whoever reads them for what they lock will say.
    """
    from blast_compat.locks.foreign_reader import read_foreign_lock
    from blast_compat.pyproject import parse_toml
    from blast_core.errors import BlastError

    if place.kind in (OURS, REQUIREMENTS):
        return ""
    try:
        manifest = parse_toml(_content(os.path.join(place.root, MANIFEST_NAME)).decode(), MANIFEST_NAME)
        project = manifest.get("project")
        said = project.get("requires-python") if isinstance(project, dict) else None
        if isinstance(said, str):
            from blast_core.version import check_specifier

            check_specifier(said)
            return said
        pythons = read_foreign_lock(place.path, _content(place.path), manifest).pythons
    except (BlastError, UnicodeDecodeError):
        return ""
    return pythons[0] if len(pythons) == 1 else ""


def _upwards(directory: str) -> Iterator[str]:
    here = directory
    while True:
        yield here
        parent = os.path.dirname(here)
        if parent == here:
            return
        here = parent


def lock_in(here: str) -> LockPlace | None:
    """Return what counts in a directory, whatever stands above it; see `find_lock`."""
    own = os.path.join(here, LOCK_NAME)
    manifest = os.path.join(here, MANIFEST_NAME)
    if os.path.isfile(own) and os.path.isfile(manifest):
        return LockPlace(OURS, own, here)
    for name in _FOREIGN:
        path = os.path.join(here, name)
        if os.path.isfile(path):
            is_ours = name == PYLOCK_NAME and os.path.isfile(manifest) and _mentions(path, b"tool.blast")
            return LockPlace(OURS if is_ours else name, path, here)
    if os.path.isfile(manifest) and _mentions(manifest, b"[project]", b"[tool.blast"):
        return LockPlace(OURS, manifest, here)
    requirements = os.path.join(here, REQUIREMENTS)
    return LockPlace(REQUIREMENTS, requirements, here) if os.path.isfile(requirements) else None


def _of_workspace(here: str) -> LockPlace | None:
    """Return the lock above a project without one, if it is a package of the workspace that the lock is of."""
    root = find_root(here)
    if root is not None and root != here:
        found = lock_in(root)
        return (
            found
            if found is not None and found.kind == OURS
            else LockPlace(OURS, os.path.join(root, MANIFEST_NAME), root)
        )
    for above in _upwards(os.path.dirname(here)):
        path = os.path.join(above, "uv.lock")
        if os.path.isfile(path):
            below = os.path.relpath(here, above).replace(os.sep, "/")
            quoted = f'= "{below}"'.encode()
            return (
                LockPlace("uv.lock", path, above)
                if _mentions(path, b"editable " + quoted, b"virtual " + quoted)
                else None
            )
    return None


def _mentions(path: str, *words: bytes) -> bool:
    content = _content(path)
    return any(word in content for word in words)


def _content(path: str) -> bytes:
    """Return what a file holds, nothing if it can't be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
