"""Module maps of distributions in the store: made from their plans, without a look at any directory.

What a map says is what one site-packages with the same distributions would hold, as Python would see it: for each name
at the top the files and directories that could be it, and further down the names for which it takes more than one
directory to decide (`blast_runtime.modmap`).
"""

from __future__ import annotations

import os

from blast_pm.install.plan import SITE, read_listing, read_plan
from blast_runtime.modmap import MODULE, PACKAGE, PORTION
from blast_runtime.modmap_builder import MappedDistribution, write_map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from blast_pm.install.plan import TreePlan
    from blast_pm.store.cache import StoredDistribution
    from blast_runtime.modmap_builder import Row

__all__ = ["make_map"]

# Which of these a Python loads, and in which order, it decides itself when it reads the map.
_ENDINGS = (".py", ".pyc", ".pyw", ".so", ".pyd", ".dll")
_INIT = "__init__"
# pip's own copy, by which it lists distributions before Python 3.11: the runtime tells it of the map, as the original.
_COPY = ("pip/_vendor", "pip/_vendor/pkg_resources")


def make_map(
    stored: Sequence[StoredDistribution],
    *,
    direct_urls: Mapping[str, bytes] | None = None,
    requested: Collection[str] = (),
) -> bytes:
    """Return the module map (DPM) of distributions in the store, for any interpreter.

    Args:
        stored: the distributions, in any order, no name twice.
        direct_urls: content of direct_url.json by normalised name (PEP 610).
        requested: normalised names of what the user asked for.

    Raises:
        StoreError: a plan can't be read.
        MapError: a name stands twice.

    Cost: no system call; about 60 us a distribution.
    """
    members = [_Member(row) for row in sorted(stored)]
    modules = _collect(members)
    urls = direct_urls or {}
    made = []
    for member, rows in zip(members, modules, strict=True):
        plan = member.plan
        texts = {"direct_url.json": urls[member.name]} if member.name in urls else {}
        if member.name in requested:
            texts["REQUESTED"] = b""
        files = member.path_files()
        made.append(MappedDistribution(plan.name, plan.version, member.directory, plan.dist_info, rows, files, texts))
    return write_map(made, {os.path.dirname(row.tree) + os.sep for row in stored})


class _Member:
    """A distribution, and what its plan says of directories below site-packages."""

    def __init__(self, row: StoredDistribution) -> None:
        self.name = row.name
        self.plan: TreePlan = read_plan(row.plan)
        self.directory = row.tree
        # By path below site-packages: where each source of it lies below `directory`, and its files.
        self.at: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for scheme, path, source, files in read_listing(self.plan):
            if scheme == SITE:
                self.at.setdefault(path, []).append((source, files))
        self._children: dict[str, list[str]] | None = None

    def tops(self) -> list[str]:
        """Return the directories directly in site-packages."""
        return [path for path in self.at if path and "/" not in path]

    def children(self, path: str) -> list[str]:
        """Return the directories directly in one."""
        if self._children is None:
            self._children = {}
            for below in self.at:
                parent = below.rpartition("/")[0]
                if below:
                    self._children.setdefault(parent, []).append(below)
        return self._children.get(path, [])

    def path_files(self) -> list[tuple[str, str]]:
        """Return the ``.pth`` files that `site` would read."""
        return [
            (source, name)
            for source, names in self.at.get("", ())
            for name in names
            if name.endswith(".pth") and not name.startswith(".")
        ]

    def modules(self, path: str) -> Iterator[tuple[str, int, str, str]]:
        """Yield (name, kind, directory, suffix) of all that can be imported directly from a directory."""
        for source, names in self.at.get(path, ()):
            for name in names:
                stem, dot, rest = name.partition(".")
                if stem and dot and name.endswith(_ENDINGS) and (stem != _INIT or not path):
                    yield stem, MODULE, source, dot + rest
        for child in self.children(path) if path else self.tops():
            name = child.rpartition("/")[2]
            if "." not in name and name != "__pycache__":
                for source, names in self.at[child]:
                    yield from _directory(name, source, names)

    def directory_rows(self, path: str) -> Iterator[Row]:
        """Yield what the map has to say of one directory."""
        for source, names in self.at[path]:
            yield from _directory(path.replace("/", "."), source, names)


def _directory(name: str, source: str, names: Sequence[str]) -> Iterator[tuple[str, int, str, str]]:
    # More than one is possible: for several interpreters, or source and bytecode.
    inits = [file[len(_INIT) :] for file in names if file.startswith(_INIT + ".") and file.endswith(_ENDINGS)]
    for suffix in inits:
        yield name, PACKAGE, source, suffix
    # With an `__init__` for other interpreters alone it is one without for this one.
    if not any(suffix in {".py", ".pyc"} for suffix in inits):
        yield name, PORTION, source, ""


def _collect(members: Sequence[_Member]) -> list[list[Row]]:
    """Return the rows of each member: all names at the top, and those below that one directory can't decide."""
    rows: list[list[Row]] = [[] for _ in members]
    found = _gather(members, "", range(len(members)))
    for name, places in found.items():
        for owner, row in places:
            rows[owner].append(row)
        _go_down(members, rows, name, places)
    for owner, member in enumerate(members):
        if _COPY[-1] in member.at:
            rows[owner] += [row for path in _COPY for row in member.directory_rows(path)]
    return rows


def _gather(members: Sequence[_Member], path: str, owners: Sequence[int]) -> dict[str, list[tuple[int, Row]]]:
    found: dict[str, list[tuple[int, Row]]] = {}
    dotted = path.replace("/", ".") + "." if path else ""
    for owner in owners:
        for name, kind, directory, suffix in members[owner].modules(path):
            found.setdefault(name, []).append((owner, (dotted + name, kind, directory, suffix)))
    return found


def _go_down(
    members: Sequence[_Member], rows: list[list[Row]], package: str, places: Sequence[tuple[int, Row]]
) -> bool:
    """Add rows below a package that lies in several directories; tell whether there are some."""
    directories = {(members[owner].directory, row[2]) for owner, row in places if row[1] != MODULE}
    if len(directories) < 2:
        return False
    owners = sorted({owner for owner, row in places if row[1] != MODULE})
    is_any = False
    for name, below in _gather(members, package.replace(".", "/"), owners).items():
        homes = {(members[owner].directory, row[2]) for owner, row in below}
        # Portions alone are brought together by Python itself.
        is_split = len(homes) > 1 and any(row[1] != PORTION for _, row in below)
        if _go_down(members, rows, f"{package}.{name}", below) or is_split:
            is_any = True
            for owner, row in below:
                rows[owner].append(row)
    return is_any
