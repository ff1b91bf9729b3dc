"""Other requirements that would have a solution: one, several, or one on another project."""

from __future__ import annotations

from blast_core.version import version_key
from blast_pm.resolver.clauses import Asked, Constrained
from blast_pm.resolver.derivation import iter_facts, written
from blast_pm.resolver.loosening import accepts, loosen
from blast_pm.resolver.proofs import leaves
from blast_pm.resolver.situation import Suggestion, origin_of, place_of, quoted, replaced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver.request import Request
    from blast_pm.resolver.situation import Situation
    from blast_pm.resolver.trials import Outcome

__all__ = ["changes", "corrected_names", "partial_changes", "several_changes"]

_MOST_ROWS = 8


def _rows(situation: Situation) -> list[tuple[Requirement, str]]:
    """Return what the user says in the proof, requirements and constraints, with the kind."""
    causes = [clause.cause for clause in leaves(situation.proof)]
    asked = {cause.requirement for cause in causes if isinstance(cause, Asked)}
    limits = {cause.requirement for cause in causes if isinstance(cause, Constrained)}
    request = situation.request
    rows = [(row, "asked") for row in request.requirements if row in asked and row.specifier]
    rows += [(row, "constrained") for row in request.constraints if row in limits and row.specifier]
    rows += [(row, "override") for row in request.overrides if row.name in situation.names() and row.specifier]
    # The same words in two roles could only be changed together.
    return [row for row in rows if sum(other == row[0] for other, _ in rows) == 1][:_MOST_ROWS]


def changes(situation: Situation) -> Iterator[Suggestion]:
    """Try each of the user's requirements without its bounds, alone; upgrades before downgrades."""
    found = []
    for row, kind in _rows(situation):
        suggestion, is_upgrade = _change(situation, situation.request, row, kind)
        if suggestion is not None:
            found.append((not is_upgrade, suggestion))
    found.sort(key=lambda pair: pair[0])
    return iter([suggestion for _, suggestion in found])


def _change(situation: Situation, request: Request, row: Requirement, kind: str) -> tuple[Suggestion | None, bool]:
    solve = situation.trials.solve
    outcome = solve(replaced(request, row, row._replace(specifier="")))
    if outcome is None:
        return None, False
    version = outcome.get(row.name, "")
    names = sorted(situation.names())
    if kind == "constrained" and not any(accepts(clause, version) for clause in row.specifier.split(",") if version):
        text = f"remove {quoted(row)}{place_of(request, row, kind)}: then {_chosen(row.name, version)}"
        found = {name: outcome[name] for name in names if name in outcome}
        return Suggestion("remove", text, written(row), "", origin_of(request, row, kind), found), True
    # The last one lets in what only an open bound does, such as a pre-release that is asked for nowhere.
    for specifier in (loosen(row.specifier, version), f"=={version}", "") if version else ():
        new = row._replace(specifier=specifier)
        better = solve(replaced(request, row, new))
        if better is not None:
            text = f"change {quoted(row)} to {quoted(new)}{place_of(request, row, kind)}"
            text += _told(situation, better, row.name, new)
            found = {name: better[name] for name in names if name in better}
            suggestion = Suggestion("change", text, written(row), written(new), origin_of(request, row, kind), found)
            return suggestion, _is_upgrade(row, better.get(row.name, version))
    return None, False


def _chosen(name: str, version: str) -> str:
    return f"{name} {version} fits" if version else f"{name} would not be installed"


def _is_upgrade(row: Requirement, version: str) -> bool:
    """Tell whether a version is newer than what a requirement allows, rather than older."""
    bounds = [clause.lstrip("<>=!~ ").rstrip(".*") for clause in row.specifier.split(",") if not clause.startswith("!")]
    try:
        return all(version_key(version) >= version_key(bound) for bound in bounds)
    except ValueError:
        return False


def partial_changes(situation: Situation) -> Iterator[Suggestion]:
    """Where no change solves all: those that settle this conflict, and then another one follows."""
    if situation.core == situation.request or several_changes(situation):
        return
    for row, kind in _rows(situation):
        suggestion, _ = _change(situation, situation.core, row, kind)
        if suggestion is not None:
            whole = replaced(situation.request, row, row._replace(specifier=""))
            rest = "another conflict is left then"
            if not situation.trials.is_impossible(whole):
                rest = "whether all else fits then was not tried"
            yield suggestion._replace(text=f"{suggestion.text}; {rest}", resolves_to={})


def several_changes(situation: Situation) -> list[Suggestion]:
    """Take the bounds off all of the proof's requirements, then put back each that does not matter."""
    rows = _rows(situation)
    if len(rows) < 2:
        return []
    request, solve = situation.request, situation.trials.solve
    free = [row for row, _ in rows]
    if solve(_freed(request, free)) is None:
        return []
    for row, _ in rows:
        fewer = [other for other in free if other != row]
        if fewer and solve(_freed(request, fewer)) is not None:
            free = fewer
    outcome = solve(_freed(request, free))
    if outcome is None or len(free) < 2:
        return []
    kinds = dict(rows)
    changed = request
    news = []
    for row in free:
        new = row._replace(specifier=loosen(row.specifier, outcome.get(row.name, ""))) if row.name in outcome else row
        news.append(new)
        changed = replaced(changed, row, new)
    better = solve(changed)
    if better is None:
        return []
    rows_told = [
        (written(row), written(new), origin_of(request, row, kinds[row])) for row, new in zip(free, news, strict=True)
    ]
    pairs = [
        f"{quoted(row)} to {quoted(new)}{place_of(request, row, kinds[row])}"
        for row, new in zip(free, news, strict=True)
    ]
    found = {name: better[name] for name in sorted(situation.names()) if name in better}
    together = "both" if len(pairs) == 2 else "all of them"
    text = f"change {' and '.join(pairs)}, {together}: no single change is enough"
    return [Suggestion("change", text, *rows_told[0], found, tuple(rows_told[1:]))]


def _freed(request: Request, rows: Sequence[Requirement]) -> Request:
    for row in rows:
        request = replaced(request, row, row._replace(specifier=""))
    return request


def corrected_names(situation: Situation) -> Iterator[Suggestion]:
    """Try, for projects that do not exist, those that their names may be meant for."""
    from blast_pm.resolver.known_names import similar_names

    request = situation.request
    known = {*request.preferences, *request.memory.masks, *(row.name for row in request.requirements)}
    for fact in iter_facts(situation.derivation):
        if fact.missing != "project":
            continue
        row = next((other for other in request.requirements if other.name == fact.other), None)
        for name in similar_names(fact.other, known - {fact.other}):
            if row is None or fact.kind != "asked":
                break
            new = row._replace(name=name)
            outcome = situation.trials.solve(replaced(request, row, new))
            if outcome is not None:
                text = f"did you mean {name}? Change {quoted(row)} to {quoted(new)}{place_of(request, row, 'asked')}"
                yield Suggestion(
                    "name", text, written(row), written(new), request.origins.get(row, ""), {name: outcome[name]}
                )
        text = f"check the name '{fact.other}', or add the index that has it"
        yield Suggestion("name", text, fact.other)


def _told(situation: Situation, outcome: Outcome, name: str, new: Requirement) -> str:
    """Say what a change leads to, where the change itself does not say it."""
    assert outcome is not None
    names = [name] if new.specifier != f"=={outcome[name]}" else []
    clash = situation.derivation[-1].clash
    if clash and clash != name and clash in outcome:
        names.append(clash)
    chosen = [f"{other} {outcome[other]}" for other in names]
    return f": then {' and '.join(chosen)} {'fits' if len(chosen) == 1 else 'fit'}" if chosen else ""
