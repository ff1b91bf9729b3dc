"""Choosing versions: PubGrub over sets of versions as ints, with explanations where nothing fits.

``solver`` searches, ``universe`` knows what exists, ``diagnose`` and ``explain`` say why there is no solution, and
``oracle`` answers the same question with resolvelib.
"""

from __future__ import annotations

from blast_pm.resolver.model import DirectCandidate, MetadataSource, Resolution, ResolvedPackage
from blast_pm.resolver.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement

__all__ = ["DirectCandidate", "MetadataSource", "Resolution", "ResolvedPackage", "resolve"]

_NOTHING: Mapping[str, str] = {}
_NO_CANDIDATES: Mapping[str, DirectCandidate] = {}
_NO_ORIGINS: Mapping[Requirement, str] = {}


def resolve(  # noqa: PLR0913 - the inputs of a resolution
    requirements: Sequence[Requirement],
    target: Target,
    source: MetadataSource,
    *,
    preferences: Mapping[str, str] = _NOTHING,
    constraints: Sequence[Requirement] = (),
    overrides: Sequence[Requirement] = (),
    prereleases: str = "if-necessary-or-explicit",
    highest: bool = True,
    direct: Mapping[str, DirectCandidate] = _NO_CANDIDATES,
    origins: Mapping[Requirement, str] = _NO_ORIGINS,
) -> Resolution:
    """Return versions that fit together, the newest where there is a choice.

    The answer depends on the arguments and on what the source says, never on the order or speed of its answers.

    Args:
        requirements: what the project asks for; markers are evaluated on the target.
        target: the Python and platform to resolve for.
        source: where metadata comes from.
        preferences: versions by name, tried before all others (an old lock's).
        constraints: limits on packages that are only needed if something else asks for them.
        overrides: requirements that replace all others on the same project, wherever they stand.
        prereleases: one of ``PRERELEASE_MODES``. In every ``necessary`` mode all final releases that fit are tried
            before any pre-release.
        highest: prefer newest versions, rather than oldest.
        direct: the candidates of projects that are required by address, by name.
        origins: words for where a requirement stands, such as ``your project (pyproject.toml, line 7)``.

    Raises:
        NoSolution: nothing fits; ``reason`` says why in sentences, the detail ``derivation`` as a tree.
        ResolutionLimit: the search was given up at its limit.
        IndexAccessError: an index could not be read.

    Cost: one ``project`` per project and one ``dependencies`` per candidate that is looked at.
    """
    from blast_pm.resolver.result import build_resolution
    from blast_pm.resolver.solver import Solver, Unsolvable

    request = Request(
        requirements, target, source, preferences, constraints, overrides, prereleases, highest, direct, origins
    )
    solver = Solver(request)
    try:
        solver.solve()
    except Unsolvable as found:
        from blast_pm.resolver.diagnose import diagnose

        raise diagnose(request) from found
    return build_resolution(solver.universe, solver.chosen())
