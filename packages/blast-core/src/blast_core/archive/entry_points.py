"""entry_points.txt: scripts are generated from it, so what goes into a script is identifiers and nothing else.

Spec: entry points specification; the file is INI with ``=`` alone as delimiter and case-sensitive names.
"""

from __future__ import annotations

from blast_core.limits import PATH_COMPONENT_BYTES
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SCRIPT_GROUPS", "EntryPoint", "parse_entry_points", "script_name_fault"]

SCRIPT_GROUPS = ("console_scripts", "gui_scripts")

_INTERPRETERS = ("python", "pypy")
_INTERPRETER_TAIL = frozenset("0123456789.dtw")
# What an interpreter looks for beside itself before it looks anywhere else.
_LANDMARKS = frozenset(["pybuilddir.txt", "pyvenv.cfg"])
_ACTIVATORS = frozenset(
    ["activate", "activate.bat", "activate.csh", "activate.fish", "activate.nu", "activate.ps1", "activate_this.py",
     "deactivate.bat"]
)  # fmt: skip


class EntryPoint(NamedTuple):
    """One entry point; ``value`` is ``module[:attribute][ [extras]]`` as written, outer blanks removed."""

    group: str
    name: str
    value: str


def parse_entry_points(content: bytes) -> tuple[EntryPoint, ...]:
    """Parse entry_points.txt, in file order; one that is repeated word for word comes once.

    Raises:
        ValueError: it is not INI, a value goes over several lines, a name stands twice, or a script's name or reference
            is not safe to put into a file of that name.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("entry_points.txt is not UTF-8") from None
    found: dict[tuple[str, str], EntryPoint] = {}
    for entry in _iter_entries(text):
        first = found.setdefault((entry.group, entry.name), entry)
        if first != entry:
            raise ValueError(f"entry point {entry.name!r} of {entry.group} is defined twice")
        if entry.group in SCRIPT_GROUPS:
            fault = script_name_fault(entry.name) or _reference_fault(entry.value)
            if fault:
                raise ValueError(f"script {entry.name[:80]!r}: {fault}")
    return tuple(found.values())


def _iter_entries(text: str) -> Iterator[EntryPoint]:
    group = ""
    indent = -1
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        content = line.strip(" \t")
        if not content:
            continue
        if not content.isprintable() and any(ord(character) < 0x20 for character in content):
            raise ValueError(f"entry_points.txt has a control character in line {number}")
        # Deeper than the option above: part of its value, and some readers take even a comment there for a part of it.
        own_indent = len(line) - len(line.lstrip(" \t"))
        if 0 <= indent < own_indent:
            raise ValueError(f"entry_points.txt has a value over several lines at line {number}")
        if content[0] in "#;":
            continue
        if content[0] == "[" and content[-1] == "]":
            group, indent = content[1:-1].strip(), -1
            continue
        name, equals, value = content.partition("=")
        if not equals or not group or not name.strip():
            raise ValueError(f"entry_points.txt is not an INI file at line {number}")
        indent = own_indent
        yield EntryPoint(group, name.strip(), value.strip())


def script_name_fault(name: str) -> str:
    """Return why no script may have this name, or "".

    Args:
        name: a file name, with or without ``.exe``.
    """
    lower = name.lower().removesuffix(".exe")
    if not lower or name[0] in ".-" or "/" in name or "\\" in name or not name.isprintable():
        return "its name is not a plain file name"
    if len(name.encode()) > PATH_COMPONENT_BYTES - 4:
        return "its name is too long"
    for interpreter in _INTERPRETERS:
        if lower.startswith(interpreter) and _INTERPRETER_TAIL.issuperset(lower[len(interpreter) :]):
            return "its name is the interpreter's"
    if lower in _LANDMARKS or lower.endswith("._pth"):
        return "its name is that of a file that says where the interpreter finds its modules"
    if lower in _ACTIVATORS:
        return "its name is that of an activation script"
    return ""


def _reference_fault(value: str) -> str:
    reference, bracket, extras = value.partition("[")
    if bracket and (not extras.endswith("]") or not _is_extras(extras[:-1])):
        return f"its extras {extras[:80]!r} are not names"
    module, colon, attribute = reference.strip().partition(":")
    if not colon:
        return "its reference has no object"
    if not all(map(_are_identifiers, (module.strip(), attribute.strip()))):
        return f"its reference {value[:80]!r} is not module:object"
    return ""


def _are_identifiers(dotted: str) -> bool:
    return all(part.isidentifier() for part in dotted.split("."))


def _is_extras(text: str) -> bool:
    allowed = text.replace("-", "").replace("_", "").replace(".", "").replace(",", "").replace(" ", "")
    return allowed.isalnum() and allowed.isascii()
