"""Which indexes a manifest names, in Blast's own tables and in uv's, checked where they stand.

A project that moves to Blast keeps its indexes: those of ``[tool.uv]`` count after those of ``[tool.blast]``, unless
one of the same name stands there. ``[tool.uv] index-url`` and ``extra-index-url``, uv's older words, are read too.
"""

from __future__ import annotations

from blast_compat.manifest_tables import Fault, read_text, read_texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["INDEX_FORMATS", "INDEX_STRATEGIES", "read_index_tables"]

#: What ``format`` of an index may be.
INDEX_FORMATS = ("simple", "flat")
#: What ``index-strategy`` may be.
INDEX_STRATEGIES = ("first-index", "unsafe-first-match", "unsafe-best-match")

_SETTINGS = ("index-strategy", "keyring-provider")
_SWITCHES = ("default", "explicit")


def read_index_tables(blast: Mapping[str, Any], uv: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``index`` (the tables), ``index-strategy`` and ``keyring-provider``, as far as they are given.

    Raises:
        Fault: one says something that it can't say.
    """
    own = _read_indexes(blast, "blast")
    names = {str(index["name"]) for index in own if "name" in index}
    tables = [*own, *(index for index in _of_uv(uv) if index.get("name") not in names)]
    defaults = [index for index in tables if index.get("default")]
    if own and any(index.get("default") for index in own):
        # One default index counts, the project's own before uv's.
        tables = [index for index in tables if not index.get("default") or index is defaults[0]]
    found: dict[str, Any] = {"index": tables} if tables else {}
    for key in _SETTINGS:
        value = read_text(blast, key, ("tool", "blast")) or read_text(uv, key, ("tool", "uv"))
        if value:
            found[key] = value
    strategy = found.get("index-strategy", INDEX_STRATEGIES[0])
    if strategy not in INDEX_STRATEGIES:
        tool = "blast" if "index-strategy" in blast else "uv"
        raise Fault(
            ("tool", tool, "index-strategy"),
            f"no index strategy is named {strategy}",
            reason=f"there are {', '.join(INDEX_STRATEGIES)}",
        )
    return found


def _of_uv(uv: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = ("tool", "uv")
    tables = _read_indexes(uv, "uv")
    tables += [{"url": url} for url in read_texts(uv, "extra-index-url", keys)]
    url = read_text(uv, "index-url", keys)
    if url and not any(index.get("default") for index in tables):
        tables.append({"url": url, "default": True})
    return tables


def _read_indexes(table: Mapping[str, Any], tool: str) -> list[dict[str, Any]]:
    keys = ("tool", tool, "index")
    indexes = table.get("index", [])
    if not isinstance(indexes, list) or not all(isinstance(index, dict) for index in indexes):
        raise Fault(keys, f"tool.{tool}.index must be tables", hint=f"write [[tool.{tool}.index]]")
    for index in indexes:
        if not read_text(index, "url", keys):
            raise Fault(keys, f"an index in tool.{tool}.index has no url")
        name = read_text(index, "name", keys) or index["url"]
        if read_text(index, "format", keys) not in ("", *INDEX_FORMATS):
            raise Fault(keys, f"the format of the index {name} must be one of {', '.join(INDEX_FORMATS)}")
        for switch in _SWITCHES:
            if not isinstance(index.get(switch, False), bool):
                raise Fault(keys, f"{switch} of the index {name} must be true or false")
        statuses = index.get("ignore-error-codes", [])
        if not isinstance(statuses, list) or not all(
            type(status) is int and 400 <= status < 600 for status in statuses
        ):
            raise Fault(keys, f"ignore-error-codes of the index {name} must be HTTP statuses of errors")
    return [dict(index) for index in indexes]
