"""Where what the user asks for stands, in words for messages."""

from __future__ import annotations

from _collections_abc import Mapping  # collections.abc imports all of collections

from blast_core.errors import BlastError
from blast_core.requirements import parse_requirement
from blast_project.project import DEFAULT_GROUP, MANIFEST_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from blast_core.requirements import Requirement
    from blast_project.project import GroupRequirement, Project

__all__ = ["file_origins", "place_in_file", "project_origins"]

_LIMITS = (("constraint-dependencies", "your constraint"), ("override-dependencies", "your override"))


def project_origins(project: Project, rows: Sequence[GroupRequirement]) -> Mapping[Requirement, str]:
    """Say where in pyproject.toml requirements, constraints and overrides of a project stand.

    Args:
        project: its text is the one that was parsed, which a command may not have written yet.
        rows: what it asks for.

    Returns:
        Words such as ``your project (pyproject.toml, line 7)`` or ``group dev (pyproject.toml, line 12)``; what stands
        in several places has all of them.

    Cost: nothing until something is looked up, which is where a resolution failed.
    """
    return _ProjectOrigins(project, rows)


class _ProjectOrigins(Mapping["Requirement", str]):
    def __init__(self, project: Project, rows: Sequence[GroupRequirement]) -> None:
        self._project = project
        self._rows = rows
        self._found: dict[Requirement, str] | None = None

    def __getitem__(self, row: Requirement) -> str:
        return self._all()[row]

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[Requirement, str]:
        if self._found is None:
            self._found = _find_all(self._project, self._rows)
        return self._found


def _find_all(project: Project, rows: Sequence[GroupRequirement]) -> dict[Requirement, str]:
    text = project.source.decode("utf-8", "replace")
    found: dict[Requirement, list[tuple[str, int]]] = {}
    for row in rows:
        asker, keys = _asker(row.group)
        found.setdefault(row.requirement, []).append((asker, _line(text, keys, row.origin)))
    for setting, asker in _LIMITS:
        for line in project.manifest.tool.get(setting, ()):
            try:
                requirement = parse_requirement(line)
            except BlastError:  # whoever reads the setting says so
                continue
            found.setdefault(requirement, []).append((asker, _line(text, ("tool", "blast", setting), line)))
    return {requirement: _words(places) for requirement, places in found.items()}


def file_origins(name: str, text: str, lines: Iterable[str]) -> dict[str, str]:
    """Say where in a pyproject.toml that is used as a requirements file its dependencies stand, by their text."""
    return {line: place_in_file(name, _line(text, ("project", "dependencies"), line)) for line in lines}


def place_in_file(name: str, line: int) -> str:
    """Return words for a line of a file; ``line`` 0 if it is not known."""
    return f"{name} (line {line})" if line else name


def _asker(group: str) -> tuple[str, tuple[str, ...]]:
    """Return words for a group, and the keys under which its requirements stand."""
    kind, _, name = group.partition(":")
    if group == DEFAULT_GROUP:
        return "your project", ("project", "dependencies")
    if kind == "extra":
        return f"extra {name}", ("project", "optional-dependencies", name)
    if kind == "group":
        return f"group {name}", ("dependency-groups", name)
    return f"workspace member {name.partition(':')[0]}", ()


def _line(text: str, keys: tuple[str, ...], value: str) -> int:
    from blast_compat.toml_lines import find_line

    if not keys:
        return 0
    start = find_line(text, keys)
    lines = text.splitlines()
    # What a group includes of another one may stand above it.
    written = (f'"{value}"', f"'{value}'")
    holding = [number for number, line in enumerate(lines, 1) if any(text in line for text in written)]
    return min((number for number in holding if number >= start), default=holding[0] if holding else start)


def _words(places: Sequence[tuple[str, int]]) -> str:
    askers = list(dict.fromkeys(asker for asker, _ in places))
    lines = sorted({line for _, line in places if line})
    who = f"{', '.join(askers[:-1])} and {askers[-1]}" if len(askers) > 1 else askers[0]
    if not lines:
        return who
    where = f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(map(str, lines[:-1]))} and {lines[-1]}"
    return f"{who} ({MANIFEST_NAME}, {where})"
