"""Other requirements that would have a solution: one, several, or one on another project."""

from __future__ import annotations

from functools import partial

from blast_core.version import version_key
from blast_pm.resolver.clauses import Asked, Constrained
from blast_pm.resolver.derivation import iter_facts, written
from blast_pm.resolver.loosening import accepts, loosen_for
from blast_pm.resolver.proofs import leaves
from blast_pm.resolver.situation import Suggestion, origin_of, place_of, quoted, replaced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver.request import Request
    from blast_pm.resolver.situation import Answer, Situation

__all__ = ["changes", "corrected_names", "partial_changes", "several_changes"]

_MOST_ROWS = 8
# What several targets get is named so far, the newest last.
_MOST_VERSIONS = 2


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
    """Try each of the user's requirements without its bounds, alone; what is certain and upgrades first."""
    found = []
    for row, kind in _rows(situation):
        suggestion, is_upgrade = _change(situation, row, kind)
        if suggestion is not None:
            found.append((not suggestion.resolves_to, not is_upgrade, suggestion))
    found.sort(key=lambda row: row[:2])
    return iter([suggestion for _, _, suggestion in found])


def _change(situation: Situation, row: Requirement, kind: str) -> tuple[Suggestion | None, bool]:
    request = situation.request
    answer = situation.try_out(lambda before: replaced(before, row, row._replace(specifier="")))
    if answer is None:
        return None, False
    versions = answer.versions.get(row.name, ())
    clauses = row.specifier.split(",")
    if kind == "constrained" and not any(accepts(clause, version) for clause in clauses for version in versions):
        text = f"remove {quoted(row)}{place_of(request, row, kind)}: then {_chosen(row.name, versions)}{answer.note}"
        found = situation.about(answer)
        return Suggestion("remove", text, written(row), "", origin_of(request, row, kind), found), True
    # The last ones let in what only an open bound does, such as a pre-release that is asked for nowhere.
    specifiers = (loosen_for(row.specifier, versions), f"=={versions[-1]}", "") if versions else ()
    for specifier in specifiers:
        new = row._replace(specifier=specifier)
        better = situation.try_out(partial(replaced, row=row, new=new))
        if better is not None:
            text = f"change {quoted(row)} to {quoted(new)}{place_of(request, row, kind)}"
            text += _told(situation, better, row.name, new)
            found = situation.about(better)
            suggestion = Suggestion("change", text, written(row), written(new), origin_of(request, row, kind), found)
            return suggestion, _is_upgrade(row, better.versions.get(row.name, versions)[-1])
    return None, False


def _chosen(name: str, versions: Sequence[str]) -> str:
    return f"{name} {versions[-1]} fits" if versions else f"{name} would not be installed"


def _is_upgrade(row: Requirement, version: str) -> bool:
    """Tell whether a version is newer than what a requirement allows, rather than older."""
    bounds = [clause.lstrip("<>=!~ ").rstrip(".*") for clause in row.specifier.split(",") if not clause.startswith("!")]
    try:
        return all(version_key(version) >= version_key(bound) for bound in bounds)
    except ValueError:
        return False


def partial_changes(situation: Situation) -> Iterator[Suggestion]:
    """Where no change solves all: those that settle this conflict, and then another one follows."""
    core = situation.core
    if core == situation.request:
        return
    narrow = situation._replace(request=core, alone=True)
    for row, kind in _rows(situation):
        suggestion, _ = _change(narrow, row, kind)
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
    request = situation.request
    free = [row for row, _ in rows]
    solve = situation.trials.solve
    if solve(_freed(request, free)) is None:
        return []
    for row, _ in rows:
        fewer = [other for other in free if other != row]
        if fewer and solve(_freed(request, fewer)) is not None:
            free = fewer
    answer = situation.try_out(lambda before: _freed(before, free))
    if answer is None or len(free) < 2:
        return []
    news = [
        row._replace(specifier=loosen_for(row.specifier, answer.versions[row.name]))
        if row.name in answer.versions
        else row
        for row in free
    ]
    better = situation.try_out(lambda before: _all_replaced(before, free, news))
    if better is None:
        return []
    kinds = dict(rows)
    told = [
        (written(row), written(new), origin_of(request, row, kinds[row])) for row, new in zip(free, news, strict=True)
    ]
    pairs = [
        f"{quoted(row)} to {quoted(new)}{place_of(request, row, kinds[row])}"
        for row, new in zip(free, news, strict=True)
    ]
    together = "both" if len(pairs) == 2 else "all of them"
    text = f"change {' and '.join(pairs)}, {together}: no single change is enough{better.note}"
    return [Suggestion("change", text, *told[0], situation.about(better), tuple(told[1:]))]


def _freed(request: Request, rows: Sequence[Requirement]) -> Request:
    return _all_replaced(request, rows, [row._replace(specifier="") for row in rows])


def _all_replaced(request: Request, rows: Sequence[Requirement], news: Sequence[Requirement]) -> Request:
    for row, new in zip(rows, news, strict=True):
        request = replaced(request, row, new)
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
            answer = situation.try_out(partial(replaced, row=row, new=new))
            if answer is not None:
                text = f"did you mean {name}? Change {quoted(row)} to {quoted(new)}{place_of(request, row, 'asked')}"
                found = {name: answer.lead[name]} if answer.is_certain else {}
                yield Suggestion(
                    "name", text + answer.note, written(row), written(new), request.origins.get(row, ""), found
                )
        text = f"check the name '{fact.other}', or add the index that has it"
        yield Suggestion("name", text, fact.other)


def _told(situation: Situation, answer: Answer, name: str, new: Requirement) -> str:
    """Say what a change leads to, where the change itself does not say it."""
    versions = answer.versions
    names = [name] if new.specifier != f"=={versions[name][-1]}" else []
    clash = situation.derivation[-1].clash
    if clash and clash != name and clash in versions:
        names.append(clash)
    chosen = [f"{other} {' or '.join(versions[other][-_MOST_VERSIONS:])}" for other in names]
    fits = f": then {' and '.join(chosen)} {'fits' if len(chosen) == 1 else 'fit'}" if chosen else ""
    return fits + answer.note
