"""What suggestions are made from and what they are, as values."""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.resolver.derivation import iter_facts
from blast_pm.resolver.target_words import describe_targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_core.requirements import Requirement
    from blast_pm.resolver.clauses import Clause
    from blast_pm.resolver.derivation import Derivation
    from blast_pm.resolver.model import UniversalResolution
    from blast_pm.resolver.request import Request
    from blast_pm.resolver.trials import Trials

__all__ = ["Answer", "Situation", "Suggestion", "origin_of", "place_of", "quoted", "replaced"]

_NO_VERSIONS: dict[str, str] = {}


class Suggestion(NamedTuple):
    """Something the user can do.

    Attributes:
        kind: ``change`` (a requirement, perhaps several), ``remove`` (a constraint or an override), ``add`` (a
            requirement), ``name`` (another project's), ``marker`` (ask for it on fewer targets), ``prerelease``,
            ``python``, ``platform``, ``source`` (build it), ``policy`` (of files), ``network``, ``override`` or
            ``other``.
        text: in words.
        requirement: what stands there, "" where nothing does.
        replacement: what to write instead.
        origin: where it stands.
        resolves_to: versions by name that it leads to, of the packages that the proof is about; empty where it was not
            tried out.
        also: further changes that belong to it, each with requirement, replacement and origin.
    """

    kind: str
    text: str
    requirement: str = ""
    replacement: str = ""
    origin: str = ""
    resolves_to: dict[str, str] = _NO_VERSIONS
    also: tuple[tuple[str, str, str], ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form: the fields that say something, and whether it was tried out."""
        fields = {key: value for key, value in self._asdict().items() if value and key != "also"}
        if self.also:
            fields["also"] = [
                dict(zip(("requirement", "replacement", "origin"), row, strict=True)) for row in self.also
            ]
        return {**fields, "verified": bool(self.resolves_to)}


class Situation(NamedTuple):
    """What suggestions are made from.

    Attributes:
        whole: all that was asked for, on all targets.
        request: what of it is asked for on the one that this is about.
        core: the part that the proof is about.
        proof: the clause that the search ended with.
        derivation: the proof in words.
        trials: solve what is changed.
        failed: the targets known to have no solution, 0 if nothing is known of the others.
        alone: whether changes are tried for the one target only.
    """

    whole: Request
    request: Request
    core: Request
    proof: Clause
    derivation: Derivation
    trials: Trials
    failed: int = 0
    alone: bool = False

    def names(self) -> set[str]:
        """Return the projects that the proof is about."""
        facts = iter_facts(self.derivation)
        return {fact.package.partition("[")[0] for fact in facts} | {fact.other for fact in facts if fact.other}

    def try_out(self, change: Callable[[Request], Request]) -> Answer | None:
        """Solve what is changed, for one target and then for all; None where it has no solution or makes more fail.

        Args:
            change: makes it of what was asked for.
        """
        changed = change(self.request)
        lead = self.trials.solve(changed)
        if lead is None:
            return None if self.trials.is_impossible(changed) else self._look(changed)
        targets = self.whole.targets
        if self.alone or len(targets) == 1:
            return Answer(lead, {name: (version,) for name, version in lead.items()})
        everyone = (1 << len(targets)) - 1
        resolution = self.trials.solve_everywhere(change(self.whole)._replace(group=everyone))
        if resolution is None:
            only = describe_targets(self.whole.group, targets)
            return Answer(lead, {name: (version,) for name, version in lead.items()}, f"; tried for {only} only")
        return self._judge(resolution)

    def _look(self, changed: Request) -> Answer | None:
        """Look only at the projects of the proof, where the whole would be too much to read."""
        lead = self.trials.solve_shallowly(changed, {*self.names(), *(row.name for row in changed.requirements)})
        if lead is None:
            return None
        versions: dict[str, tuple[str, ...]] = {name: (version,) for name, version in lead.items()}
        return Answer(lead, versions, "; what else that needs was not looked at", is_certain=False)

    def _judge(self, resolution: UniversalResolution) -> Answer | None:
        remaining = 0
        for failure in resolution.failures:
            remaining |= failure.mask
        if remaining & (self.whole.group | ~(self.failed or -1)):
            return None
        versions: dict[str, tuple[str, ...]] = {}
        for package in resolution.packages:
            versions[package.name] = (*versions.get(package.name, ()), package.version)
        lead = {package.name: package.version for package in resolution.packages if package.mask & self.whole.group}
        words = describe_targets(remaining, self.whole.targets)
        return Answer(lead, versions, f"; for {words} nothing fits then either" if remaining else "")

    def about(self, answer: Answer) -> dict[str, str]:
        """Return those of the chosen versions that the proof is about; none where they are not certain."""
        chosen = answer.lead if answer.is_certain else {}
        return {name: chosen[name] for name in sorted(self.names()) if name in chosen}


class Answer(NamedTuple):
    """What a change leads to.

    Attributes:
        lead: versions by name, on the target that the explanation is about.
        versions: on all targets, ascending.
        note: what else is to be said of it, such as where it was not tried.
        is_certain: whether it was solved; else it was only looked at.
    """

    lead: dict[str, str]
    versions: dict[str, tuple[str, ...]]
    note: str = ""
    is_certain: bool = True


def replaced(request: Request, row: Requirement, new: Requirement) -> Request:
    """Return the request with another requirement, constraint or override in a row's place; no bound limits nothing."""
    if row == new:
        return request
    limits = [new if other == row else other for other in request.constraints]
    only_on = dict(request.only_on)
    if row in only_on or new in only_on:
        masks = [mask for other, mask in _masks(request) if other in (row, new)]
        only_on.pop(row, None)
        only_on[new] = tuple(masks)
    rows: tuple[Requirement, ...] = tuple(new if other == row else other for other in request.requirements)
    return request._replace(
        requirements=rows if only_on else tuple(dict.fromkeys(rows)),
        constraints=tuple(limit for limit in limits if limit.specifier or limit.url),
        overrides=tuple(new if other == row else other for other in request.overrides),
        only_on=only_on,
    )


def _masks(request: Request) -> list[tuple[Requirement, int]]:
    """Return each requirement with the targets that ask for it, markers aside."""
    times: dict[Requirement, int] = {}
    found = []
    for row in request.requirements:
        masks = request.only_on.get(row, (-1,))
        time = times[row] = times.get(row, -1) + 1
        found.append((row, masks[time] if time < len(masks) else 0))
    return found


def quoted(row: Requirement) -> str:
    """Return a requirement without its marker, quoted as it may stand in a file."""
    extras = f"[{','.join(row.extras)}]" if row.extras else ""
    return f"'{row.name}{extras}{row.specifier}'"


def origin_of(request: Request, row: Requirement, kind: str) -> str:
    """Return words for where a requirement (``asked``), a constraint (``constrained``) or an override stands."""
    return request.origins.get(row, {"asked": "your project", "constrained": "a constraint"}.get(kind, "an override"))


def place_of(request: Request, row: Requirement, kind: str) -> str:
    """Return where a requirement stands, for the end of a phrase; "" for the project if nothing more is known."""
    origin = request.origins.get(row, "")
    if not origin:
        return "" if kind == "asked" else f" ({origin_of(request, row, kind)})"
    who, _, where = origin.removesuffix(")").partition(" (")
    return f" ({where})" if where and who == "your project" else f" ({who}, {where})" if where else f" ({who})"
