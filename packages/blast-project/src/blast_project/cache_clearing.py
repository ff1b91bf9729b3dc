"""Emptying a store: what ``blast cache clear --all`` removes beside the objects."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import StoreError
from blast_pm.metadata.old_rows import delete_old_rows
from blast_pm.store.leftovers import remove_leftovers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.session import Session
    from blast_project.store_view import StoreView

__all__ = ["forget_everything"]

# ``trees`` is not among them: its rows went with the objects, and those that stay are needed.
_TABLES = ("pages", "metadata", "hints", "misc")
_LATEST = float("inf")


def forget_everything(session: Session, view: StoreView) -> None:
    """Remove all that is remembered of indexes, locks, repositories and builds; it is made again when it is needed.

    Raises:
        StoreError: the store can't be written.
    """
    cache = session.cache
    trees = [cache.paths.trees] if cache.site is None else [cache.paths.trees, cache.site.paths.trees]
    remove_leftovers(cache.paths, trees, before=_LATEST, now=view.now, dry_run=False)
    try:
        fs.unlink(os.path.join(cache.paths.home, "interpreters"))
    except OSError:
        # There is none, or it stays.
        pass
    rows = [(table, key) for table in _TABLES for key, _ in session.database.items(table)]
    try:
        delete_old_rows(session.database, rows)
    except StoreError as error:
        raise StoreError("the database can't be emptied", reason=error.reason, hint=error.hint) from error
