"""Memos in the database that speak of objects which the store no longer holds, or of what is long past.

They only save time, and only as long as the objects are there; so they go with them.
"""

from __future__ import annotations

import marshal

from blast_project.recipes import find_recipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from blast_pm.metadata.store import Database

__all__ = ["find_stale_memos"]

_TABLE = "misc"
_WHEEL_NAME, _WHEEL_SHA256 = 2, 3


def find_stale_memos(
    database: Database, known: Collection[str], trees: Collection[str], before: float
) -> list[tuple[str, bytes]]:
    """Return database and key of every memo that is of no use.

    Args:
        database: the store's.
        known: sha256 of every wheel that the store holds.
        trees: names of all trees there.
        before: what was looked up at an address before this moment is forgotten, in seconds since 1970.
    """
    stale = []
    for key, value in database.items(_TABLE):
        kind = key.partition(b"\0")[0]
        if kind == b"recipe":
            recipe = find_recipe(database, key)
            useless = recipe is None or not set(recipe.wheels) <= set(known)
        elif kind.startswith((b"wanted", b"foreign")):
            useless = not _is_there(value, known)
        elif kind == b"built":
            useless = value.decode("ascii", "replace") not in known
        elif kind.startswith(b"code"):
            # Which trees are compiled, for what: blast_pm.store.compiled.
            useless = key.split(b"\0")[1].decode("ascii", "replace") not in trees
        elif kind == b"archive":
            useless = _moment(value) < before
        else:
            continue
        if useless:
            stale.append((_TABLE, key))
    return stale


def _is_there(value: bytes, known: Collection[str]) -> bool:
    """Tell whether the store has every wheel of a choice; what can't be read was written by another version."""
    try:
        files = marshal.loads(value)[0]  # noqa: S302 - written by this user's Blast on this machine
        return all(row[_WHEEL_SHA256] in known for row in files if row[_WHEEL_NAME].endswith(".whl"))
    except (ValueError, EOFError, TypeError, MemoryError, IndexError, AttributeError):
        return False


def _moment(value: bytes) -> float:
    text = value.partition(b" ")[2]
    return float(text) if text.isdigit() else 0.0
