"""Solving for many targets: all together, then apart where they differ."""

from __future__ import annotations

from blast_core.errors import ResolutionLimit
from blast_pm.resolver.forks import borders_of_clauses, borders_of_proof, examine, split
from blast_pm.resolver.model import TargetFailure, UniversalPackage, UniversalResolution
from blast_pm.resolver.request import root_rows
from blast_pm.resolver.solver import MOST_CONFLICTS, Solver, Unsolvable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.resolver.forks import Verdict
    from blast_pm.resolver.request import Request
    from blast_pm.resolver.result import Chosen
    from blast_pm.resolver.universe import Package, Universe

__all__ = ["solve_groups"]


def solve_groups(request: Request, *, most_conflicts: int = MOST_CONFLICTS) -> UniversalResolution:
    """Return what fits for each target of a request; see ``blast_pm.resolver.resolve_universal``.

    Args:
        request: what is asked for.
        most_conflicts: give up after so many in one search.

    Raises:
        ResolutionLimit: a search was given up, and no difference between targets was to blame.
    """
    merge = _Merge()
    waiting = split(request.group, _first_borders(request))
    while waiting:
        group = waiting.pop(0)
        waiting[:0] = _solve_group(request._replace(group=group), merge, most_conflicts)
    return merge.finish(len(request.memory.read))


def _first_borders(request: Request) -> list[int]:
    """Return borders that a search can't find out by itself.

    Where the project takes something from an address, it is another project than on an index; and where it asks for
    something itself, its oldest version may be wanted.
    """
    rows = root_rows(request)
    borders = [mask for row, mask in rows if row.url]
    borders += [request.markers.holds(row.marker) for row in request.overrides if row.url]
    if request.resolution == "lowest-direct":
        direct: dict[str, int] = {}
        for row, mask in rows:
            direct[row.name] = direct.get(row.name, 0) | mask
        borders += direct.values()
    return borders


def _solve_group(request: Request, merge: _Merge, most_conflicts: int) -> list[int]:
    """Solve for a group; return the groups in which those of its targets are still to be solved that differ."""
    group = request.group
    is_single = not group & (group - 1)
    solver = Solver(request, most_conflicts=most_conflicts)
    merge.solves += 1
    try:
        solver.solve()
    except Unsolvable as found:
        merge.setbacks += 1
        borders = set() if is_single else borders_of_proof(solver.universe, found.clause)
        if not borders:
            merge.failures.append(TargetFailure(group, request._replace(group=group & -group)))
        return split(group, borders) if borders else []
    except ResolutionLimit:
        borders = set() if is_single else borders_of_clauses(solver.universe, solver.lessons)
        if not borders:
            raise
        return split(group, borders)
    merge.setbacks += len(solver.lessons)
    chosen = solver.chosen()
    verdict = examine(solver, chosen)
    merge.add(solver.universe, chosen, verdict)
    return verdict.apart


class _Merge:
    """Collects what was found for groups into one resolution.

    Attributes:
        failures: of the groups without a solution.
        solves: how many searches there were.
        setbacks: how many conflicts and candidates in vain.
    """

    def __init__(self) -> None:
        self.failures: list[TargetFailure] = []
        self.solves = 0
        self.setbacks = 0
        self._found: dict[tuple[str, bytes, str], UniversalPackage] = {}
        self._warnings: dict[str, None] = {}

    def add(self, universe: Universe, chosen: Chosen, verdict: Verdict) -> None:
        for package, index in chosen.items():
            mask = verdict.reach.masks.get(package.id, 0) & verdict.sound
            if package is not package.base or not mask:
                continue
            address = package.direct.url if package.direct is not None else ""
            key = (package.name, package.table.keys[index], address)
            known = self._found.get(key)
            extras = self._extras(universe, package, index, verdict)
            if known is None:
                self._found[key] = UniversalPackage(
                    package.name,
                    package.table.texts[index],
                    mask,
                    tuple(sorted(extras.items())),
                    universe.metadata(package, index),
                    universe.files(package, index),
                    package.direct,
                )
                continue
            for extra, where in known.extras:
                extras[extra] = extras.get(extra, 0) | where
            self._found[key] = known._replace(mask=known.mask | mask, extras=tuple(sorted(extras.items())))

    def _extras(self, universe: Universe, package: Package, index: int, verdict: Verdict) -> dict[str, int]:
        extras: dict[str, int] = {}
        for proxy in package.proxies:
            mask = verdict.reach.masks.get(proxy.id, 0) & verdict.sound
            if not mask:
                continue
            if universe.provides(proxy, index):
                extras[proxy.extra] = mask
            else:
                version = package.table.texts[index]
                self._warnings[f"{package.name} {version} has no extra named {proxy.extra}"] = None
        return extras

    def finish(self, visited: int) -> UniversalResolution:
        packages = tuple(self._found[key] for key in sorted(self._found))
        failures = tuple(sorted(self.failures, key=lambda failure: failure.mask & -failure.mask))
        return UniversalResolution(
            packages, visited, tuple(sorted(self._warnings)), failures, self.solves, self.setbacks
        )
