"""From a manifest to a lock: reuse it when it is current, else resolve, and publish text and binary."""

from __future__ import annotations

from blast_core.errors import StaleLock
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.changes import VersionChange
from blast_project.inputs import input_hash
from blast_project.lock_files import Draft, LockResult, digest_of, has_foreign_text, read_lock, releases_of
from blast_project.project import LOCK_NAME, PYLOCK_NAME, Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from blast_core.formats.dpl.model import Lock
    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_pm.metadata.source import RegistryMetadata
    from blast_pm.resolver.model import MetadataSource, UniversalResolution
    from blast_project.delta import Delta, Frozen, Growth, Resolve
    from blast_project.hints import Pages
    from blast_project.project_resolution import Preferences
    from blast_project.session import Session
    from blast_project.targets import TargetPlan

__all__ = ["finish_draft", "lock_project"]

_CONTENT_HASH = slice(96, 128)


def lock_project(  # noqa: PLR0913 - what a person may say of locking
    session: Session,
    project: Project,
    interpreter: Interpreter,
    *,
    upgrade: bool = False,
    upgrade_names: Collection[str] = (),
    check: bool = False,
    pins: Mapping[str, str] | None = None,
    like: LockResult | None = None,
    targets: Sequence[str] = (),
    hints: bool = True,
    delta: bool = True,
    draft: bool = False,
) -> LockResult:
    """Return the lock for the project, resolving only when the one on disk does not answer to the manifest.

    Nothing is written: ``publish_lock`` does that. The lock is the same on every machine.

    Args:
        session: services.
        project: whose manifest to lock.
        interpreter: builds what only a build tells; whatever it is, its own platform must have an answer if it is one
            of the targets.
        upgrade: do not prefer the versions of the old lock.
        upgrade_names: do not prefer them for these packages.
        check: raise instead of resolving.
        pins: versions to prefer over those of the old lock, on all targets.
        like: a lock whose versions to prefer over those of the old one, each on its targets.
        targets: names of the targets to lock for, instead of those of the manifest.
        hints: take the answer to a question that was asked before, where nothing it came from has changed.
        delta: leave alone what a change does not reach, without asking the index about it.
        draft: where it has to be resolved, leave it to ``finish_draft`` to write both forms.

    Raises:
        StaleLock: ``check`` is set and the lock is missing or does not answer to the manifest.
        NoSolution: no set of versions fits.
        UsageError, InvalidManifest: a target is named that there is not.
    """
    from blast_project.answer_keeping import database_stamp, keep_answer
    from blast_project.hints import find_hint, may_hint
    from blast_project.lock_rules import remember_rules, rules_of
    from blast_project.policy import policy_key, resolution_of, stamp_resolution
    from blast_project.targets import asked_targets

    project.check_named()
    session.use_project(project.manifest)
    options, tool = session.settings.policy, project.manifest.tool
    asked, wishes = asked_targets(project, targets), policy_key(options, tool)
    inputs = input_hash(project, asked, wishes)
    wanted_hash = stamp_resolution(inputs, options, tool)
    old = read_lock(session, project.root)
    if old is not None and old.reader().input_hash == wanted_hash and not upgrade and not upgrade_names:
        if check or old.text is not None or not _wants_text(project):
            return old
        _note_replacement(session, project, old)
        return _finished(session, project, old.reader().to_lock(), old, 0)
    if check:
        raise StaleLock(
            f"{LOCK_NAME} is missing" if old is None else f"{LOCK_NAME} does not answer to pyproject.toml",
            reason="it was made from other requirements or settings" if old else "",
            hint="'blast lock' makes it anew",
        )
    free = {normalize_name(name) for name in upgrade_names}
    if old is not None and resolution_of(old.reader().input_hash) != resolution_of(wanted_hash):
        session.reporter.note(f"the versions in {LOCK_NAME} were chosen by another rule and are not preferred")
        upgrade = True
    rules = rules_of(session, project, asked, wishes) if delta else b""
    known = _Known(None if upgrade else old, free, pins or {}, like, rules)
    question = _question(session, project, wanted_hash, known) if hints and may_hint(session, project) else b""
    database = database_stamp(session)
    found_hint = find_hint(session, question) if question else None
    _note_replacement(session, project, old)
    if found_hint is not None:
        hint, times = found_hint
        for note in hint.notes:
            session.reporter.note(note)
        result = _compared(LockResult(hint.content, hint.text, False, (), 0, hint.releases), old)  # noqa: FBT003
        # Only what a plain command would be told again.
        if old is None and not (hint.notes or free or pins or like or targets or upgrade):
            keep_answer(session, project, result, times, rules, database)
    else:
        found = _resolved(session, project, interpreter, targets, known)
        if draft:
            return _drafted(found, old)
        result = _written(session, project, found, old, wanted_hash, question)
    if rules:
        remember_rules(session.settings.home, result.content[_CONTENT_HASH], rules)
    return result


def finish_draft(
    session: Session, project: Project, drafted: LockResult, narrowed: Collection[str] = ()
) -> LockResult | None:
    """Return the lock of a draft, for the project that was drafted or one that asks for what was found more narrowly.

    Args:
        session: services.
        project: whose manifest to lock.
        drafted: what ``lock_project`` returned.
        narrowed: names that the project now asks for in other versions.

    Returns:
        None where what was found is not what the project asks for now.
    """
    from blast_project.lock_rules import remember_rules, rules_of
    from blast_project.policy import policy_key, stamp_resolution
    from blast_project.targets import asked_targets, plan_targets

    draft = drafted.draft
    if draft is None:
        return drafted
    plan = plan_targets(project, ()) if narrowed else draft.plan
    if narrowed and (plan.locked != draft.plan.locked or not _still_fits(project, draft, narrowed)):
        return None
    options, tool = session.settings.policy, project.manifest.tool
    asked, wishes = asked_targets(project, ()), policy_key(options, tool)
    inputs = stamp_resolution(input_hash(project, asked, wishes), options, tool)
    found = _Found(plan, draft.resolution, drafted.visited, (), None, draft.growth)
    result = _locked(session, project, found, draft.old, inputs)
    remember_rules(session.settings.home, result.content[_CONTENT_HASH], rules_of(session, project, asked, wishes))
    return result


def _still_fits(project: Project, draft: Draft, names: Collection[str]) -> bool:
    """Tell whether every version that was found of these names is one that the project asks for."""
    from blast_core.version import make_version_table, specifier_mask
    from blast_project.lock_growth import find_versions

    if draft.resolution.failures:
        return False
    specifiers: dict[str, list[str]] = {}
    for row in project.requirements():
        specifiers.setdefault(row.requirement.name, []).append(row.requirement.specifier)
    return all(
        not specifier or specifier_mask(specifier, make_version_table((version,)))
        for name, version in find_versions(draft.resolution, draft.growth, names)
        for specifier in specifiers.get(name, ())
    )


class _Known(NamedTuple):
    """What is known of the answer.

    Attributes:
        old: a lock whose versions are preferred.
        free: names that may leave it.
        pins: versions that go before those of the old lock.
        like: a lock that goes before it.
        rules: by which a lock must have been made for what a change doesn't reach to stay; b"" lets nothing stay.
    """

    old: LockResult | None
    free: Collection[str]
    pins: Mapping[str, str]
    like: LockResult | None
    rules: bytes


class _Found(NamedTuple):
    """What was found, how many packages were looked at for it, what was said, and the pages that it came from.

    Where there is a ``growth``, the resolution is of what comes to a lock alone.
    """

    plan: TargetPlan
    resolution: UniversalResolution
    visited: int
    notes: tuple[str, ...]
    pages: Pages | None
    growth: Growth | None


def _question(session: Session, project: Project, inputs: bytes, known: _Known) -> bytes:
    """Return the key of the hint for what is asked: the inputs and what is preferred."""
    from blast_project.hints import hint_key

    preferred = tuple(
        result.content[_CONTENT_HASH] if result is not None else b"" for result in (known.old, known.like)
    )
    return hint_key(session, inputs, preferred, sorted(known.free), sorted(known.pins.items()), _wants_text(project))


def _resolved(
    session: Session, project: Project, interpreter: Interpreter, targets: Sequence[str], known: _Known
) -> _Found:
    """Resolve for all targets."""
    from blast_project.project_resolution import check_failures, resolve_project
    from blast_project.targets import plan_targets

    plan = plan_targets(project, targets)
    for note in plan.notes:
        session.reporter.note(note)
    sources = {}
    for result in filter(None, (known.old, known.like)):
        free = known.free if result is known.old else ()
        rows = [(entry.name, entry.source) for entry in result.reader().entries() if entry.name not in free]
        sources.update({name: source for name, source in rows if source.kind != "registry"})
    session.reporter.step("Resolving")

    def resolve(
        through: Callable[[RegistryMetadata], MetadataSource], wanted: Callable[[Requirement], bool] | None
    ) -> UniversalResolution:
        # What comes to the old lock is in nothing that is known.
        is_more = wanted is not None and known.like is None and session.installing is None
        preferences = {} if is_more else _preferences(plan, known)
        return resolve_project(session, project, interpreter, plan, preferences, sources, through, wanted)

    metadata: RegistryMetadata | None
    delta = _changed(session, project, plan, known, resolve)
    if delta is not None:
        resolution, visited, metadata = delta.resolution, delta.visited, delta.metadata
    else:
        opened: list[RegistryMetadata] = []

        def through(metadata: RegistryMetadata) -> RegistryMetadata:
            opened.append(metadata)
            return metadata

        resolution = resolve(through, None)
        visited, metadata = resolution.visited, opened[0]
    check_failures(session, plan, resolution, interpreter)
    for warning in resolution.warnings:
        session.reporter.note(warning)
    # Where targets failed it matters on which machine that was.
    pages = None if resolution.failures else metadata.pages() if metadata is not None else ()
    growth = delta.growth if delta is not None else None
    return _Found(plan, resolution, visited, (*plan.notes, *resolution.warnings), pages, growth)


def _preferences(plan: TargetPlan, known: _Known) -> Preferences:
    from blast_project.project_resolution import preferences_of

    preferences = preferences_of(known.old.reader(), plan, known.free) if known.old is not None else {}
    if known.like is not None:
        preferences.update(preferences_of(known.like.reader(), plan, ()))
    everywhere = (1 << len(plan.targets)) - 1
    preferences.update({name: [(version, everywhere)] for name, version in known.pins.items()})
    return preferences


def _written(
    session: Session, project: Project, found: _Found, old: LockResult | None, inputs: bytes, question: bytes
) -> LockResult:
    """Return the lock of what was found, and keep it as the answer to a question unless that is b""."""
    result = _locked(session, project, found, old, inputs)
    # The same change of the same lock is seldom asked for again, and to copy a lock takes little more than to keep it.
    if question and found.growth is None:
        from blast_project.hints import Hint, keep_hint

        hint = Hint(found.notes, result.releases or (), result.text, result.content)
        keep_hint(session, question, found.pages, hint)
    return result


def _locked(session: Session, project: Project, found: _Found, old: LockResult | None, inputs: bytes) -> LockResult:
    """Return the lock of what was found, from a lock that it comes to where there is one."""
    resolution = found.resolution
    if found.growth is not None:
        from blast_project.lock_growth import grow_lock

        has_text = _wants_text(project)
        grown = grow_lock(session, project, found.plan, resolution, found.growth, inputs, has_text=has_text)
        if grown is not None:
            return grown if old is found.growth.base else _compared(grown, old)
        resolution = resolution._replace(packages=found.growth.whole())
    lock = _built(session, project, found.plan, resolution, inputs)
    return _finished(session, project, lock, old, found.visited)


def _built(
    session: Session, project: Project, plan: TargetPlan, resolution: UniversalResolution, inputs: bytes
) -> Lock:
    from blast_project.lock_building import build_project_lock

    overrides = session.policy.resolution.overrides
    return build_project_lock(session.client, project, plan, resolution, inputs, overrides=overrides)


def _drafted(found: _Found, old: LockResult | None) -> LockResult:
    from blast_core.version import version_key

    if found.growth is not None:
        from blast_project.lock_growth import grown_releases

        draft = Draft(found.plan, found.resolution, old, found.growth)
        releases = grown_releases(found.growth, "")
        return LockResult(b"", None, changed=True, changes=(), visited=found.visited, releases=releases, draft=draft)
    packages = sorted(found.resolution.packages, key=lambda row: (row.name, version_key(row.version)))
    kinds = ["registry" if row.direct is None else "direct" for row in packages]
    releases = tuple([(row.name, row.version, kind, "") for row, kind in zip(packages, kinds, strict=True)])
    draft = Draft(found.plan, found.resolution, old)
    return LockResult(b"", None, changed=True, changes=(), visited=found.visited, releases=releases, draft=draft)


def _changed(session: Session, project: Project, plan: TargetPlan, known: _Known, resolve: Resolve) -> Delta | None:
    """Resolve what a change reaches; None where no lock is known of which anything may stay."""
    from blast_project.lock_rules import knows_rules

    # What is liked goes before the old lock in all that it holds, and nothing may leave it.
    base, free = (known.like, ()) if known.like is not None else (known.old, known.free)
    if base is None or not known.rules:
        return None
    lock, content_hash = base.reader(), base.content[_CONTENT_HASH]
    if not knows_rules(session.settings.home, content_hash, known.rules) or lock.targets != plan.locked:
        return None
    from blast_project.delta import asks_for_more, freeze, resolve_delta, resolve_more
    from blast_project.lock_parts import find_parts
    from blast_project.targets import roots_of

    parts = find_parts(session.settings.home, content_hash)
    frozen, roots = freeze(lock, session.client, {*free, *known.pins}, parts), roots_of(project, plan)
    delta = None
    if not (free or known.pins or session.policy.resolution.overrides):
        if asks_for_more(lock, project):
            delta = resolve_more(resolve, base, frozen, roots, plan.targets)
        else:
            delta = _without_needless(base, frozen, project, plan)
    delta = delta or resolve_delta(resolve, frozen, roots, plan.targets)
    if delta is not None and session.settings.verbose:
        session.reporter.note(f"{delta.kept} locked versions stay, the change reaches {delta.visited}")
    return delta


def _without_needless(base: LockResult, frozen: Frozen, project: Project, plan: TargetPlan) -> Delta | None:
    """Return what is left of a lock whose project asks for less; None where that isn't all that may differ."""
    from blast_project.lock_shrinking import asks_for_less, find_needless

    lock = base.reader()
    if not asks_for_less(lock, project):
        return None
    from blast_pm.resolver.markers import TargetMarkers
    from blast_pm.resolver.model import UniversalResolution
    from blast_project.delta import Delta, Growth
    from blast_project.targets import roots_of

    markers = TargetMarkers(plan.targets)
    gone = find_needless(lock, frozen, project, plan, markers)
    if gone is None:
        return None
    growth = Growth(base, frozen, roots_of(project, plan), markers, (), gone)
    return Delta(UniversalResolution((), 0, (), (), 0), 0, len(frozen), None, growth)


def _finished(
    session: Session,
    project: Project,
    lock: Lock,
    old: LockResult | None,
    visited: int,
) -> LockResult:
    from blast_core.formats.dpl.builder import build_lock
    from blast_core.formats.dpl.check import check_lock
    from blast_core.formats.dpl.model import canonical_lock
    from blast_project.lock_parts import keep_parts

    # Both forms ask for it: once is enough.
    check_lock(lock)
    lock = canonical_lock(lock)
    text = None
    if _wants_text(project):
        from blast_compat.locks.pylock_writer import write_pylock

        client = session.client
        text = write_pylock(lock, lambda file: client.url_of(file.index, file.path), is_canonical=True).encode()
        lock = lock._replace(text_hash=digest_of(text))
    content = build_lock(lock, is_canonical=True)
    keep_parts(session.settings.home, content[_CONTENT_HASH], lock.packages)
    return _compared(LockResult(content, text, False, (), visited, releases_of(lock.packages)), old)  # noqa: FBT003


def _note_replacement(session: Session, project: Project, old: LockResult | None) -> None:
    if _wants_text(project) and has_foreign_text(project.root, old):
        session.reporter.note(f'{PYLOCK_NAME} of another tool is replaced; `lock = "dpl"` in [tool.blast] keeps it')


def _compared(new: LockResult, old: LockResult | None) -> LockResult:
    """Return a new lock with what differs from the old one."""
    changes = _changes(old.versions() if old is not None else {}, new.versions())
    changed = old is None or old.changed or (new.content, new.text) != (old.content, old.text)
    return new._replace(changed=changed, changes=changes)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[VersionChange, ...]:
    return tuple(
        VersionChange(name, before.get(name, ""), after.get(name, ""))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _wants_text(project: Project) -> bool:
    return bool(project.manifest.tool.get("lock", "both") != "dpl")
