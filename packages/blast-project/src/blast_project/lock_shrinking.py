"""A lock of which something is taken away: what nothing asks for any more goes, and all else stays as it is.

Where a project asks for less than its lock was made from, what is left of the lock is what a resolution that prefers it
would choose: each version fits all others, and so none is given up. Nothing has to be searched for; who reaches what
tells what stays.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.formats.dpl.reader import DplLockFile
    from blast_pm.resolver.markers import TargetMarkers
    from blast_pm.resolver.model import UniversalPackage
    from blast_project.delta import Frozen
    from blast_project.project import Project
    from blast_project.targets import TargetPlan

    #: The targets and the groups of an entry.
    _Place = tuple[int, int]

__all__ = ["asks_for_less", "find_needless"]


def asks_for_less(lock: DplLockFile, project: Project) -> bool:
    """Tell whether the project asks for some of what its lock was made from, in the same words, and for nothing else.

    Only such locks are told of whose packages all come from one index, and of which no target is another's variant.
    """
    from blast_project.delta import asked_rows

    if tuple(lock.groups) != tuple(project.groups) or any("+" in target.name for target in lock.targets):
        return False
    asked = asked_rows(lock, project)
    if asked is None or len(lock.indexes) != 1:
        return False
    rows = [(row.group, row.requirement) for row in project.requirements()]
    if any(row.url or row.name == project.name for _, row in rows):
        return False
    return {(group, row.name, row.specifier, row.extras, row.marker) for group, row in rows} <= asked


def find_needless(
    lock: DplLockFile, frozen: Frozen, project: Project, plan: TargetPlan, markers: TargetMarkers
) -> frozenset[str] | None:
    """Return the names in a lock that nothing asks for any more.

    Args:
        lock: the lock.
        frozen: its packages.
        project: asks for less than the lock was made from, see ``asks_for_less``.
        plan: the targets, those of the lock.
        markers: of these targets.

    Returns:
        None where something that stays is another entry than before: for fewer targets, groups or extras.
    """
    from blast_project.delta import frozen_packages
    from blast_project.graph import GroupReach

    packages = frozen_packages(frozen)
    graph = GroupReach(packages, markers)
    rows = {
        group: [(one.requirement, plan.mask_of(group)) for one in project.requirements() if one.group == group]
        for group in project.groups
    }
    roots = [graph.roots(some) for some in rows.values()]
    extras = graph.asked_extras([row for some in roots for row in some])
    standing: dict[tuple[str, str], set[_Place]] = {}
    for entry in lock.entries():
        standing.setdefault((entry.name, entry.version), set()).add((entry.target_mask, entry.group_mask))
    gone: set[str] = set()
    left: set[str] = set()
    for package, parts in zip(packages, graph.parts(roots), strict=True):
        if not parts:
            gone.add(package.name)
        elif set(parts.items()) != standing[package.name, package.version] or not _keeps_extras(
            package, list(parts), extras
        ):
            return None
        else:
            left.add(package.name)
    return frozenset(gone) if left and not gone & left else None


def _keeps_extras(package: UniversalPackage, masks: list[int], asked: dict[tuple[str, str], int]) -> bool:
    """Tell whether each entry of a package is still asked for with all of its extras."""
    return all(
        asked.get((package.name, extra), 0) & mask for extra, where in package.extras for mask in masks if where & mask
    )
