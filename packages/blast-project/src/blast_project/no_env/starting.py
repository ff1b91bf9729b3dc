"""From a project, a script or requirements to a view to run in.

What is locked and fetched is what ``blast run`` locks and fetches. The view is remembered beside the project's other
memos, under the stamps of manifest and lock, so that the next command finds it by one look (`blast_cli.hot`).
"""

from __future__ import annotations

import os

from blast_project.bytecode import BACKGROUND, WAIT, Standing, compile_later, compile_now, when_to_compile
from blast_project.environment.generations import settled_path
from blast_project.no_env.views import NUMBER, View, can_view, view_of
from blast_project.project import environment_path, find_root, load_project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_pm.store.cache import StoredDistribution
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.selection import GroupSelection
    from blast_project.session import Session
    from blast_project.sources import SourceLoader

__all__ = ["project_view", "remembered_view", "requirements_view", "stored_view", "tool_place"]


def project_view(session: Session, selection: GroupSelection, *, frozen: bool = False, locked: bool = False) -> str:
    """Return the view of the project around the session's directory, locked where needed.

    Args:
        session: services.
        selection: groups and extras.
        frozen: use the lock as it is.
        locked: fail if the lock does not answer to the manifest.

    Raises:
        StaleLock, NoSolution, IndexAccessError, InstallError: as a sync.
    """
    root = find_root(session.settings.directory)
    if root is not None and not frozen and not session.settings.has_wishes:
        known = remembered_view(session, root, selection) or _known_view(session, root, selection)
        if known:
            return known
    from blast_project.operations import project_interpreter
    from blast_project.project_files import contents_of
    from blast_project.recipes import keep_recipe, recipe_key
    from blast_project.syncing import gather

    project = load_project(session.settings.directory, session.settings.home)
    interpreter = project_interpreter(session, project)
    result = _locked(session, project, frozen=frozen, check=locked)
    gathered = gather(session, project, result, interpreter, selection)
    view = stored_view(
        session,
        interpreter,
        gathered.stored,
        direct_urls=gathered.direct_urls,
        flat=_flat_package(project),
        command=f"for {project.title}",
        bytecode=gathered.recipe.bytecode,
    )
    # A lock that answers to this command's options answers to the manifest alone only by chance.
    if gathered.is_seen and not (frozen or session.settings.has_wishes):
        contents = contents_of(project.root, project.source, result)
        if gathered.is_known:
            keep_recipe(session.database, recipe_key(contents, interpreter, selection.key), gathered.recipe)
        _remember(session, project.root, selection, view, gathered.stored, contents)
    return view.path


def _known_view(session: Session, root: str, selection: GroupSelection) -> str:
    """Return the view of files that the store knows to be a manifest and its current lock; "" for the long way.

    Such as those of another checkout: nothing of them is parsed.
    """
    from blast_project.operations import known_interpreter
    from blast_project.project import LOCK_NAME, MANIFEST_NAME
    from blast_project.project_files import read_contents
    from blast_project.recipes import find_recipe, recipe_key

    contents = read_contents(root)
    if LOCK_NAME not in contents or b"python-preference" in contents[MANIFEST_NAME] or _has_flat_package(root):
        return ""
    interpreter = known_interpreter(session, root)
    if interpreter is None:
        return ""
    recipe = find_recipe(session.database, recipe_key(contents, interpreter, selection.key))
    found = session.cache.find(recipe.wheels) if recipe is not None else {}
    if recipe is None or any(sha256 not in found for sha256 in recipe.wheels):
        return ""
    stored = tuple(found[sha256] for sha256 in recipe.wheels)
    view = stored_view(session, interpreter, stored, command=f"for {recipe.project}", bytecode=recipe.bytecode)
    _remember(session, root, selection, view, stored, contents)
    return view.path


def requirements_view(
    session: Session,
    interpreter: Interpreter,
    requirements: Sequence[str | Requirement],
    *,
    origin: str = "the command line",
    preferences: Mapping[str, str] | None = None,
    loader: SourceLoader | None = None,
) -> str:
    """Return the view of what ``requirements`` come to; see `blast_project.ephemeral.ephemeral_environment`.

    Raises:
        NoSolution, IndexAccessError, IntegrityError, InstallError: as resolving and installing do.
    """
    if not requirements:
        return stored_view(session, interpreter, ()).path
    from blast_core.requirements import format_requirement
    from blast_project.ephemeral import stored_requirements

    stored, direct_urls = stored_requirements(
        session, interpreter, requirements, origin=origin, preferences=preferences, loader=loader
    )
    words = ", ".join(row if isinstance(row, str) else format_requirement(row) for row in requirements)
    return stored_view(session, interpreter, stored, direct_urls=direct_urls, command=f"for {words}").path


def tool_place(
    session: Session, interpreter: Interpreter, requirements: Sequence[str], preferences: Mapping[str, str] | None
) -> str:
    """Return where a tool is run from: a view, or an environment where a view would not be what was asked for.

    That is where files are to be copies or hard links, and for Pythons before 3.9.

    Raises:
        NoSolution, IndexAccessError, IntegrityError, InstallError: as resolving and installing do.
    """
    if session.settings.link_mode not in {"", "fold"} or not can_view(interpreter):
        from blast_project.ephemeral import ephemeral_environment

        return ephemeral_environment(session, interpreter, requirements, preferences=preferences)
    return requirements_view(session, interpreter, requirements, preferences=preferences)


def stored_view(
    session: Session,
    interpreter: Interpreter,
    stored: Sequence[StoredDistribution],
    *,
    direct_urls: Mapping[str, bytes] | None = None,
    flat: Mapping[str, str] | None = None,
    command: str = "run --no-env",
    bytecode: str = "",
) -> View:
    """Return the view of distributions of the store, their bytecode made or asked for if the view is new.

    Args:
        session: services.
        interpreter: of the view.
        stored: in any order.
        direct_urls: content of direct_url.json by normalised name.
        flat: see `blast_project.no_env.views.view_of`.
        command: what made it, for ``cache why``.
        bytecode: when the manifest wants it compiled; empty if it says nothing.
    """
    when = when_to_compile(session.settings, bytecode)
    if when == WAIT:
        compile_now(session, stored, interpreter)
    view = view_of(session, interpreter, stored, direct_urls=direct_urls, flat=flat, command=command)
    if view.is_new:
        from blast_pm.store.flushing import flush_later

        flush_later(session.settings.home, view.path, settled_path(view.path, NUMBER), becomes=True)
        if when == BACKGROUND:
            compile_later(session, view.path, Standing(NUMBER, "fold"), stored, interpreter, becomes=True)
    return view


def remembered_view(session: Session, root: str, selection: GroupSelection) -> str:
    """Return the view that is known for the project at ``root`` as its files are now, leased; "" for none."""
    if session.settings.has_wishes:
        return ""
    from blast_project.environment.leases import hold_generation
    from blast_project.environment.state import find_view

    found = find_view(root, *_memo(session, root, selection))
    return found if found and hold_generation(found, NUMBER) else ""


def _memo(session: Session, root: str, selection: GroupSelection) -> tuple[str, bytes]:
    """Return where the view of a project is remembered, and the digest of the options that it depends on."""
    from blast_project.hot_key import options_digest, view_memo_path, wish_of

    python = wish_of(root, session.settings.python, environment_path(root, session.settings))
    config = session.config_key(root)
    digest = options_digest(python, "no-env", selection.key, covers_default=selection.covers_default, config=config)
    return view_memo_path(session.settings.home, root, digest), digest


def _remember(
    session: Session,
    root: str,
    selection: GroupSelection,
    view: View,
    stored: Sequence[StoredDistribution],
    contents: Mapping[str, bytes],
) -> None:
    from blast_project.environment.state import State, write_view_memo

    stores = {os.path.dirname(row.tree): row.tree for row in stored}
    path, digest = _memo(session, root, selection)
    state = State(NUMBER, len(stored), view.site_packages, tuple(stores.values()))
    try:
        write_view_memo(root, path, digest, view.path, state, contents)
    except OSError:
        # A store that can't be written only remembers nothing.
        return


def _locked(session: Session, project: Project, *, frozen: bool, check: bool) -> LockResult:
    from blast_project.lock_files import read_lock
    from blast_project.operations import lock_here

    if not frozen:
        return lock_here(session, project, check=check)
    result = read_lock(session, project.root)
    if result is None:
        from blast_core.errors import StaleLock

        raise StaleLock("there is no blast.lock", reason="--frozen forbids to make one", hint="'blast lock' makes it")
    return result


def _flat_package(project: Project) -> dict[str, str]:
    """Return the package that lies flat in ``src``, by the name of the project's directory, if there is one."""
    name = os.path.basename(project.root).replace("-", "_")
    if project.is_package or not name.isidentifier() or not _has_flat_package(project.root):
        return {}
    return {name: os.path.join(project.root, "src")}


def _has_flat_package(root: str) -> bool:
    return os.path.isfile(os.path.join(root, "src", "__init__.py"))
