"""Choosing versions: PubGrub over sets of versions as ints, with explanations where nothing fits.

``solver`` searches, ``universe`` knows what exists, ``diagnose`` and ``explain`` say why there is no solution,
``universal`` and ``forks`` answer for many targets at once, and ``oracle`` answers the same question with resolvelib.
"""

from __future__ import annotations

from blast_pm.resolver.model import (
    DirectCandidate,
    MetadataSource,
    Resolution,
    ResolutionPolicy,
    ResolvedPackage,
    TargetFailure,
    UniversalPackage,
    UniversalResolution,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement

__all__ = [
    "DirectCandidate",
    "MetadataSource",
    "Resolution",
    "ResolutionPolicy",
    "ResolvedPackage",
    "TargetFailure",
    "UniversalPackage",
    "UniversalResolution",
    "resolve",
    "resolve_universal",
]

_NOTHING: Mapping[str, str] = {}
_NO_PREFERENCES: Mapping[str, Sequence[tuple[str, int]]] = {}
_NO_CANDIDATES: Mapping[str, DirectCandidate] = {}
_NO_ORIGINS: Mapping[Requirement, str] = {}
_DEFAULT_POLICY = ResolutionPolicy()


def resolve(
    requirements: Sequence[Requirement],
    target: Target,
    source: MetadataSource,
    *,
    policy: ResolutionPolicy = _DEFAULT_POLICY,
    preferences: Mapping[str, str] = _NOTHING,
    direct: Mapping[str, DirectCandidate] = _NO_CANDIDATES,
    origins: Mapping[Requirement, str] = _NO_ORIGINS,
) -> Resolution:
    """Return versions that fit together on one target, the most wanted where there is a choice.

    The answer depends on the arguments and on what the source says, never on the order or speed of its answers.

    Args:
        requirements: what the project asks for; markers are evaluated on the target.
        target: the Python and platform to resolve for.
        source: where metadata comes from.
        policy: what the user wants.
        preferences: versions by name, tried before all others (an old lock's).
        direct: the candidates of projects that are required by address, by address or by name.
        origins: words for where a requirement stands, such as ``your project (pyproject.toml, line 7)``.

    Raises:
        NoSolution: nothing fits; ``reason`` says why in sentences, the detail ``derivation`` as a tree.
        ResolutionLimit: the search was given up at its limit.
        IndexAccessError: an index could not be read.

    Cost: one ``project`` per project and one ``dependencies`` per candidate that is looked at.
    """
    from blast_pm.resolver.request import make_request
    from blast_pm.resolver.result import build_resolution
    from blast_pm.resolver.solver import Solver, Unsolvable

    request = make_request(
        [(requirement, 1) for requirement in requirements],
        (target,),
        source,
        policy,
        preferences={name: ((version, 1),) for name, version in preferences.items()},
        direct=direct,
        origins=origins,
    )
    solver = Solver(request)
    try:
        solver.solve()
    except Unsolvable as found:
        from blast_pm.resolver.diagnose import diagnose

        raise diagnose(request) from found
    return build_resolution(solver.universe, solver.chosen())


def resolve_universal(
    roots: Sequence[tuple[Requirement, int]],
    targets: Sequence[Target],
    source: MetadataSource,
    *,
    policy: ResolutionPolicy = _DEFAULT_POLICY,
    preferences: Mapping[str, Sequence[tuple[str, int]]] = _NO_PREFERENCES,
    direct: Mapping[str, DirectCandidate] = _NO_CANDIDATES,
    origins: Mapping[Requirement, str] = _NO_ORIGINS,
) -> UniversalResolution:
    """Return versions that fit together for each of many targets: what ``resolve`` gives for each of them alone.

    Args:
        roots: what the project asks for, each with the mask of the targets on which it does; markers count besides.
        targets: at most 64; bit i of every mask is for ``targets[i]``.
        source: where metadata comes from; its records must be made for the same targets.
        policy: what the user wants.
        preferences: versions to try before all others, with the targets where, by name.
        direct: the candidates of projects that are required by address, by address or by name.
        origins: words for where a requirement stands.

    Returns:
        Targets without a solution are among the ``failures``; no exception is raised for them.

    Raises:
        ResolutionLimit: the search was given up at its limit.
        IndexAccessError: an index could not be read.

    Cost: targets are solved together and parted only where they differ: one search for most projects.
    """
    from blast_pm.resolver.request import make_request
    from blast_pm.resolver.universal import solve_groups

    return solve_groups(
        make_request(roots, targets, source, policy, preferences=preferences, direct=direct, origins=origins)
    )
