"""What else would help: versions that are kept out, another Python, and what overrides others."""

from __future__ import annotations

from blast_core.requirements import Requirement
from blast_pm.resolver.clauses import Asked, Unusable
from blast_pm.resolver.derivation import iter_facts, written
from blast_pm.resolver.proofs import leaves
from blast_pm.resolver.situation import Suggestion, place_of, quoted, replaced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_pm.resolver.clauses import Clause
    from blast_pm.resolver.situation import Situation

__all__ = ["facts_alone", "overrides", "prereleases", "pythons", "yanked_pins"]

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
            outcome = situation.trials.solve(replaced(request, known, new))
            text = f"change {quoted(known)} to {quoted(new)}{place_of(request, known, 'asked')}"
        else:
            new = row
            outcome = situation.trials.solve(request._replace(requirements=(*request.requirements, row)))
            text = f"add {quoted(row)} to your own requirements"
        if outcome is not None:
            yield Suggestion(
                "add" if known is None else "change",
                f"{text} to accept a version that was yanked",
                written(known) if known is not None else "",
                written(new),
                request.origins.get(known, "") if known is not None else "",
                {package.name: version},
            )


def _wanted(proof: Clause, name: str, versions: int) -> int:
    """Return those of ``versions`` that every requirement of the user on the project accepts."""
    for clause in leaves(proof):
        package, mask = clause.terms[-1]
        if isinstance(clause.cause, Asked) and package.name == name and not package.extra:
            versions &= package.full & ~mask
    return versions & ~1


def prereleases(situation: Situation) -> Iterator[Suggestion]:
    """Try to let pre-releases in, project by project."""
    request = situation.request
    names = [fact.package.partition("[")[0] for fact in iter_facts(situation.derivation) if fact.kind == "prerelease"]
    for name in dict.fromkeys(names):
        outcome = situation.trials.solve(
            request._replace(package_prereleases={**request.package_prereleases, name: "allow"})
        )
        if outcome is not None and name in outcome:
            text = f"allow pre-releases of {name} (prerelease-package in [tool.blast]): {name} {outcome[name]} fits"
            yield Suggestion("prerelease", text, replacement=name, resolves_to={name: outcome[name]})


def pythons(situation: Situation) -> Iterator[Suggestion]:
    """Try the other Pythons that the lock is for, the next newer one first."""
    facts = [fact for fact in iter_facts(situation.derivation) if fact.kind in ("python", "platform", "source")]
    request = situation.request
    if not facts or len(request.targets) < 2:
        return
    own = request.target
    newer = [
        (_minor(target.python_version), place, target)
        for place, target in enumerate(request.targets)
        if _platform(target.name) == _platform(own.name) and _minor(target.python_version) > _minor(own.python_version)
    ]
    for minor, place, _ in sorted(newer)[:_MOST_PYTHONS]:
        outcome = situation.trials.solve(situation.whole._replace(group=1 << place))
        if outcome is not None:
            least = ".".join(map(str, minor))
            chosen = {name: outcome[name] for name in sorted(situation.names()) if name in outcome}
            text = f"leave out the older Pythons by requires-python = '>={least}': Python {least} has a solution"
            yield Suggestion("python", text, replacement=f">={least}", resolves_to=chosen)
            return


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _platform(name: str) -> str:
    return name.rpartition("-py")[0] or name


def facts_alone(situation: Situation) -> Iterator[Suggestion]:
    """What the facts themselves suggest, each kind once, without a search that could try it out."""
    told = set()
    for fact in iter_facts(situation.derivation):
        if fact.kind in told:
            continue
        if fact.missing == "offline":
            yield Suggestion("network", f"allow the network, so that {fact.other} can be looked up")
        elif fact.missing == "address" and fact.kind == "depends":
            yield Suggestion("add", f"add '{fact.requirement}' to your project's own requirements")
        elif fact.kind == "python" and len(situation.request.targets) < 2:
            told.add(fact.kind)
            text = f"use another Python: {fact.versions} needs {fact.detail.replace(' or Python ', ' or ')}"
            yield Suggestion("python", text, replacement=fact.detail)
        elif fact.kind == "platform":
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
    clash = situation.derivation[-1].clash
    request = situation.request
    if not clash or any(row.name == clash for row in request.overrides):
        return
    facts = iter_facts(situation.derivation)
    if not any(fact.kind == "depends" and fact.other == clash and not fact.missing for fact in facts):
        return
    said = next((row for row in (*request.requirements, *request.constraints) if row.name == clash), None)
    row = Requirement(clash, (), said.specifier if said is not None else "")
    solve = situation.trials.solve
    outcome = solve(request._replace(overrides=(*request.overrides, row)))
    if outcome is not None and clash in outcome and not row.specifier:
        row = row._replace(specifier=f"=={outcome[clash]}")
        outcome = solve(request._replace(overrides=(*request.overrides, row)))
    if outcome is None or clash not in outcome:
        return
    text = (
        f"if you know that all that need {clash} work with {clash} {outcome[clash]}, override what they ask for: "
        f"override-dependencies = ['{written(row)}'] in [tool.blast]"
    )
    yield Suggestion("override", text, replacement=written(row), resolves_to={clash: outcome[clash]})
