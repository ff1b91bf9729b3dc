"""Where a solution for a group of targets reaches: which packages are needed on which of them, and in what order.

The search takes projects in by generations: it decides all that it knows before it loads what that asks for. So a
package of an earlier generation is always decided before one of a later generation, on every target; within one
generation the order depends on more.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.resolver.clauses import Unusable
from blast_pm.resolver.request import is_pin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_pm.resolver.result import Chosen
    from blast_pm.resolver.universe import Package, Universe

__all__ = ["ROOT", "Demand", "Reach", "compute_reach"]

#: The generation of the project's own requirements: before all others.
ROOT = -1


class Demand(NamedTuple):
    """What one requirement of the solution asks of a project.

    Attributes:
        generation: of the package that asks.
        versions: that satisfy it, as a solver mask.
        targets: on which it does.
        part: the package or extra that asks; None for the project, and for a constraint.
    """

    generation: int
    versions: int
    targets: int
    part: Package | None


class Reach(NamedTuple):
    """What is needed where.

    Attributes:
        masks: by id of a package or extra the targets that need it.
        generations: by id of a project when it is decided: generation and targets.
        demands: by id of a project what is asked of it.
    """

    masks: dict[int, int]
    generations: dict[int, list[tuple[int, int]]]
    demands: dict[int, list[Demand]]


def compute_reach(universe: Universe, chosen: Chosen) -> Reach:
    """Return where the chosen versions are needed.

    Cost: one look at every requirement of the solution per set of targets that comes to it by other ways.
    """
    walk = _Walk(universe)
    for requirement, mask in universe.policy.roots:
        walk.take(requirement, mask, ROOT, None)
    while walk.advance():
        for package, mask in walk.current:
            rows = universe.rows(package, chosen[package.base])
            assert not isinstance(rows, Unusable), f"{package} was chosen though {rows}"
            for requirement, where in rows:
                if where & mask:
                    walk.take(requirement, where & mask, walk.generation, package)
    for name, rows in universe.policy.constraints.items():
        base = universe.find(name)
        if base is None:
            continue
        for requirement, mask in rows:
            walk.reach.demands.setdefault(base.id, []).append(
                Demand(ROOT, universe.mask(base, requirement), mask, None)
            )
    return walk.reach


class _Walk:
    def __init__(self, universe: Universe) -> None:
        self.reach = Reach({}, {}, {})
        self.generation = -1
        self.current: list[tuple[Package, int]] = []
        self._universe = universe
        self._early: list[tuple[Package, int]] = []
        self._later: list[tuple[Package, int]] = []
        self._settled: dict[int, int] = {}

    def advance(self) -> bool:
        """Go on with what came into the present generation meanwhile, else with the next one; tell if there is any."""
        if self._early:
            self.current, self._early = self._early, []
            self.generation = max(self.generation, 0)
            return True
        self.generation = self.generation + 1 if self.generation >= 0 else 1
        self.current, self._later = self._later, []
        for package, mask in self.current:
            if package is package.base:
                self._settled[package.id] = self._settled.get(package.id, 0) | mask
        return bool(self.current)

    def take(self, requirement: Requirement, mask: int, generation: int, part: Package | None) -> None:
        """Follow a requirement of a package of ``generation`` on the targets in ``mask``."""
        base = self._universe.find(requirement.name)
        assert base is not None, f"{requirement.name} was not loaded"
        masks = self.reach.masks
        if part is None or part.base is not base:
            versions = self._universe.mask(base, requirement)
            self.reach.demands.setdefault(base.id, []).append(Demand(generation, versions, mask, part))
        new = mask & ~masks.get(base.id, 0)
        now = max(generation, 0)
        if new:
            masks[base.id] = masks.get(base.id, 0) | new
            early = is_pin(requirement.specifier)
            self.reach.generations.setdefault(base.id, []).append((now if early else now + 1, new))
            if early:
                self._settled[base.id] = self._settled.get(base.id, 0) | new
                self._early.append((base, new))
            else:
                self._later.append((base, new))
        settled = self._settled.get(base.id, 0)
        for extra in requirement.extras:
            proxy = self._universe.find(requirement.name, extra)
            assert proxy is not None, f"{requirement.name}[{extra}] was not loaded"
            new = mask & ~masks.get(proxy.id, 0)
            if new:
                masks[proxy.id] = masks.get(proxy.id, 0) | new
                if new & settled:
                    self._early.append((proxy, new & settled))
                if new & ~settled:
                    self._later.append((proxy, new & ~settled))
