"""Why a request has no solution: the search is repeated with everything in view, and around what it finds.

First with the versions in the universe that can't be chosen, so that the proof says why they can't. Then without each
of the project's requirements that the proof uses: those that are not needed for it only make it longer. Last with the
bounds of each remaining one lifted: where that gives a solution, it is what to suggest.
"""

from __future__ import annotations

from blast_core.errors import IndexAccessError, NoSolution, ResolutionLimit
from blast_pm.resolver.clauses import Asked, Clause, Constrained
from blast_pm.resolver.derivation import derive, iter_facts, leaves, to_dict
from blast_pm.resolver.explain import Relaxation, hints, sentences
from blast_pm.resolver.solver import Solver, Unsolvable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_pm.resolver.request import Request

__all__ = ["diagnose"]

# What the search around a failure may cost; what it does not find out in that is not said.
_MOST_CONFLICTS = 200
_MOST_ATTEMPTS = 12
_MOST_NEW_VISITS = 200
_MOST_HINTS = 3
_MESSAGE = "no set of versions fits all requirements"


def diagnose(request: Request) -> NoSolution:
    """Return the error for a request that has no solution.

    Returns:
        With the explanation as ``reason``, a sentence a line, suggestions as ``hint``, and in the details
        ``sentences``, ``suggestions`` and ``derivation`` (see ``derivation.to_dict``).
    """
    try:
        proof = _prove(request, limited=False)
    except ResolutionLimit:
        proof = None
    if proof is None:
        return NoSolution(
            _MESSAGE,
            reason="the search showed that there is none, but an explanation would take too long",
            hint="resolve parts of the requirements alone to find the ones that conflict",
        )
    request, proof = _shorten(request, proof)
    derivation = derive(proof, request.origins, request.target.python_version)
    told = sentences(derivation)
    offers = request.prereleases not in ("disallow", "explicit")
    suggestions = hints(iter_facts(derivation), _relaxations(request, proof), offers_prereleases=offers)[:_MOST_HINTS]
    return NoSolution(
        _MESSAGE,
        reason="\n".join(told),
        hint="\n".join(suggestions),
        sentences=told,
        suggestions=suggestions,
        derivation=to_dict(derivation),
    )


def _prove(request: Request, *, limited: bool = True) -> Clause | None:
    """Return the clause that ends the search, None if there is a solution after all.

    Raises:
        ResolutionLimit: neither was found within the limit.
    """
    if limited:
        solver = Solver(request, show_unusable=True, most_conflicts=_MOST_CONFLICTS, most_visits=_MOST_NEW_VISITS)
    else:
        solver = Solver(request, show_unusable=True)
    try:
        solver.solve()
    except Unsolvable as found:
        return found.clause
    return None


def _used(proof: Clause) -> tuple[set[Requirement], set[Requirement]]:
    """Return the requirements and the constraints that a proof starts from."""
    causes = [clause.cause for clause in leaves(proof)]
    return (
        {cause.requirement for cause in causes if isinstance(cause, Asked)},
        {cause.requirement for cause in causes if isinstance(cause, Constrained)},
    )


def _shorten(request: Request, proof: Clause) -> tuple[Request, Clause]:
    """Leave out requirements and constraints without which there is no solution either."""
    request = _only(request, proof)
    attempts = 0
    for row in [*request.constraints, *reversed(request.requirements)]:
        if len(request.requirements) + len(request.constraints) < 2 or attempts == _MOST_ATTEMPTS:
            break
        if row not in request.requirements and row not in request.constraints:
            continue
        attempts += 1
        smaller = _without(request, row)
        try:
            other = _prove(smaller)
        except (ResolutionLimit, IndexAccessError):
            continue
        if other is not None:
            proof = other
            request = _only(smaller, proof)
    return request, proof


def _only(request: Request, proof: Clause) -> Request:
    """Return the request with only those requirements and constraints that the proof uses."""
    asked, constrained = _used(proof)
    overrides = request.overrides
    replaced = {row.name for row in overrides}
    return request._replace(
        requirements=[row for row in request.requirements if row in asked or row.name in replaced],
        constraints=[row for row in request.constraints if row in constrained],
    )


def _without(request: Request, row: Requirement) -> Request:
    return request._replace(
        requirements=[other for other in request.requirements if other != row],
        constraints=[other for other in request.constraints if other != row],
    )


def _relaxations(request: Request, proof: Clause) -> list[Relaxation]:
    """Try each requirement of the proof without its bounds, and tell which of them alone is in the way."""
    found = []
    asked, constrained = _used(proof)
    for row in [*request.requirements, *request.constraints][:_MOST_ATTEMPTS]:
        if not row.specifier or row not in asked | constrained:
            continue
        looser = _without(request, row)
        if row in asked:
            looser = looser._replace(requirements=[*looser.requirements, row._replace(specifier="")])
        solver = Solver(looser, most_conflicts=_MOST_CONFLICTS, most_visits=_MOST_NEW_VISITS)
        try:
            solver.solve()
        except (Unsolvable, ResolutionLimit, IndexAccessError):
            continue
        chosen = {repr(package): package.table.texts[index] for package, index in solver.chosen().items()}
        instead = f"{row.name} {chosen[row.name]}" if row.name in chosen else ""
        origin = request.origins.get(row, "your project" if row in asked else "a constraint")
        extras = f"[{','.join(row.extras)}]" if row.extras else ""
        found.append(Relaxation(f"{row.name}{extras}{row.specifier}", origin, instead))
    return found
