"""What suggestions are made from and what they are, as values."""

from __future__ import annotations

from typing import NamedTuple

from blast_pm.resolver.derivation import iter_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_pm.resolver.clauses import Clause
    from blast_pm.resolver.derivation import Derivation
    from blast_pm.resolver.request import Request
    from blast_pm.resolver.trials import Trials

__all__ = ["Situation", "Suggestion", "origin_of", "place_of", "quoted", "replaced"]

_NO_VERSIONS: dict[str, str] = {}


class Suggestion(NamedTuple):
    """Something the user can do.

    Attributes:
        kind: ``change`` (a requirement, perhaps several), ``remove`` (a constraint or an override), ``add`` (a
            requirement), ``name`` (another project's), ``prerelease``, ``python``, ``platform``, ``source`` (build it),
            ``policy`` (of files), ``network``, ``override``, ``other``.
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
    """

    whole: Request
    request: Request
    core: Request
    proof: Clause
    derivation: Derivation
    trials: Trials

    def names(self) -> set[str]:
        """Return the projects that the proof is about."""
        facts = iter_facts(self.derivation)
        return {fact.package.partition("[")[0] for fact in facts} | {fact.other for fact in facts if fact.other}


def replaced(request: Request, row: Requirement, new: Requirement) -> Request:
    """Return the request with another requirement, constraint or override in a row's place; no bound limits nothing."""
    limits = [new if other == row else other for other in request.constraints]
    return request._replace(
        requirements=tuple(dict.fromkeys(new if other == row else other for other in request.requirements)),
        constraints=tuple(limit for limit in limits if limit.specifier or limit.url),
        overrides=tuple(new if other == row else other for other in request.overrides),
    )


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
    inner = origin.partition(" (")[2]
    return f" ({inner}" if inner else f" ({origin})"
