"""From a TOML document to TOML text that reads back the same, order of keys included: ``pyproject.dx`` decompiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tomlkit
    import tomlkit.container
    import tomlkit.items

__all__ = ["to_toml"]


def to_toml(document: Mapping[str, Any]) -> str:
    """Return the text of a document, such as ``blast_core.formats.dpx.decode`` gives.

    Tables get headers and lists of tables double ones. Where a plain value follows a table inside the same parent,
    which only dotted or inline tables can say in TOML, that table is written inline, so the order of keys is kept.

    Args:
        document: values as ``tomllib.loads`` gives them, nested no deeper than a DPX file can be.

    Returns:
        The text; comments and the layout of the first source are not part of a document.
    """
    import tomlkit

    root = tomlkit.document()
    _fill(root, document)
    return tomlkit.dumps(root)


def _fill(parent: tomlkit.container.Container | tomlkit.items.Table, values: Mapping[str, Any]) -> None:
    import tomlkit

    last_plain = max((number for number, value in enumerate(values.values()) if not _has_header(value)), default=-1)
    for number, (key, value) in enumerate(values.items()):
        if not _has_header(value) or number < last_plain:
            parent.append(_key(key), _inline(value))
        elif isinstance(value, dict):
            table = tomlkit.table()
            _fill(table, value)
            parent.append(_key(key), table)
        else:
            tables = tomlkit.aot()
            for row in value:
                table = tomlkit.table()
                _fill(table, row)
                tables.append(table)
            parent.append(_key(key), tables)


def _has_header(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(row, dict) for row in value)
    return isinstance(value, dict)


def _inline(value: Any) -> tomlkit.items.Item:
    import tomlkit

    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            table.append(_key(key), _inline(inner))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for inner in value:
            array.append(_inline(inner))
        return array
    item: tomlkit.items.Item = tomlkit.item(value)
    return item


def _key(key: str) -> tomlkit.items.Key:
    import tomlkit

    return tomlkit.key(key)
