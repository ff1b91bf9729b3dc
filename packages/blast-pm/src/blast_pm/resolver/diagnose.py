"""Why a request has no solution: the search is repeated with everything in view, and around what it finds.

First with the versions in the universe that can't be chosen, so that the proof says why they can't. Then without each
of the project's requirements that the proof uses: those that are not needed for it only make it longer. Last with
changed requirements, to find out what would help.
"""

from __future__ import annotations

from blast_core.errors import IndexAccessError, NoSolution, OfflineError, ResolutionLimit
from blast_pm.resolver.clauses import Asked, Clause, Constrained
from blast_pm.resolver.derivation import derive, iter_facts, to_dict
from blast_pm.resolver.explain import sentences, summary
from blast_pm.resolver.proofs import leaves
from blast_pm.resolver.request import root_rows
from blast_pm.resolver.situation import Situation
from blast_pm.resolver.solver import Solver, Unsolvable
from blast_pm.resolver.suggestions import suggest
from blast_pm.resolver.target_words import describe_targets
from blast_pm.resolver.trials import BoundedSource, Trials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver.model import TargetFailure
    from blast_pm.resolver.request import Request

__all__ = ["diagnose", "explain_failures"]

# What the search around a failure may cost; what it does not find out in that is not said.
_MOST_CONFLICTS = 200
_MOST_ATTEMPTS = 12
_MOST_READS_TO_SHORTEN = 60
_MOST_READS_TO_SUGGEST = 250


def explain_failures(failures: Sequence[TargetFailure], lead: int = 0) -> NoSolution | OfflineError:
    """Return the error for the targets of a universal resolution for which nothing fits.

    Args:
        failures: all of them, at least one.
        lead: targets whose failure is to be told, if they are among them; else the first one's is.

    Returns:
        As ``diagnose``; the message says on which targets it is so, and a change of ``requires-python`` or of the
        targets is suggested where that leaves a lock. The detail ``targets`` has the names of those that failed.
    """
    failed = 0
    for failure in failures:
        failed |= failure.mask
    told = next((failure for failure in failures if failure.mask & lead), failures[0])
    error = diagnose(told.request, told.mask, failed)
    targets = told.request.targets
    error.details["targets"] = [target.name for bit, target in enumerate(targets) if failed >> bit & 1]
    return error


def diagnose(request: Request, mask: int = 0, failed: int = 0) -> NoSolution | OfflineError:
    """Return the error for a request that has no solution.

    Args:
        request: of its group the first target is told of.
        mask: the targets that fail in this way, for the message; 0 if that is not known.
        failed: the targets that fail in any way; 0 if that is not known.

    Returns:
        With the explanation as ``reason``, a sentence a line, suggestions as ``hint``, and in the details
        ``sentences``, ``suggestions`` (see ``Suggestion.to_dict``) and ``derivation`` (see ``derivation.to_dict``).
        It is an ``OfflineError`` where that rests on something that is not known without the network: then whether
        there is a solution was not found out.

    Cost: the search once more, and a limited number of small ones.
    """
    source = BoundedSource(request.source)
    whole = request._replace(source=source, group=request.group & -request.group)
    request = _for_one_target(whole)
    try:
        proof = _prove(request, limited=False)
    except ResolutionLimit:
        proof = None
    if proof is None:
        return NoSolution(
            "nothing fits all requirements together",
            reason="The search showed that nothing does, but an explanation would take too long.",
            hint="resolve parts of the requirements alone to find the ones that conflict",
        )
    source.allow(_MOST_READS_TO_SHORTEN)
    core, proof = _shorten(request, proof)
    source.allow(_MOST_READS_TO_SUGGEST)
    derivation = derive(proof, core)
    told = sentences(derivation)
    suggestions = suggest(Situation(whole, request, core, proof, derivation, Trials(), failed))
    is_unknown = any(fact.is_offline for fact in iter_facts(derivation))
    return (OfflineError if is_unknown else NoSolution)(
        summary(derivation, _where(mask, request)),
        reason="\n".join(told),
        hint="\n".join(suggestion.text for suggestion in suggestions),
        sentences=told,
        suggestions=[suggestion.to_dict() for suggestion in suggestions],
        derivation=to_dict(derivation),
    )


def _where(mask: int, request: Request) -> str:
    """Return words for the targets of a failure; "" where they are all that there are."""
    everywhere = (1 << len(request.targets)) - 1
    return f" for {describe_targets(mask, request.targets)}" if mask and mask != everywhere else ""


def _for_one_target(request: Request) -> Request:
    """Return the request with only those requirements that its one target has."""
    rows = dict.fromkeys(row for row, mask in root_rows(request) if mask)
    return request._replace(requirements=tuple(rows), only_on={})


def _prove(request: Request, *, limited: bool = True) -> Clause | None:
    """Return the clause that ends the search, None if there is a solution after all.

    Raises:
        ResolutionLimit: neither was found within the limit.
    """
    if limited:
        solver = Solver(request, show_unusable=True, most_conflicts=_MOST_CONFLICTS)
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
    replaced = {row.name for row in request.overrides}
    return request._replace(
        requirements=tuple(row for row in request.requirements if row in asked or row.name in replaced),
        constraints=tuple(row for row in request.constraints if row in constrained),
    )


def _without(request: Request, row: Requirement) -> Request:
    return request._replace(
        requirements=tuple(other for other in request.requirements if other != row),
        constraints=tuple(other for other in request.constraints if other != row),
    )
