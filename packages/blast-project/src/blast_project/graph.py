"""Which locked packages each of the project's groups reaches, on which targets, and through which edges."""

from __future__ import annotations

from blast_core.markers import evaluate_marker, uses_extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver.markers import Row, TargetMarkers
    from blast_pm.resolver.model import ResolvedPackage, UniversalPackage

__all__ = ["Edges", "GroupReach", "edges_of"]

# Requirements of a package that hold on the target: without an extra under "", with an extra under its name.
Edges = dict[str, tuple["Requirement", ...]]


def edges_of(package: ResolvedPackage, environment: Mapping[str, str]) -> Edges:
    """Return the requirements of ``package`` that hold in ``environment``, by the extra that asks for them."""
    plain: list[Requirement] = []
    conditional: list[Requirement] = []
    for requirement in package.requirements:
        if not requirement.marker or evaluate_marker(requirement.marker, environment):
            plain.append(requirement)
        elif uses_extra(requirement.marker):
            conditional.append(requirement)
    edges: Edges = {"": tuple(plain)}
    for extra in package.extras:
        edges[extra] = tuple(row for row in conditional if evaluate_marker(row.marker, environment, (extra,)))
    return edges


class GroupReach:
    """The packages of a resolution and what they ask for, with the targets where they do.

    Args:
        packages: of all targets; several versions of a name have disjoint masks.
        markers: answers about markers on the targets.
        overrides: requirements that replace all others on the same project.
    """

    def __init__(
        self, packages: Sequence[UniversalPackage], markers: TargetMarkers, overrides: Iterable[Requirement] = ()
    ) -> None:
        self._packages = packages
        self._everywhere = markers.everywhere
        self._markers = markers
        self._overrides: dict[str, list[Row]] = {}
        for requirement in overrides:
            row = requirement, markers.holds(requirement.marker)
            self._overrides.setdefault(requirement.name, []).append(row)
        self._edges = [self._edges_of(package) for package in packages]
        self._by_name: dict[str, list[int]] = {}
        for number, package in enumerate(packages):
            self._by_name.setdefault(package.name, []).append(number)

    def edges(self, number: int) -> Mapping[str, list[Row]]:
        """Return what a package asks for and where, by the extra that adds it, "" for what needs none."""
        return self._edges[number]

    def roots(self, rows: Iterable[Row]) -> list[Row]:
        """Return requirements of the project's own with the targets where they hold, overrides applied."""
        holds = self._markers.holds
        return self._override([(requirement, mask & holds(requirement.marker)) for requirement, mask in rows])

    def asked_extras(self, rows: Sequence[Row]) -> dict[tuple[str, str], int]:
        """Return by name and extra, "" for the package itself, on which targets it is asked for from ``roots``."""
        return self._walk([rows], self._everywhere.bit_length())

    def reached(self, groups: Sequence[Sequence[Row]]) -> dict[str, tuple[int, ...]]:
        """Return by name the targets on which each of the groups reaches it, be it one of the packages or not.

        Args:
            groups: per group its requirements, from ``roots``.
        """
        width = self._everywhere.bit_length()
        return {
            name: tuple([lanes >> group * width & self._everywhere for group in range(len(groups))])
            for (name, extra), lanes in self._walk(groups, width).items()
            if not extra
        }

    def parts(self, groups: Sequence[Sequence[Row]]) -> list[dict[int, int]]:
        """Return which groups need a package where.

        Args:
            groups: per group its requirements, from ``roots``.

        Returns:
            Per package the mask of groups by the mask of targets that need it for just those; targets that no group
            reaches are left out.

        Cost: one walk for all groups and targets: a mask has a bit for each pair of the two.
        """
        width = self._everywhere.bit_length()
        reached = self._walk(groups, width)
        parts: list[dict[int, int]] = []
        for package in self._packages:
            lanes = reached.get((package.name, ""), 0)
            whole = {package.mask: 0}
            for group in range(len(groups)):
                asked = lanes >> group * width & self._everywhere
                split: dict[int, int] = {}
                for mask, known in whole.items():
                    for part, new in ((mask & asked, 1 << group), (mask & ~asked, 0)):
                        if part:
                            split[part] = known | new
                whole = split
            parts.append(_joined(whole))
        return parts

    def _walk(self, groups: Sequence[Sequence[Row]], width: int) -> dict[tuple[str, str], int]:
        """Return by name and extra where it is reached: a lane of targets per group."""
        lane = sum(1 << group * width for group in range(len(groups)))
        reached: dict[tuple[str, str], int] = {}
        waiting: dict[tuple[str, str], int] = {}

        def visit(requirement: Requirement, mask: int) -> None:
            for extra in ("", *requirement.extras):
                node = requirement.name, extra
                known = reached.get(node, 0)
                if mask & ~known:
                    reached[node] = known | mask
                    waiting[node] = waiting.get(node, 0) | mask & ~known

        for group, rows in enumerate(groups):
            for requirement, mask in rows:
                visit(requirement, mask << group * width)
        while waiting:
            name, extra = next(iter(waiting))
            new = waiting.pop((name, extra))
            for number in self._by_name.get(name, ()):
                here = new & self._packages[number].mask * lane
                if here:
                    for requirement, mask in self._edges[number].get(extra, ()):
                        visit(requirement, here & mask * lane)
        return reached

    def _edges_of(self, package: UniversalPackage) -> dict[str, list[Row]]:
        markers, requirements = self._markers, package.requirements
        edges = {"": self._override(markers.base_rows(requirements))}
        for extra, _ in package.extras:
            edges[extra] = self._override(markers.extra_rows(requirements, extra))
        return edges

    def _override(self, rows: list[Row]) -> list[Row]:
        return list(self._overridden(rows)) if self._overrides else rows

    def _overridden(self, rows: Iterable[Row]) -> Iterator[Row]:
        for requirement, mask in rows:
            for other, where in self._overrides.get(requirement.name, ((requirement, mask),)):
                if mask & where:
                    yield other, mask & where


def _joined(parts: Mapping[int, int]) -> dict[int, int]:
    """Merge the targets that the same groups reach; leave out those that none does."""
    by_groups: dict[int, int] = {}
    for mask, groups in parts.items():
        if groups:
            by_groups[groups] = by_groups.get(groups, 0) | mask
    return {mask: groups for groups, mask in by_groups.items()}
