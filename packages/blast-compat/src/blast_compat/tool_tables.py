"""Tools of a project, as ``[tool.blast.tools]`` says them, checked where they stand.

[tool.blast.tools]
ruff = ">=0.9,<0.10"                                   # by its command; the distribution is called so, too
http = "httpie==3.2.4"
mkdocs = {requirement = "mkdocs", with = ["mkdocs-material"], python = "3.12"}
"""

from __future__ import annotations

from blast_compat.manifest_tables import Fault, read_text, read_texts
from blast_core.errors import InvalidRequirement
from blast_core.requirements import parse_requirement
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["ToolTable", "check_tools", "read_tools"]

_KEYS = ("requirement", "with", "python")
_OPERATORS = ("<", ">", "=", "!", "~", "[", ";")
_SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."


class ToolTable(NamedTuple):
    """One tool.

    Attributes:
        command: its name, and that of the program that is run.
        requirement: what brings it.
        more: further requirements of its environment.
        python: the interpreter; "" for one that the project can have.
    """

    command: str
    requirement: str
    more: tuple[str, ...] = ()
    python: str = ""


def check_tools(table: object, keys: tuple[str, ...]) -> None:
    """Check the table of all tools; ``keys`` is the way to it.

    Raises:
        Fault: one is wrong.
    """
    if not isinstance(table, dict):
        raise Fault(keys, f"{'.'.join(keys)} must be a table", reason=f"found {table!r}")
    read_tools(table, keys)


def read_tools(table: Mapping[str, Any], keys: tuple[str, ...] = ("tool", "blast", "tools")) -> dict[str, ToolTable]:
    """Return the tools by command.

    Raises:
        Fault: one is wrong.
    """
    return {name: _read_tool(name, value, (*keys, name)) for name, value in table.items()}


def _read_tool(name: str, value: object, keys: tuple[str, ...]) -> ToolTable:
    place = ".".join(keys)
    if not name or name[0] in "-." or not set(name) <= set(_SIGNS):
        raise Fault(keys, f"{place}: '{name}' can't be the name of a command")
    table = {"requirement": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        raise Fault(keys, f"{place} must be a requirement or a table", reason=f"found {value!r}")
    unknown = [key for key in table if key not in _KEYS]
    if unknown:
        raise Fault((*keys, unknown[0]), f"{place} has no '{unknown[0]}'", reason=f"there are {', '.join(_KEYS)}")
    text = read_text(table, "requirement", keys).strip()
    line = f"{name}{'' if text == '*' else text}" if not text or text == "*" or text[0] in _OPERATORS else text
    more = read_texts(table, "with", keys)
    for each in (line, *more):
        try:
            parse_requirement(each)
        except InvalidRequirement as error:
            raise Fault(keys, f"{place}: {error.message}", each, reason=error.reason, hint=error.hint) from error
    return ToolTable(name, line, more, read_text(table, "python", keys))
