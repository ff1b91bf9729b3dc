"""From a finished search to the resolution that callers see."""

from __future__ import annotations

from blast_pm.resolver.clauses import Unusable
from blast_pm.resolver.model import Resolution, ResolvedPackage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.resolver.markers import Row
    from blast_pm.resolver.universe import Package, Universe

    #: Index of the chosen version by package, extras among them.
    Chosen = dict[Package, int]

__all__ = ["build_resolution"]


def build_resolution(universe: Universe, chosen: Chosen) -> Resolution:
    """Return what the project reaches among the chosen versions.

    Args:
        universe: what was read.
        chosen: index of the version of every selected package and extra.
    """
    reached: dict[str, set[str]] = {}
    edges: dict[str, set[str]] = {}
    warnings: list[str] = []
    waiting = [(row.name, extra) for row, _ in universe.policy.roots for extra in ("", *row.extras)]
    while waiting:
        name, extra = waiting.pop()
        extras = reached.setdefault(name, set())
        if extra in extras:
            continue
        extras.add(extra)
        package = universe.find(name, extra)
        assert package is not None, f"{name}[{extra}] was not loaded"
        index = chosen[package.base]
        if extra and not universe.provides(package, index):
            warnings.append(f"{name} {package.table.texts[index]} has no extra named {extra}")
        for row, _ in _rows(universe, package, index):
            edges.setdefault(name, set()).add(row.name)
            waiting += [(row.name, wanted) for wanted in ("", *row.extras)]
    packages = [
        _resolved(universe, universe.load(name), chosen, extras, edges.get(name, set()))
        for name, extras in sorted(reached.items())
    ]
    return Resolution(tuple(packages), universe.visited, tuple(sorted(warnings)))


def _rows(universe: Universe, package: Package, index: int) -> list[Row]:
    rows = universe.rows(package, index)
    assert not isinstance(rows, Unusable), f"{package} was chosen though {rows}"
    return rows


def _resolved(
    universe: Universe, package: Package, chosen: Chosen, extras: set[str], edges: set[str]
) -> ResolvedPackage:
    index = chosen[package]
    proxies = [proxy for proxy in package.proxies if proxy.extra in extras]
    return ResolvedPackage(
        name=package.name,
        version=package.table.texts[index],
        extras=tuple(sorted(proxy.extra for proxy in proxies if universe.provides(proxy, index))),
        requirements=universe.metadata(package, index),
        files=universe.files(package, index),
        edges=tuple(sorted(edges - {package.name})),
        direct=package.direct,
    )
