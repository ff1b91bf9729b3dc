"""What else would help: versions that are kept out, another Python, and what overrides others."""

from __future__ import annotations

from functools import partial

from blast_core.requirements import Requirement
from blast_pm.resolver.clauses import Asked, Unusable
from blast_pm.resolver.derivation import iter_facts, written
from blast_pm.resolver.proofs import leaves
from blast_pm.resolver.situation import Suggestion, place_of, quoted, replaced
from blast_pm.resolver.target_words import cells_of, describe_targets, version_range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_core.interpreter import Target
    from blast_pm.resolver.clauses import Clause
    from blast_pm.resolver.request import Request
    from blast_pm.resolver.situation import Situation

__all__ = ["facts_alone", "last_words", "other_targets", "overrides", "prereleases", "yanked_pins"]

_MOST_PYTHONS = 4


def yanked_pins(situation: Situation) -> Iterator[Suggestion]:
    """Try the newest of the yanked versions that something asks for."""
    request = situation.request
    for clause in leaves(situation.proof):
        cause = clause.cause
        if not isinstance(cause, Unusable) or cause.kind != "yanked":
            continue
        package = clause.terms[0][0].base
        wanted = _wanted(situation.proof, package.name, clause.terms[0][1])
        if not wanted:
            continue
        version = package.table.texts[wanted.bit_length() - 2]
        row = Requirement(package.name, (), f"=={version}")
        known = next((other for other in request.requirements if other.name == package.name and not other.url), None)
        if known is not None:
            new = known._replace(specifier=row.specifier)
            answer = situation.try_out(partial(replaced, row=known, new=new))
            text = f"change {quoted(known)} to {quoted(new)}{place_of(request, known, 'asked')}"
        else:
            new = row
            answer = situation.try_out(partial(_with_requirement, row=row))
            text = f"add {quoted(row)} to your own requirements"
        if answer is not None:
            yield Suggestion(
                "add" if known is None else "change",
                f"{text} to accept a version that was yanked{answer.note}",
                written(known) if known is not None else "",
                written(new),
                request.origins.get(known, "") if known is not None else "",
                {package.name: version} if answer.is_certain else {},
            )


def _with_requirement(request: Request, row: Requirement) -> Request:
    return request._replace(requirements=(*request.requirements, row))


def _with_override(request: Request, row: Requirement) -> Request:
    return request._replace(overrides=(*request.overrides, row))


def _with_prereleases(request: Request, name: str) -> Request:
    return request._replace(package_prereleases={**request.package_prereleases, name: "allow"})


def _wanted(proof: Clause, name: str, versions: int) -> int:
    """Return those of ``versions`` that every requirement of the user on the project accepts."""
    for clause in leaves(proof):
        package, mask = clause.terms[-1]
        if isinstance(clause.cause, Asked) and package.name == name and not package.extra:
            versions &= package.full & ~mask
    return versions & ~1


def prereleases(situation: Situation) -> Iterator[Suggestion]:
    """Try to let pre-releases in, project by project."""
    names = [fact.package.partition("[")[0] for fact in iter_facts(situation.derivation) if fact.kind == "prerelease"]
    for name in dict.fromkeys(names):
        answer = situation.try_out(partial(_with_prereleases, name=name))
        if answer is not None and name in answer.lead:
            version = answer.lead[name]
            text = (
                f"allow pre-releases of {name} (prerelease-package in [tool.blast]): {name} {version} fits{answer.note}"
            )
            yield Suggestion("prerelease", text, replacement=name, resolves_to=situation.about(answer))


def other_targets(situation: Situation) -> Iterator[Suggestion]:
    """Tell which targets to leave out, where others have a solution."""
    request, failed = situation.whole, situation.failed
    targets = request.targets
    if len(targets) < 2:
        return
    if not failed:
        yield from _newer_python(situation)
        return
    left = [target for bit, target in enumerate(targets) if not failed >> bit & 1]
    if not left:
        return
    yield from _markers(situation)
    found = _solve_on(situation, targets.index(left[0]))
    minors = version_range(failed, targets)
    if minors:
        yield _for_pythons(minors, found)
    elif len({cell.variant for cell in cells_of(targets)}) == 1:
        names = _settings_for(left, targets)
        words = describe_targets(failed, targets)
        text = f"leave out {words}: targets = [{', '.join(map(repr, names))}] in [tool.blast]"
        yield Suggestion("platform", text, replacement=", ".join(names), resolves_to=found)


def _markers(situation: Situation) -> Iterator[Suggestion]:
    """Try to ask for what has no files on some targets only where it has."""
    from blast_core.marker_masks import shortest_marker

    facts = iter_facts(situation.derivation)
    fileless = {fact.package.partition("[")[0] for fact in facts if fact.kind in ("platform", "source")}
    request, targets = situation.request, situation.whole.targets
    marker = shortest_marker((1 << len(targets)) - 1 & ~situation.failed, targets)
    for row in request.requirements:
        if not marker or row.name not in fileless or row.marker or row.url:
            continue
        new = row._replace(marker=marker)
        answer = situation.try_out(partial(replaced, row=row, new=new))
        if answer is not None:
            told = f"change {quoted(row)} to '{written(new)}; {marker}'{place_of(request, row, 'asked')}"
            text = f"{told}, to ask for it only where it has files{answer.note}"
            found = _solve_on(situation, ((~situation.failed) & -(~situation.failed)).bit_length() - 1)
            yield Suggestion(
                "marker", text, written(row), f"{written(new)}; {marker}", request.origins.get(row, ""), found
            )


def _newer_python(situation: Situation) -> Iterator[Suggestion]:
    """Try the newer Pythons on the platform that fails, the next one first."""
    if not any(fact.kind in ("python", "platform", "source") for fact in iter_facts(situation.derivation)):
        return
    request = situation.whole
    cells = cells_of(request.targets)
    own = cells[(request.group & -request.group).bit_length() - 1]
    newer = sorted(
        (cell.minor, place)
        for place, cell in enumerate(cells)
        if cell.minor > own.minor and cell == own._replace(minor=cell.minor)
    )
    for minor, place in newer[:_MOST_PYTHONS]:
        found = _solve_on(situation, place)
        if found:
            yield _for_pythons(f">=3.{minor}", found)
            return


def _for_pythons(minors: str, found: dict[str, str]) -> Suggestion:
    text = f"leave out the other Pythons by requires-python = '{minors}'"
    return Suggestion("python", text, replacement=minors, resolves_to=found)


def _solve_on(situation: Situation, place: int) -> dict[str, str]:
    """Return what is chosen on another target of what the proof is about; nothing where nothing is found."""
    outcome = situation.trials.solve(situation.whole._replace(group=1 << place)) or {}
    return {name: outcome[name] for name in sorted(situation.names()) if name in outcome}


def _settings_for(left: Sequence[Target], targets: Sequence[Target]) -> list[str]:
    """Return the entries of ``targets`` for those that are left: a platform alone where all its Pythons are."""
    every = cells_of(targets)
    names = []
    for cell, target in zip(cells_of(left), left, strict=True):
        whole = [other for other in every if other.platform == cell.platform]
        is_whole = len(whole) == sum(other.platform == cell.platform for other in cells_of(left))
        names.append(cell.platform if is_whole else target.name)
    return list(dict.fromkeys(names))


def facts_alone(situation: Situation) -> Iterator[Suggestion]:
    """What the facts themselves suggest, each kind once, without a search that could try it out."""
    told = set()
    for fact in iter_facts(situation.derivation):
        if fact.kind in told:
            continue
        if fact.is_offline:
            name = fact.other or fact.package.partition("[")[0]
            yield Suggestion("network", f"allow the network, so that {name} can be looked up")
        elif fact.missing == "address" and fact.kind == "depends":
            yield Suggestion("add", f"add '{fact.requirement}' to your project's own requirements")
        elif fact.kind == "python" and len(situation.request.targets) < 2:
            told.add(fact.kind)
            text = f"use another Python: {fact.versions} needs {fact.detail.replace(' or Python ', ' or ')}"
            yield Suggestion("python", text, replacement=fact.detail)
        elif fact.kind == "platform" and len(situation.request.targets) < 2:
            told.add(fact.kind)
            name = fact.package.partition("[")[0]
            there = f": its wheels are for {fact.known}" if fact.known else ""
            yield Suggestion("platform", f"use a Python and a platform that {name} has wheels for{there}")
        elif fact.kind == "source":
            told.add(fact.kind)
            yield Suggestion("source", f"allow {fact.package} to be built from source")
        elif fact.kind == "policy":
            told.add(fact.kind)
            setting = "exclude-newer" if fact.detail == "newer" else "no-build, no-binary and exclude-newer"
            yield Suggestion("policy", f"make an exception for {fact.package} in {setting}")


def overrides(situation: Situation) -> Iterator[Suggestion]:
    """As the last resort: what the user says of the project that clashes goes for everyone."""
    request = situation.request
    facts = iter_facts(situation.derivation)
    lacking = [fact.other for fact in facts if fact.kind == "depends" and fact.missing == "version"]
    clash = lacking[0] if lacking else situation.derivation[-1].clash
    if not clash or any(row.name == clash for row in request.overrides):
        return
    if not any(fact.kind == "depends" and fact.other == clash for fact in facts):
        return
    said = next((row for row in (*request.requirements, *request.constraints) if row.name == clash), None)
    row = Requirement(clash, (), said.specifier if said is not None else "")
    answer = situation.try_out(partial(_with_override, row=row))
    if answer is not None and clash in answer.versions and not row.specifier:
        row = row._replace(specifier=f"=={answer.versions[clash][0]}")
        answer = situation.try_out(partial(_with_override, row=row))
    if answer is None or clash not in answer.lead or not answer.is_certain:
        return
    version = answer.lead[clash]
    text = (
        f"if you know that all that need {clash} work with {clash} {version}, override what they ask for: "
        f"override-dependencies = ['{written(row)}'] in [tool.blast]{answer.note}"
    )
    yield Suggestion("override", text, replacement=written(row), resolves_to={clash: version})


def last_words(situation: Situation) -> Suggestion:
    """Say what is left to do where nothing else helps."""
    causes = [clause.cause for clause in leaves(situation.proof)]
    asked = {cause.requirement for cause in causes if isinstance(cause, Asked)}
    rows = [row for row in situation.request.requirements if row in asked]
    if len(rows) == 1:
        place = place_of(situation.request, rows[0], "asked")
        return Suggestion("other", f"leave out {quoted(rows[0])}{place}, or look for what does the same")
    names = [quoted(row) for row in rows]
    return Suggestion("other", f"loosen or leave out one of {', '.join(names[:-1])} and {names[-1]}" if names else "")
