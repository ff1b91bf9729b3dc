"""Keeping syncs for `blast_project.resyncing`: of files that the store knew, where the command was a plain one."""

from __future__ import annotations

import os

from blast_project.hot_key import config_paths, has_unknown_options, request_of
from blast_project.kept_syncs import FILES, Kept, put_kept, question_of, stamp_of, watched
from blast_project.selection import GroupSelection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_core.interpreter import Interpreter
    from blast_project.recipes import Recipe
    from blast_project.syncing import PreparedSync

__all__ = ["keep_sync"]

_WAIT = "wait"


def keep_sync(prepared: PreparedSync, recipe: Recipe, decision: bytes | None) -> None:
    """Keep a sync that was done, if the next one like it needs no more than what is kept.

    Args:
        prepared: the sync.
        recipe: of its files.
        decision: what was decided when it was composed; None where that was not kept.
    """
    session, request, interpreter = prepared.session, prepared.request, prepared.interpreter
    settings = session.settings
    environ = settings.environ
    mode = prepared.result.link_mode
    home = settings.home
    if decision is None or os.name == "nt" or prepared.bytecode == _WAIT or not _is_plain(prepared):
        return
    # A container's only command leaves undone what others do beside them.
    if 1 in (os.getpid(), os.getppid()):
        return
    trees = os.path.join(home, "t")
    rows = sorted(prepared.stored)
    # A site store's trees are looked up there: it may be another one tomorrow.
    if any(os.path.dirname(row.tree) != trees for row in rows) or not set(request.contents) <= set(FILES):
        return
    wish = request_of(prepared.root, environ.get("BLAST_PYTHON", ""))
    if not _is_seen(wish, interpreter):
        return
    from blast_pm.install.link import parse_modes

    general, packages = parse_modes(mode)
    kept = Kept(
        watched=tuple((path, stamp_of(path)) for path in watched(environ, home, wish, interpreter.executable)),
        interpreter=(*interpreter[:8], interpreter.variant),
        title=recipe.project,
        requested=recipe.requested,
        mode=mode,
        modes=tuple(packages.get(row.name, general) for row in rows),
        rows=tuple((row.name, row.version, row.sha256, os.path.basename(row.tree)) for row in rows),
        bytecode=prepared.bytecode,
        compiled=b"",
        decision=decision,
    )
    put_kept(home, question_of(home, request.contents, environ, wish), kept)


def _is_plain(prepared: PreparedSync) -> bool:
    """Tell whether only the project's files and the variables decided: what else does, the next command may lack."""
    settings, request = prepared.session.settings, prepared.request
    if request.selection != GroupSelection() or request.inexact or not request.record or settings.has_wishes:
        return False
    if settings.configured or settings.is_named or settings.allow_overwrite or _has_settings(settings.environ):
        return False
    said = (settings.link_mode, settings.python, settings.environment)
    variables = ("BLAST_LINK_MODE", "BLAST_PYTHON", "BLAST_PROJECT_ENVIRONMENT")
    if said != tuple(settings.environ.get(name, "") for name in variables) or settings.python_preference:
        return False
    # Who says as an option when bytecode is made means this command alone.
    return settings.compile_bytecode == settings.environ.get("BLAST_COMPILE_BYTECODE", "").lower()


def _has_settings(environ: Mapping[str, str]) -> bool:
    return has_unknown_options(environ) or any(map(os.path.exists, config_paths(environ)))


def _is_seen(wish: str, interpreter: Interpreter) -> bool:
    """Tell whether another interpreter for the wish would show: not behind a program that chooses one by itself."""
    if os.sep not in wish:
        return len(wish) < 64 and "\n" not in wish.strip()
    is_file = wish.startswith(os.sep) and os.path.isfile(wish)
    return is_file and os.path.realpath(wish) == os.path.realpath(interpreter.executable)
