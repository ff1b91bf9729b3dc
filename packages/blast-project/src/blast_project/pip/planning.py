"""What installing means for a place: what stays, what comes, what goes.

What is installed and fits is left as it is, as pip and uv have it: an index is only asked when something is missing, or
newer versions are wanted.
"""

from __future__ import annotations

from blast_core.errors import IndexAccessError, NoSolution
from blast_core.markers import evaluate_marker
from blast_core.tuples import NamedTuple
from blast_core.version.keys import version_key
from blast_core.version.specifiers import SpecifierSet
from blast_project.pip.inventory import read_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver.model import DirectCandidate, Resolution, ResolvedPackage
    from blast_project.pip.inventory import Facts, InstalledDistribution
    from blast_project.pip.sites import Site
    from blast_project.session import Session
    from blast_project.sources import SourceLoader

__all__ = ["Held", "Wishes", "find_arriving", "is_satisfied", "resolve_beside"]

# An address that no requirement names: what is installed answers to any requirement by name.
_HERE = "installed:"


class Wishes(NamedTuple):
    """What is asked for, read.

    Attributes:
        requirements: by name or address; the addresses' projects are known.
        constraints: limits on what is installed for them.
        origins: words for where each stands.
        loader: reads addresses; None where there are none.
        free: names whose installed version doesn't count, because newer ones are wanted.
        all_free: that of no name does.
        reinstalled: names that are installed again even if they are there.
        all_reinstalled: all are.
        needs: install what the requirements need, too.
        installs: what is found is installed, not only told of.
    """

    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...] = ()
    origins: Mapping[Requirement, str] = {}
    loader: SourceLoader | None = None
    free: frozenset[str] = frozenset()
    all_free: bool = False
    reinstalled: frozenset[str] = frozenset()
    all_reinstalled: bool = False
    needs: bool = True
    installs: bool = True

    def keeps(self, name: str) -> bool:
        """Tell whether the installed version of a project counts."""
        is_free = self.all_free or name in self.free
        return not (is_free or self.reinstalls(name))

    def reinstalls(self, name: str) -> bool:
        """Tell whether a project is installed again even if it is there."""
        return self.all_reinstalled or name in self.reinstalled


class Held:
    """What a place holds, with what each distribution needs, read when it is first asked."""

    def __init__(self, rows: Iterable[InstalledDistribution], site: Site) -> None:
        self.rows = {row.key: row for row in rows}
        self.environment = site.interpreter.target.marker_environment
        self._facts: dict[str, Facts] = {}

    def facts(self, name: str) -> Facts:
        """Return what an installed distribution needs."""
        if name not in self._facts:
            self._facts[name] = read_facts(self.rows[name])
        return self._facts[name]

    def needs(self, name: str, extras: Sequence[str]) -> list[Requirement]:
        """Return the requirements that hold here, of a distribution with some of its extras."""
        return [
            need
            for need in self.facts(name).requirements
            if not need.marker or evaluate_marker(need.marker, self.environment, tuple(extras))
        ]


def is_satisfied(held: Held, wishes: Wishes) -> bool:
    """Tell whether everything that is asked for is installed, with all that it needs."""
    limits: dict[str, list[Requirement]] = {}
    for limit in wishes.constraints:
        if not limit.marker or evaluate_marker(limit.marker, held.environment):
            limits.setdefault(limit.name, []).append(limit)
    waiting = [row for row in wishes.requirements if not row.marker or evaluate_marker(row.marker, held.environment)]
    seen: set[tuple[str, tuple[str, ...], str]] = set()
    while waiting:
        need = waiting.pop()
        key = (need.name, need.extras, need.specifier)
        if key in seen:
            continue
        seen.add(key)
        row = held.rows.get(need.name)
        if row is None or need.url or not wishes.keeps(need.name):
            return False
        if not all(_fits(one, row.version) for one in (need, *limits.get(need.name, ()))):
            return False
        if wishes.needs:
            waiting += held.needs(need.name, need.extras)
    return True


def _fits(need: Requirement, version: str) -> bool:
    return not need.specifier or SpecifierSet(need.specifier).contains(version, prereleases=True)


def resolve_beside(session: Session, site: Site, held: Held, wishes: Wishes) -> Resolution:
    """Return versions for what is asked for, those that are installed before all others.

    What no index has, because it came from an address or from elsewhere, is taken as it stands.

    Raises:
        NoSolution, IndexAccessError: there are none, with or without what stands.
    """
    fixed = _standing(held, wishes, [name for name, row in held.rows.items() if row.direct_url])
    try:
        found = _resolve(session, site, held, wishes, fixed)
    except (NoSolution, IndexAccessError):
        # Without what stands, where it is in the way; else with all of it, where the index doesn't know it.
        try:
            return _resolve(session, site, held, wishes, {} if fixed else _standing(held, wishes, held.rows))
        except (NoSolution, IndexAccessError):
            pass
        raise
    unknown = _unknown_to_indexes(held, wishes, found)
    if not unknown:
        return found
    try:
        return _resolve(session, site, held, wishes, {**fixed, **_standing(held, wishes, unknown)})
    except NoSolution:
        return found


def _resolve(
    session: Session, site: Site, held: Held, wishes: Wishes, standing: Mapping[str, DirectCandidate]
) -> Resolution:
    from blast_project.resolving import resolve_requirements

    kept = {name: row.version for name, row in held.rows.items() if wishes.keeps(name)}
    return resolve_requirements(
        session,
        site.interpreter,
        wishes.requirements,
        constraints=wishes.constraints,
        preferences=kept,
        origins=wishes.origins,
        loader=wishes.loader,
        standing=standing,
        needs=wishes.needs,
        there=kept if wishes.installs else None,
    )


def _standing(held: Held, wishes: Wishes, names: Iterable[str]) -> dict[str, DirectCandidate]:
    """Return installed distributions as candidates, as far as nothing that is asked for says otherwise."""
    from blast_pm.resolver.model import DirectCandidate

    asked: dict[str, list[Requirement]] = {}
    for need in (*wishes.requirements, *wishes.constraints):
        asked.setdefault(need.name, []).append(need)
    found = {}
    for name in names:
        row, rows = held.rows[name], asked.get(name, ())
        if not wishes.keeps(name) or any(need.url or not _fits(need, row.version) for need in rows):
            continue
        facts = held.facts(name)
        requirements = facts.requirements if wishes.needs else ()
        found[name] = DirectCandidate(name, row.version, _HERE + name, requirements, "", facts.extras)
    return found


def _unknown_to_indexes(held: Held, wishes: Wishes, found: Resolution) -> list[str]:
    """Return what would be replaced although all that is chosen would be content with it: no index has it."""
    needs: dict[str, list[Requirement]] = {}
    for need in (
        *wishes.requirements,
        *wishes.constraints,
        *(row for one in found.packages for row in one.requirements),
    ):
        needs.setdefault(need.name, []).append(need)
    return [
        package.name
        for package in found.packages
        if package.name in held.rows
        and package.direct is None
        and wishes.keeps(package.name)
        and version_key(package.version) != version_key(held.rows[package.name].version)
        and all(
            not need.url and _fits(need, held.rows[package.name].version)
            for need in needs.get(package.name, ())
            if not need.marker or evaluate_marker(need.marker, held.environment, package.extras)
        )
    ]


def find_arriving(held: Held, wishes: Wishes, found: Resolution) -> list[ResolvedPackage]:
    """Return what of a resolution is to be installed: not what is there already."""
    return [package for package in found.packages if not _is_there(held, wishes, package)]


def _is_there(held: Held, wishes: Wishes, package: ResolvedPackage) -> bool:
    row = held.rows.get(package.name)
    direct = package.direct
    if direct is not None and direct.url.startswith(_HERE):
        return True
    if row is None or wishes.reinstalls(package.name) or version_key(row.version) != version_key(package.version):
        return False
    if direct is None:
        return True
    source, document = direct.source, row.direct_url
    if source is None or not document:
        return False
    if source.kind == "git":
        details = document.get("vcs_info")
        is_same = isinstance(details, dict) and details.get("commit_id") == source.revision
        return (
            is_same and document["url"] == source.location and document.get("subdirectory", "") == source.subdirectory
        )
    details = document.get("archive_info")
    if not source.digest or not isinstance(details, dict):
        # A directory may have changed in any way.
        return False
    hashes = details.get("hashes")
    digest = hashes.get("sha256") if isinstance(hashes, dict) else str(details.get("hash", "")).removeprefix("sha256=")
    return digest == source.digest and document.get("subdirectory", "") == source.subdirectory
