"""What lies in a view: programs, data files, and links in site-packages for who reads directories instead of importing.

The packages of a view are imported from the store, by its map, which answers for its site-packages. Three things look
into that directory all the same, and for these it is folded as that of an environment is, but for metadata and path
files:

- type checkers and editors, which read ``sys.path`` and import nothing;
- native code that looks for its neighbours by ``$ORIGIN`` (rule 4 of folding): the loader goes up from the path by
  which a library was opened, so it has to be opened by one where the neighbours are;
- distributions that put files into one and the same regular package, or whose files are copied because programs change
  them (rule 6): importing from one of their trees would miss the other, or change the store.

Distributions of the last two kinds are *composed*: the map leads to them through the directory ``composed``, where
links to their names in site-packages lie beside links to their metadata.
"""

from __future__ import annotations

import marshal

from blast_core.tuples import NamedTuple
from blast_pm.install.decisions import Decision, Job
from blast_pm.install.merge import Places, merge_plans
from blast_pm.install.plan import PLAN_MAGIC, SITE, read_listing, read_plan
from blast_pm.install.prepared import make_scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.install.decisions import Placed, Small
    from blast_pm.install.merge import Member, MergedTree, Part
    from blast_pm.store.cache import StoredDistribution

__all__ = ["ViewTree", "as_composed", "decide_view"]

_CACHE = "__pycache__"


class ViewTree(NamedTuple):
    """What goes where in a view.

    Attributes:
        decision: what is made, as ``blast_pm.install.making.Building`` takes it.
        composed: indices of the members whose packages are imported from the view.
        names: what of these lies in site-packages.
    """

    decision: Decision
    composed: frozenset[int]
    names: tuple[str, ...]


def decide_view(
    members: Sequence[Member], interpreter: Interpreter, *, fold: bool = True, allow_overwrite: bool = False
) -> ViewTree:
    """Say what goes where.

    Args:
        members: sorted by name.
        interpreter: for which the view is.
        fold: directories may be links.
        allow_overwrite: of two different files for one path, take the first by the distributions' names.

    Raises:
        FileConflict: two distributions bring different files for one path.
    """
    places = Places.of(interpreter)
    tree = merge_plans(members, places, fold=fold, allow_overwrite=allow_overwrite)
    site = places.site
    infos = {f"{site}/{member.plan.dist_info}" for member in members}
    directories = {path: parts for path, parts in tree.directories.items() if not _is_in(path, infos)}
    composed = _find_composed(tree, site, directories)
    names = {name for name in _names_of(directories, site, composed) if not name.endswith(".pth")}
    programs = tuple(_programs(members, tree, places))
    jobs = [
        Job(path, tuple(_placed(part, path == site) for part in parts), False, (), False)  # noqa: FBT003 - a record
        for path, parts in directories.items()
        if parts
    ]
    jobs.append(Job(places.scripts, (), False, programs, False))  # noqa: FBT003 - a record
    # Python would make the last one, and so touch site-packages, by whose times changes of other tools are noticed.
    made = {path for path in directories if path} | {places.scripts, site, f"{site}/{_CACHE}"}
    makes = sorted(made | {parent for path in made for parent in _parents(path)})
    decision = Decision(
        makes=tuple(makes),
        jobs=tuple(jobs),
        directories=len(makes),
        distributions=(),
        tops=(),
        startup=tuple((member.name, path) for member in members for path in member.plan.startup),
        notes=tuple(tree.notes),
    )
    return ViewTree(decision, composed, tuple(sorted(names)))


def as_composed(row: StoredDistribution, directory: str) -> StoredDistribution:
    """Return a distribution as it lies in a directory where every file is in its place, as in site-packages."""
    plan = read_plan(row.plan)
    folders = tuple((scheme, path, path, *rest) for scheme, path, _, *rest in plan.folders if scheme == SITE)
    files: dict[str, set[str]] = {}
    for scheme, path, _, names in read_listing(plan):
        if scheme == SITE:
            files.setdefault(path, set()).update(names)
    listing = tuple((SITE, path, path, tuple(sorted(names))) for path, names in sorted(files.items()))
    moved = plan._replace(folders=folders, listing=marshal.dumps(listing))  # type: ignore[arg-type]  # plain tuples
    return row._replace(tree=directory, plan=PLAN_MAGIC + marshal.dumps(tuple(moved)))


def _find_composed(tree: MergedTree, site: str, directories: dict[str, list[Part]]) -> frozenset[int]:
    composed = set(tree.unfolded)
    for path, parts in directories.items():
        if path != site and not path.startswith(site + "/"):
            continue
        composed.update(part.owner for part in parts if part.copies)
        is_package = any(name.partition(".")[0] == "__init__" for part in parts for name in part.files)
        if path != site and is_package and len(parts) > 1:
            composed.update(part.owner for part in parts)
    return frozenset(composed)


def _names_of(directories: dict[str, list[Part]], site: str, composed: frozenset[int]) -> Iterator[str]:
    """Yield the names directly in site-packages under which composed distributions have something."""
    for path, parts in directories.items():
        for part in parts:
            if part.owner not in composed:
                continue
            if path == site:
                yield from (*part.links, *part.files, *part.copies)
            elif path.startswith(site + "/"):
                yield path[len(site) + 1 :].partition("/")[0]


def _placed(part: Part, is_site: bool) -> Placed:  # noqa: FBT001 - of two kinds of directories
    # Path files are executed by the map, as far as it goes; Python would do it a second time.
    files = tuple(name for name in part.files if not name.endswith(".pth")) if is_site else tuple(part.files)
    return part.owner, part.source, tuple(part.links), files, tuple(part.copies)


def _programs(members: Sequence[Member], tree: MergedTree, places: Places) -> Iterator[Small]:
    made: dict[int, dict[str, bytes]] = {}
    for name, (owner, number) in tree.scripts.items():
        member = members[owner]
        _, source, _, as_it_is = member.plan.scripts[number]
        if as_it_is:
            yield name, owner, f"{member.tree}/{source}"
            continue
        if owner not in made:
            made[owner] = dict(make_scripts(member, places.launcher))
        yield name, owner, made[owner][name]


def _is_in(path: str, infos: set[str]) -> bool:
    """Tell whether a directory is, or lies in, one of metadata."""
    return path in infos or any(parent in infos for parent in _parents(path))


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
