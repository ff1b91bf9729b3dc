"""What is remembered of an installed tool: what was asked for, and which programs it got.

A tool is an environment below the directory of tools, with a receipt in it. What has no receipt was not finished.
"""

from __future__ import annotations

import json
import os

from blast_core import fs
from blast_core.errors import StoreError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blast_project.settings import Settings

__all__ = [
    "Receipt",
    "find_tool",
    "list_tools",
    "read_receipt",
    "receipt_path",
    "tool_path",
    "tools_directory",
    "write_receipt",
]

_NAME = "blast-tool.json"
_FORMAT = 1


class Receipt(NamedTuple):
    """What was asked for, and what came of it.

    Attributes:
        name: normalised, of the distribution whose programs are meant.
        requirement: as it was asked for.
        extra: further requirements (``--with``), as they were asked for; paths are absolute.
        editables: directories that are installed as editable.
        constraints: requirements that limit what may be chosen.
        overrides: requirements that replace what anything asks for.
        python: the interpreter asked for; "" for any.
        sources: normalised names of further distributions whose programs are meant.
        programs: absolute paths in the directory of programs, in order.
        version: of the distribution.
        options: which indexes, versions and files were asked for; see `blast_project.tool_options`.
    """

    name: str
    requirement: str
    extra: tuple[str, ...] = ()
    editables: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    python: str = ""
    sources: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    version: str = ""
    options: tuple[str, ...] = ()

    def asks_the_same(self, other: Receipt) -> bool:
        """Tell whether both ask for the same, whatever came of it."""
        return self._replace(programs=(), version="") == other._replace(programs=(), version="")


def tools_directory(settings: Settings) -> str:
    """Return the directory of tools: ``BLAST_TOOL_DIR``, or ``tools`` below ``BLAST_HOME``."""
    named = settings.environ.get("BLAST_TOOL_DIR", "")
    return os.path.abspath(os.path.expanduser(named)) if named else os.path.join(settings.home, "tools")


def tool_path(settings: Settings, name: str) -> str:
    """Return the environment of the tool of a normalised name."""
    return os.path.join(tools_directory(settings), name)


def find_tool(settings: Settings, name: str) -> Receipt | None:
    """Return the receipt of an installed tool; None where it is not installed or was not finished."""
    try:
        return read_receipt(tool_path(settings, name))
    except StoreError:
        return None


def receipt_path(environment: str) -> str:
    """Return the receipt of the tool in an environment, there or not."""
    return os.path.join(environment, _NAME)


def list_tools(settings: Settings) -> list[tuple[str, Receipt | None]]:
    """Return name and receipt of all tools by name, None for one that can't be read or was not finished.

    What else lies in the directory, which may be anybody's, is no tool.
    """
    directory = tools_directory(settings)
    try:
        names = sorted(name for name in os.listdir(directory) if not name.startswith("."))
    except OSError:
        return []
    return [(name, find_tool(settings, name)) for name in names if _is_ours(os.path.join(directory, name))]


def _is_ours(path: str) -> bool:
    from blast_project.environment.layout import generations_directory

    return not os.path.islink(path) and os.path.isdir(generations_directory(path))


def read_receipt(environment: str) -> Receipt | None:
    """Return the receipt in an environment; None where there is none.

    Raises:
        StoreError: it can't be read.
    """
    path = receipt_path(environment)
    try:
        with open(path, encoding="utf-8") as file:
            return _parse(json.load(file))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} is no receipt of a tool",
            reason=str(error),
            hint=f"'blast tool install --force {os.path.basename(environment)}' makes it anew",
        ) from error


def write_receipt(environment: str, receipt: Receipt) -> None:
    """Write the receipt; it is what makes the tool an installed one."""
    document = {"format": _FORMAT, **receipt._asdict()}
    fs.replace_file(receipt_path(environment), f"{json.dumps(document, indent=2)}\n".encode())


def _parse(document: Any) -> Receipt:
    """Return a receipt as it was written.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    if document["format"] != _FORMAT:
        raise ValueError(f"format {document['format']}")
    plain = Receipt("", "")
    values: dict[str, Any] = {}
    for key, default in plain._asdict().items():
        written = document.get(key, default) if key == "options" else document[key]
        value = tuple(written) if isinstance(written, list) else written
        if type(value) is not type(default) or not all(isinstance(item, str) for item in value):
            raise TypeError(f"{key} is of another type")
        values[key] = value
    return plain._replace(**values)
