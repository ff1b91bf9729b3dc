"""``conflicts``: which extras and dependency groups are never installed together.

    [tool.blast]
    conflicts = [
        [{ extra = "cpu" }, { extra = "gpu" }],
        [{ group = "old" }, { group = "new" }, { package = "member", extra = "new" }],
    ]

Spec: the table is uv's, whose own (``[tool.uv] conflicts``) is read where Blast's says nothing.
"""

from __future__ import annotations

from blast_compat.manifest_tables import Fault, read_text
from blast_core.names import is_valid_name, normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["ConflictItem", "read_conflicts"]

#: Package, ``extra`` or ``group``, name; package "" for the project itself, kind and name "" for all of a package.
ConflictItem = tuple[str, str, str]
_KINDS = ("extra", "group")


def read_conflicts(blast: Mapping[str, Any], uv: Mapping[str, Any]) -> tuple[tuple[ConflictItem, ...], ...]:
    """Return the sets of which at most one item is installed, in the order of the manifest, names normalised.

    Args:
        blast: the table ``[tool.blast]``.
        uv: the table ``[tool.uv]``.

    Raises:
        Fault: they are no such sets.
    """
    tool, table = ("blast", blast) if "conflicts" in blast else ("uv", uv)
    keys = ("tool", tool, "conflicts")
    sets = table.get("conflicts", [])
    if not isinstance(sets, list) or not all(isinstance(one, list) for one in sets):
        raise _fault(keys, "must be an array of arrays")
    return tuple(_read_set(one, keys) for one in sets)


def _read_set(rows: list[Any], keys: tuple[str, ...]) -> tuple[ConflictItem, ...]:
    items = tuple(dict.fromkeys(_read_item(row, keys) for row in rows))
    if len(items) < 2:
        raise _fault(keys, "holds a set of fewer than two items")
    return items


def _read_item(row: object, keys: tuple[str, ...]) -> ConflictItem:
    if not isinstance(row, dict):
        raise _fault(keys, "must hold tables")
    unknown = sorted(set(row) - {"package", *_KINDS})
    if unknown:
        raise _fault(keys, f"has {unknown[0]!r}, which is none of package, extra, group")
    package = read_text(row, "package", keys)
    names = [(kind, read_text(row, kind, keys)) for kind in _KINDS if kind in row]
    if len(names) > 1 or not (names or package):
        raise _fault(keys, "must name one extra, one group or one package in each table")
    kind, name = names[0] if names else ("", "")
    for one in filter(None, (package, name if names else package)):
        if not is_valid_name(one):
            raise _fault(keys, f"has {one!r}, which is no legal name")
    if names and not name:
        raise _fault(keys, "has an empty name")
    return normalize_name(package), kind, normalize_name(name)


def _fault(keys: tuple[str, ...], what: str) -> Fault:
    hint = 'write it as conflicts = [[{ extra = "cpu" }, { extra = "gpu" }]]'
    return Fault(keys, f"{'.'.join(keys)} {what}", hint=hint)
