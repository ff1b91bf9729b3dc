"""Resolving a project for all of its targets: what it asks for, what an old lock prefers, and what has no answer."""

from __future__ import annotations

from blast_project.project import DEFAULT_GROUP, GroupRequirement, Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from blast_core.errors import NoSolution, OfflineError
    from blast_core.formats.dpl.model import LockedSource, LockTarget
    from blast_core.formats.dpl.reader import DplLockFile
    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_pm.metadata.source import RegistryMetadata
    from blast_pm.resolver.model import DirectCandidate, MetadataSource, UniversalResolution
    from blast_project.session import Session
    from blast_project.targets import TargetPlan

__all__ = ["Preferences", "check_failures", "preferences_of", "resolve_project"]

# Kinds of facts in a proof that say that no file suits the target.
_WITHOUT_FILES = frozenset(("platform", "source"))

#: Versions to try first by name, each with the mask of the targets where.
Preferences = dict[str, list[tuple[str, int]]]


def resolve_project(
    session: Session,
    project: Project,
    interpreter: Interpreter,
    plan: TargetPlan,
    preferences: Preferences,
    sources: Mapping[str, LockedSource] | None = None,
    through: Callable[[RegistryMetadata], MetadataSource] | None = None,
    wanted: Callable[[Requirement], bool] | None = None,
) -> UniversalResolution:
    """Resolve the requirements of all groups together, for all targets of the plan.

    Args:
        session: services; its policy counts.
        project: whose requirements.
        interpreter: builds what only a build tells; the answer does not depend on it.
        plan: the targets.
        preferences: versions to try first, where.
        sources: of the old lock by name, for those that shall not move.
        through: gets the metadata of the indexes, and returns what the resolver asks.
        wanted: tells which requirements count; None for all.

    Raises:
        InvalidManifest: the manifest asks for what there can't be.
        IndexAccessError, IntegrityError, InstallError, ProjectError: something can't be read.
    """
    from blast_pm.resolver.select import find_universal_resolver
    from blast_project.origins import project_origins
    from blast_project.resolving import files_that_count, note_undated, open_metadata, without_late_files

    rows = project.requirements()
    policy = session.policy
    candidates, load = _by_address(session, project, interpreter, rows, sources)
    metadata = open_metadata(session, interpreter, targets=plan.targets, load_direct=load)
    if session.installing is not None:
        from blast_project.foresight import foresee_project

        foresee_project(session, project, rows, metadata, session.installing, preferences)
    source = through(metadata) if through is not None else metadata
    found: UniversalResolution = find_universal_resolver(policy.resolver)(
        [(row.requirement, plan.mask_of(row.group)) for row in rows if wanted is None or wanted(row.requirement)],
        plan.targets,
        source,
        policy=policy.resolution,
        preferences=preferences,
        direct={**candidates, project.name: _itself(project, rows)},
        origins=project_origins(project, rows),
    )
    if found.failures:
        note_undated(session, metadata, files_that_count(session, policy))
    return found._replace(packages=without_late_files(session, found.packages))


def _by_address(
    session: Session,
    project: Project,
    interpreter: Interpreter,
    rows: tuple[GroupRequirement, ...],
    sources: Mapping[str, LockedSource] | None,
) -> tuple[Mapping[str, DirectCandidate], Callable[[Requirement], DirectCandidate]]:
    """Return the candidates of requirements by address, and what loads those that others ask for so."""

    def load(requirement: Requirement) -> DirectCandidate:
        if not loaders:
            from blast_project.sources import direct_candidates

            loaders.append(direct_candidates(session, project, interpreter, sources).load)
        return loaders[0](requirement)

    loaders: list[Callable[[Requirement], DirectCandidate]] = []
    if project.workspace is None and not any(row.requirement.url for row in rows):
        return {}, load
    from blast_project.sources import direct_candidates

    direct = direct_candidates(session, project, interpreter, sources)
    return direct.candidates, direct.load


def preferences_of(lock: DplLockFile, plan: TargetPlan, free: Collection[str]) -> Preferences:
    """Return the versions of an old lock, each on the targets where it had them.

    Where the old lock has no answer about a project, because the target is new or nothing needed it there, all of its
    versions are preferred: to keep to what is known is to change less.

    Args:
        lock: the old one, of whatever targets.
        plan: the targets now.
        free: names without a preference.
    """
    places = {target.name: 1 << bit for bit, target in enumerate(plan.locked)}
    bits = [places.get(target.name, 0) for target in lock.targets]
    everywhere = (1 << len(places)) - 1
    found: Preferences = {}
    for entry in lock.entries():
        if entry.source.kind == "registry" and entry.name not in free:
            mask = sum(bit for number, bit in enumerate(bits) if entry.target_mask >> number & 1)
            found.setdefault(entry.name, []).append((entry.version, mask))
    for name, rows in found.items():
        rest = everywhere
        for _, mask in rows:
            rest &= ~mask
        merged: dict[str, int] = {}
        for version, mask in rows:
            merged[version] = merged.get(version, 0) | mask | rest
        found[name] = [(version, mask) for version, mask in merged.items() if mask]
    return found


def check_failures(
    session: Session, plan: TargetPlan, resolution: UniversalResolution, interpreter: Interpreter
) -> None:
    """Say which targets have no answer.

    A target that nobody named is left out of the lock with a word about it, unless it is this machine's own, where only
    the files are missing that it could install, or where it is too new a Python for something. What contradicts itself
    there is an error: it is the project's to mend.

    Raises:
        NoSolution, OfflineError: of a target that must have an answer, or of all.
    """
    if not resolution.failures:
        return
    from blast_pm.resolver.target_words import describe_targets

    locked = plan.locked
    failed = 0
    for failure in resolution.failures:
        failed |= failure.mask
    needed = _needed(plan, interpreter)
    answered = ((1 << len(locked)) - 1) & ~failed
    newest = max((_python_key(target) for bit, target in enumerate(locked) if answered >> bit & 1), default=())
    for failure in resolution.failures:
        if failure.mask & needed or not answered:
            raise _explained(resolution, failure.mask)
    for failure in resolution.failures:
        kinds = failure.kinds
        if kinds & _WITHOUT_FILES:
            continue
        pythons = [_python_key(target) for bit, target in enumerate(locked) if failure.mask >> bit & 1]
        if "python" not in kinds or min(pythons) <= newest:
            raise _explained(resolution, failure.mask)
    first = next(target.name for bit, target in enumerate(locked) if failed >> bit & 1)
    session.reporter.note(
        f"nothing fits for {describe_targets(failed, plan.targets)}: left out of the lock;"
        f" 'blast lock --target {first.partition('+')[0]}' says why"
    )


def _explained(resolution: UniversalResolution, lead: int) -> NoSolution | OfflineError:
    from blast_pm.resolver.diagnose import explain_failures

    return explain_failures(resolution.failures, lead)


def _needed(plan: TargetPlan, interpreter: Interpreter) -> int:
    """Return the targets that must have an answer: this machine's, and those named in words or in a marker."""
    from blast_core.formats.dpl.targets import matches
    from blast_core.platforms import DEFAULT_PLATFORMS

    usual = {platform.name for platform in DEFAULT_PLATFORMS}
    environment = interpreter.target.marker_environment
    mask = 0
    for bit, target in enumerate(plan.locked):
        is_usual = target.platform in usual and dict(target.markers).get("implementation_name") == "cpython"
        if plan.named or not is_usual or matches(target, environment):
            mask |= 1 << bit
    return mask


def _python_key(target: LockTarget) -> tuple[int, ...]:
    """Return a target's minor version of Python as numbers."""
    return tuple(int(part) for part in target.python_version.split("."))


def _itself(project: Project, rows: tuple[GroupRequirement, ...]) -> DirectCandidate:
    """The project as a candidate, for what requires it: never the release of its name on an index.

    A version that only the build backend tells depends on tags and on what else is on this machine. A lock doesn't, and
    what is installed is this tree, whatever it calls itself.
    """
    from blast_core.markers import and_markers
    from blast_pm.resolver.model import DirectCandidate

    requirements = [row.requirement for row in rows if row.group == DEFAULT_GROUP]
    for row in rows:
        kind, _, extra = row.group.partition(":")
        if kind == "extra":
            marker = and_markers(row.requirement.marker, f'extra == "{extra}"')
            requirements.append(row.requirement._replace(marker=marker))
    manifest = project.manifest
    return DirectCandidate(
        project.name,
        manifest.version or "0",
        "",
        tuple(requirements),
        provides_extras=tuple(sorted(manifest.optional_dependencies)),
        fits_all=not manifest.version,
    )
