"""Which locked packages each of the project's groups reaches, and through which edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_core.markers import evaluate_marker, uses_extra

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from blast_core.requirements import Requirement
    from blast_pm.resolver.model import ResolvedPackage

__all__ = ["Edges", "edges_of", "reach"]

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


def reach(roots: Iterable[Requirement], edges: Mapping[str, Edges], environment: Mapping[str, str]) -> set[str]:
    """Return the names of all packages that ``roots`` reach through ``edges``; cycles are legal."""
    pending = [row for row in roots if not row.marker or evaluate_marker(row.marker, environment)]
    seen: set[tuple[str, str]] = set()
    while pending:
        requirement = pending.pop()
        for extra in ("", *requirement.extras):
            node = (requirement.name, extra)
            if node not in seen:
                seen.add(node)
                pending += edges.get(requirement.name, {}).get(extra, ())
    return {name for name, _ in seen if name in edges}
