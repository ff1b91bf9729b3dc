"""From a lock to an environment: choose, fetch, compose a generation beside, and switch when the caller says so."""

from __future__ import annotations

import os

from blast_core.errors import InstallError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_pm.store.flushing import flush_later
from blast_project.applying import Change, composition_of
from blast_project.bytecode import (
    BACKGROUND,
    NEVER,
    WAIT,
    Standing,
    bytecode_setting,
    compile_later,
    compile_now,
    complete_links,
    when_to_compile,
)
from blast_project.changes import compare_installed
from blast_project.environment.drift import find_drift
from blast_project.environment.generations import FIRST_COMMAND, Installed, is_doubtful, settled_path, stands_for
from blast_project.environment.manager import VenvManager
from blast_project.environment.state import State, write_state
from blast_project.exclusive import sweep_temporaries
from blast_project.fetching import ensure_stored
from blast_project.hot_key import options_digest, request_of
from blast_project.install_wishes import (
    check_again,
    check_platform,
    for_platform,
    without_editables,
    without_left_out,
)
from blast_project.project import environment_path
from blast_project.project_files import remember_lock, with_members
from blast_project.recipes import KeptDecisions, Recipe, find_recipe, keep_recipe, recipe_key
from blast_project.selection import LOCAL, PROJECT, WORKSPACE, chosen_groups, chosen_members
from blast_project.wanted import is_sdist, select_wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.store.cache import StoredDistribution
    from blast_project.changes import VersionChange
    from blast_project.environment.generations import Generation
    from blast_project.environment.state import Look
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.selection import GroupSelection
    from blast_project.session import Session
    from blast_project.wanted import Wanted

__all__ = [
    "Gathered",
    "PreparedSync",
    "SyncRequest",
    "SyncResult",
    "gather",
    "prepare_known_sync",
    "prepare_sync",
]


class SyncRequest(NamedTuple):
    """How to sync.

    Attributes:
        selection: the groups and extras.
        command: what history says.
        contents: pyproject.toml and the locks as they will stand when the sync is done, by name.
        inexact: keep distributions that the lock does not name.
        dry_run: change nothing.
        record: the lock answers to the manifest, so that the next command need not look again.
        seen: a look at these files from before they were read; None where they are yet to be written.
    """

    selection: GroupSelection
    command: str
    contents: Mapping[str, bytes]
    inexact: bool = False
    dry_run: bool = False
    record: bool = True
    seen: Look | None = None


class SyncResult(NamedTuple):
    """What a sync did.

    Attributes:
        environment: absolute path.
        generation: the number of the current generation.
        created: there was no environment before.
        changed: a new generation was made, or would be.
        python: version of the interpreter.
        packages: how many distributions the environment holds.
        link_mode: how files got there.
        changes: what differs from before, by name.
    """

    environment: str
    generation: int
    created: bool
    changed: bool
    python: str
    packages: int
    link_mode: str
    changes: tuple[VersionChange, ...]


class Gathered(NamedTuple):
    """What a lock asks for, in the store.

    Attributes:
        stored: the distributions.
        direct_urls: content of direct_url.json, by normalised name, of those that are on no index.
        recipe: what an environment is composed from.
        is_seen: a change of it shows in the manifest and the lock.
        is_known: it follows from these two alone, and from nothing that was built.
    """

    stored: tuple[StoredDistribution, ...]
    direct_urls: dict[str, bytes]
    recipe: Recipe
    is_seen: bool
    is_known: bool


class PreparedSync(NamedTuple):
    """A sync that can no longer fail by what it installs: all is fetched, the generation composed.

    Attributes:
        number: the composed generation; 0 when the current one will do.
        result: what ``finish`` returns, but for the generation's number.
        stored: what the environment holds.
        bytecode: when that is compiled.
        keep: keeps the sync once it is done, for the next one like it; None for nobody.
    """

    session: Session
    root: str
    interpreter: Interpreter
    request: SyncRequest
    number: int
    result: SyncResult
    stored: Sequence[StoredDistribution] = ()
    bytecode: str = NEVER
    keep: Callable[[PreparedSync], None] | None = None

    def finish(self) -> SyncResult:
        """Switch to the composed generation and record the state that the hot path reads."""
        if self.request.dry_run:
            return self.result
        manager = VenvManager(self.result.environment)
        result = self.result
        if self.number:
            manager.switch(self.number, self.session.reporter.note)
            manager.prune()
            result = result._replace(generation=self.number)
        else:
            manager.complete(self.session.reporter.note)
            manager.ensure_registered(self.session.settings.home, self.root)
        sweep_temporaries(self.root)
        _record(self, result)
        if self.number:
            settled = settled_path(result.environment, self.number)
            becomes = self.request.command == "run"
            flush_later(self.session.settings.home, result.environment, settled, becomes=becomes)
        if self.bytecode != NEVER:
            self._compile(result)
        if self.number and self.keep is not None:
            self.keep(self)
        return result

    def _compile(self, result: SyncResult) -> None:
        """Have bytecode made in the background, or link to what was made after the environment."""
        made = Standing(result.generation, result.link_mode)
        if self.bytecode == BACKGROUND and self.number:
            becomes = self.request.command == "run"
            compile_later(self.session, result.environment, made, self.stored, self.interpreter, becomes=becomes)
        elif self.bytecode == WAIT and not self.number and result.generation:
            complete_links(result.environment, made, self.stored, self.interpreter)


def prepare_sync(
    session: Session, project: Project, locked: LockResult, interpreter: Interpreter, request: SyncRequest
) -> PreparedSync:
    """Fetch what is missing and compose what the lock asks for, beside the current generation.

    Raises:
        StaleLock: the lock was not made for this interpreter.
        UsageError: a group is unknown.
        IndexAccessError, IntegrityError, StoreError, InstallError: nothing was changed.
    """
    gathered = gather(session, project, locked, interpreter, request.selection)
    if request.record and (session.settings.wishes.is_any or not gathered.is_seen):
        request = request._replace(record=False)
    recipe = gathered.recipe
    if request.record and gathered.is_known:
        keep_recipe(session.database, recipe_key(request.contents, interpreter, request.selection.key), recipe)
    change = _change(recipe, gathered.stored, gathered.direct_urls, request)
    change = change._replace(snapshots=with_members(request.contents, project))
    return _prepare(session, project.root, interpreter, request, change, recipe.bytecode)


def gather(
    session: Session, project: Project, locked: LockResult, interpreter: Interpreter, selection: GroupSelection
) -> Gathered:
    """Bring into the store what a lock asks for, and return it.

    Raises:
        StaleLock: the lock was not made for this interpreter.
        UsageError: a group is unknown.
        IndexAccessError, IntegrityError, StoreError, InstallError: as fetching and building do.
    """
    from blast_project.link_modes import manifest_modes

    session.use_project(project.manifest)
    wanted = _wanted(session, project, locked, interpreter, selection)
    left_out = _left_out(project, selection)
    if left_out or session.settings.wishes.is_any:
        wanted = _as_wished(session, wanted, left_out)
    if not session.build_options.isolates_all:
        from blast_project.unisolated import prepare_shared

        prepare_shared(session, project, wanted, interpreter)
    stored = ensure_stored(session, wanted.files, interpreter)
    recipe = Recipe(
        project.title,
        manifest_modes(project.manifest.tool),
        tuple(sorted({row.requirement.name for row in project.requirements()})),
        tuple(row.sha256 for row in wanted.files),
        bytecode_setting(project.manifest.tool),
    )
    more: tuple[StoredDistribution, ...] = ()
    direct_urls: dict[str, bytes] = {}
    if wanted.sources:
        from blast_project.gathering_sources import from_sources

        more, direct_urls = from_sources(session, project, wanted, interpreter)
    is_itself = _installs_itself(project, selection) and not left_out & {project.name, LOCAL, WORKSPACE}
    if is_itself:
        from blast_project.gathering_sources import own_distribution

        own, own_urls = own_distribution(session, project, interpreter)
        more, direct_urls = (*more, *own), {**direct_urls, **own_urls}
    if session.settings.wishes.platform:
        check_platform((*stored, *more), for_platform(interpreter, session.settings.wishes))
    is_known = (
        not is_itself
        and bool(project.manifest.name)
        and not project.reads_other_files
        and not wanted.sources
        and not any(is_sdist(row.filename) for row in wanted.files)
    )
    return Gathered((*stored, *more), direct_urls, recipe, _is_seen(project), is_known)


def _left_out(project: Project, selection: GroupSelection) -> frozenset[str]:
    """Return names of what is not installed though it is chosen, and the words for kinds of it."""
    if PROJECT not in selection.left_out:
        return frozenset(selection.left_out)
    own = (member or project.name for member in chosen_members(project, selection.members))
    return frozenset((*selection.left_out, *own))


def _as_wished(session: Session, wanted: Wanted, left_out: Collection[str]) -> Wanted:
    """Return what options leave of what is wanted, checked again where it shall be."""
    wishes = session.settings.wishes
    wanted = without_editables(without_left_out(wanted, left_out), wishes)
    if wishes.again:
        check_again(session, wanted.files)
    return wanted


def _installs_itself(project: Project, selection: GroupSelection) -> bool:
    """Tell whether the project at the root is among what is installed."""
    if not project.is_package or selection.only_groups:
        return False
    return "" in chosen_members(project, selection.members) if selection.members else not project.member


def prepare_known_sync(
    session: Session, root: str, interpreter: Interpreter, request: SyncRequest
) -> PreparedSync | None:
    """Do as `prepare_sync` for files that are known to be a manifest and its current lock; None where they aren't.

    Nothing of the files is parsed and nothing is fetched.
    """
    recipe = find_recipe(session.database, recipe_key(request.contents, interpreter, request.selection.key))
    if recipe is None:
        return None
    found = session.cache.find(recipe.wheels)
    if any(sha256 not in found for sha256 in recipe.wheels):
        return None
    stored = tuple(found[sha256] for sha256 in recipe.wheels)
    # Whoever syncs the same files again will do so once more.
    memos = KeptDecisions(session.database)
    # Where an environment stands, its interpreter may be another one than a new environment gets.
    is_new = not os.path.lexists(environment_path(root, session.settings))
    change = _change(recipe, stored, {}, request)._replace(memos=memos)
    prepared = _prepare(session, root, interpreter, request, change, recipe.bytecode)
    return prepared._replace(keep=lambda done: _keep(done, recipe, memos)) if is_new else prepared


def _keep(done: PreparedSync, recipe: Recipe, memos: KeptDecisions) -> None:
    from blast_project.sync_keeping import keep_sync

    keep_sync(done, recipe, memos.last)


def _change(
    recipe: Recipe,
    stored: tuple[StoredDistribution, ...],
    direct_urls: dict[str, bytes],
    request: SyncRequest,
) -> Change:
    return Change(
        stored,
        command=request.command,
        link_mode=recipe.link_mode,
        requested=frozenset(recipe.requested),
        direct_urls=direct_urls,
        snapshots=request.contents,
        prompt=recipe.project,
    )


def _prepare(
    session: Session, root: str, interpreter: Interpreter, request: SyncRequest, change: Change, bytecode: str
) -> PreparedSync:
    environment = environment_path(root, session.settings)
    manager = VenvManager(environment)
    before = _standing(session, manager)
    change = change._replace(options=_options(session, root, request), project=root)
    if request.inexact and before is not None:
        change = change._replace(stored=_with_kept(session, change.stored, before))
    if before is not None and not change.link_mode:
        # Until a mode is named: who made an environment of copies wants no links from the next `run`.
        change = change._replace(link_mode=before.link_mode)
    when = when_to_compile(session.settings, bytecode)
    composition = composition_of(session, change, when)
    wanted = [
        Installed(normalize_name(row.name), row.version, row.sha256, requested=False, direct_url=b"")
        for row in change.stored
    ]
    changes = compare_installed(before.installed if before else (), wanted)
    if session.settings.wishes.again:
        changes = _with_reinstalled(session, changes, wanted)
    if before is not None and before.python != interpreter.version:
        session.reporter.note(f"the environment's Python was {before.python} and is {interpreter.version} from now on")
    keep = (
        before is not None
        and not changes
        and not session.settings.wishes.reinstall
        # A change of the manifest or the lock alone is one that `undo` takes back, too; a named environment keeps none.
        and (request.dry_run or session.settings.is_named or stands_for(environment, before, change.snapshots))
        and _is_as_made(session, environment, before, interpreter, composition.link_mode)
    )
    if when == WAIT and not request.dry_run:
        compile_now(session, change.stored, interpreter)
    number = 0
    if not keep and not request.dry_run:
        session.reporter.step("Composing the environment")
        number = manager.compose(interpreter, composition, session.reporter)
    result = SyncResult(
        environment=environment,
        generation=before.number if before else 0,
        created=before is None or before.command == FIRST_COMMAND,
        changed=not keep,
        python=interpreter.version,
        packages=len(wanted),
        link_mode=composition.link_mode,
        changes=changes,
    )
    return PreparedSync(session, root, interpreter, request, number, result, change.stored, when)


def _with_reinstalled(
    session: Session, changes: tuple[VersionChange, ...], wanted: Sequence[Installed]
) -> tuple[VersionChange, ...]:
    """Return the changes with what is installed again as it was."""
    from blast_project.changes import VersionChange

    changed = {row.name for row in changes}
    again = (row for row in wanted if row.name not in changed and session.settings.wishes.reinstalls(row.name))
    return tuple(sorted((*changes, *(VersionChange(row.name, row.version, row.version) for row in again))))


def _standing(session: Session, manager: VenvManager) -> Generation | None:
    """Return the current generation; None where there is none, or none that can be read."""
    try:
        return manager.current()
    except InstallError as error:
        session.reporter.note(f"{error.message}; it is made again")
        return None


def _wanted(
    session: Session, project: Project, locked: LockResult, interpreter: Interpreter, selection: GroupSelection
) -> Wanted:
    lock, target = locked.reader(), for_platform(interpreter, session.settings.wishes).target
    mask = chosen_groups(project, lock.groups, selection)
    kinds = session.kinds_of(project.manifest)
    return select_wanted(lock, locked.content[96:128], target, mask, session.database, kinds)


def _is_seen(project: Project) -> bool:
    """Tell whether a change of what is installed shows in the project's manifest and lock, which the hot path watches.

    Other trees of this machine may change without them, and so may what the project's own version is read from.
    """
    if project.reads_other_files:
        return False
    if not project.is_package:
        return True
    from blast_project.build_inputs import inputs_are_manifest_only

    return inputs_are_manifest_only(project.root)


def _with_kept(
    session: Session, stored: Sequence[StoredDistribution], before: Generation
) -> tuple[StoredDistribution, ...]:
    names = {normalize_name(row.name) for row in stored}
    kept = session.cache.find([row.sha256 for row in before.installed if row.name not in names])
    return (*stored, *kept.values())


def _is_as_made(
    session: Session, environment: str, before: Generation, interpreter: Interpreter, link_mode: str
) -> bool:
    if before.executable != interpreter.executable or before.python != interpreter.version:
        return False
    if before.link_mode != link_mode:
        return False
    lost: Sequence[str] = ()
    if is_doubtful(environment, before.number):
        from blast_project.environment.soundness import find_loss

        lost = find_loss(environment, before)
    if lost:
        what = f"{', '.join(lost[:3])}{' …' if len(lost) > 3 else ''}"
        session.reporter.note(f"the machine went down before the environment was on the disk: {what} made again")
        return False
    found = find_drift(environment, before.number, before.site_packages)
    if found:
        session.reporter.note(f"the environment was changed by another tool ({found.describe()}) and is put right")
    return not found


def _options(session: Session, root: str, request: SyncRequest) -> bytes:
    python = request_of(root, session.settings.python)
    selection = request.selection
    config = session.config_key(root)
    return options_digest(
        python,
        session.settings.said_mode,
        selection.key,
        covers_default=selection.covers_default,
        config=config,
    )


def _record(prepared: PreparedSync, result: SyncResult) -> None:
    session, root, request = prepared.session, prepared.root, prepared.request
    if request.inexact or not request.record:
        return
    state = State(result.generation, result.packages, prepared.interpreter.site_packages)
    options = _options(session, root, request)
    stores = len({row.tree.rpartition("/")[0] for row in prepared.stored}) or -1
    write_state(root, result.environment, options, state, request.contents, request.seen, stores)
    remember_lock(session, root, request.contents, request.seen)
