"""Which files an installed distribution owns: what uninstalling removes, and nothing else.

Spec: RECORD (PEP 376, PEP 627) says it for all that was installed from wheels. What older tools left is read as pip
reads it: ``installed-files.txt``, ``top_level.txt``, the egg-link of ``setup.py develop`` with its line in
``easy-install.pth``, and eggs.
"""

from __future__ import annotations

import os

from blast_core.errors import InstallError
from blast_core.tuples import NamedTuple
from blast_project.pip.inventory import DIST_INFO, DISTUTILS, EGG, EGG_LINK
from blast_project.pip.sites import is_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.pip.sites import Site

__all__ = ["Removal", "bytecode_of", "plan_removal"]

_CACHE = "__pycache__"
_PTH = "easy-install.pth"


class Removal(NamedTuple):
    """What goes with a distribution.

    Attributes:
        paths: files and links that are there, absolute, each once; bytecode of its modules is among them.
        edits: new content of files that stay, such as ``easy-install.pth``.
        outside: rows that lead out of the place, which are left alone.
    """

    paths: tuple[str, ...]
    edits: Mapping[str, bytes]
    outside: tuple[str, ...]


def plan_removal(row: InstalledDistribution, site: Site) -> Removal:
    """Return what uninstalling a distribution removes.

    Raises:
        InstallError: nothing says which files are its own.
    """
    edits: dict[str, bytes] = {}
    if row.kind == DIST_INFO:
        listed = list(_recorded(row))
    elif row.kind == DISTUTILS:
        raise InstallError(
            f"{row.name} {row.version} can't be uninstalled",
            reason="distutils installed it, and nothing says which files are its own",
            hint=f"remove it by hand, or with the tool that brought it: {row.info}",
        )
    elif row.kind == EGG_LINK:
        listed = [row.record, *_programs(row, site)]
        edits = _without_line(row.directory, os.path.dirname(row.info))
    elif row.kind == EGG:
        listed = [*_walk(row.record), *_programs(row, site)]
        edits = _without_line(row.directory, row.record)
    else:
        listed = _flat(row, site)
    outside = [path for path in dict.fromkeys(listed) if not is_below(path, site.bounds)]
    kept = {*outside}
    found: dict[str, None] = {}
    caches: dict[str, frozenset[str]] = {}
    for path in dict.fromkeys(listed):
        # A row that names a directory would take with it what others have in there.
        if path not in kept and (os.path.islink(path) or os.path.isfile(path)):
            found[path] = None
            found.update(dict.fromkeys(bytecode_of(path, caches)))
    return Removal(tuple(found), edits, tuple(outside))


def bytecode_of(path: str, caches: dict[str, frozenset[str]]) -> Iterator[str]:
    """Yield the files with bytecode of a module, of all Pythons.

    Args:
        path: of the module.
        caches: names in the ``__pycache__`` directories that were looked at.
    """
    stem, dot, ending = os.path.basename(path).rpartition(".")
    if not dot or ending != "py":
        return
    directory = os.path.join(os.path.dirname(path), _CACHE)
    if directory not in caches:
        try:
            caches[directory] = frozenset(os.listdir(directory))
        except OSError:
            caches[directory] = frozenset()
    for name in caches[directory]:
        # A dot more, and it is that of another module, such as `a.b.py`.
        tag = name[len(stem) + 1 : -4].partition(".opt-")[0]
        if name.startswith(f"{stem}.") and name.endswith(".pyc") and "." not in tag:
            yield os.path.join(directory, name)
    if os.path.lexists(f"{path}c"):
        yield f"{path}c"


def _recorded(row: InstalledDistribution) -> Iterator[str]:
    import csv

    text = row.read("RECORD")
    if text is None:
        by = f" by {row.installer}" if row.installer else ""
        raise InstallError(
            f"{row.name} {row.version} can't be uninstalled: it has no RECORD",
            reason=f"it was installed{by} in a way that does not say which files are its own",
            hint="remove it with the tool that brought it, such as the system's package manager",
        )
    for cells in csv.reader(text.splitlines()):
        if cells and cells[0]:
            yield os.path.normpath(os.path.join(row.directory, cells[0]))
    # Whatever RECORD says: without it the distribution would still be there.
    yield from _walk(row.info)


def _flat(row: InstalledDistribution, site: Site) -> list[str]:
    """Return what ``setup.py install`` put into site-packages itself."""
    listed = row.read("installed-files.txt")
    if listed is not None:
        paths = [os.path.normpath(os.path.join(row.info, line)) for line in listed.splitlines() if line.strip()]
        return [*paths, *_walk(row.info)]
    tops = row.read("top_level.txt")
    if tops is None:
        raise InstallError(
            f"{row.name} {row.version} can't be uninstalled",
            reason="neither installed-files.txt nor top_level.txt says which files are its own",
            hint=f"remove it by hand, or with the tool that brought it: {row.info}",
        )
    namespaces = (row.read("namespace_packages.txt") or "").split()
    paths = list(_walk(row.info))
    for name in tops.split():
        if name in namespaces or not name.replace("-", "_").isidentifier():
            continue
        base = os.path.join(row.directory, name)
        paths += [*_walk(base), f"{base}.py", f"{base}.pyc", f"{base}.pyo"]
    return [*paths, *_programs(row, site)]


def _programs(row: InstalledDistribution, site: Site) -> Iterator[str]:
    """Yield the programs that setuptools made: of entry points, and copies of scripts."""
    from blast_core.archive.entry_points import SCRIPT_GROUPS, parse_entry_points

    try:
        points = parse_entry_points((row.read("entry_points.txt") or "").encode("utf-8", "surrogateescape"))
    except ValueError:
        points = ()
    names = [point.name for point in points if point.group in SCRIPT_GROUPS]
    try:
        names += os.listdir(os.path.join(row.info, "scripts"))
    except OSError:
        pass
    for name in names:
        for ending in ("", ".exe", ".exe.manifest", "-script.py", "-script.pyw"):
            yield os.path.join(site.scripts, name + ending)


def _without_line(directory: str, place: str) -> dict[str, bytes]:
    """Return ``easy-install.pth`` without the line that leads to a place; {} where there is none."""
    path = os.path.join(directory, _PTH)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return {}
    lines = content.splitlines(keepends=True)
    own = os.path.normcase(os.path.realpath(place))
    kept = [
        line
        for line in lines
        if os.path.normcase(os.path.realpath(os.path.join(directory, os.fsdecode(line.strip()) or "/"))) != own
    ]
    return {path: b"".join(kept)} if len(kept) < len(lines) else {}


def _walk(path: str) -> Iterator[str]:
    """Yield the files and links below a directory; links are not followed."""
    if os.path.islink(path) or not os.path.isdir(path):
        if os.path.lexists(path):
            yield path
        return
    for directory, names, files in os.walk(path):
        yield from (os.path.join(directory, name) for name in files)
        yield from (os.path.join(directory, name) for name in names if os.path.islink(os.path.join(directory, name)))
