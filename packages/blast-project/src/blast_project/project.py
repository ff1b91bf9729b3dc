"""A project on disk: where its root is, what its manifest says, and which requirements belong to which group."""

from __future__ import annotations

import os

from blast_core.errors import InvalidManifest, ProjectError, UsageError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_compat.pyproject import Manifest
    from blast_core.requirements import Requirement
    from blast_project.settings import Settings

__all__ = [
    "DEFAULT_GROUP",
    "LOCK_NAME",
    "MANIFEST_NAME",
    "PYLOCK_NAME",
    "GroupRequirement",
    "Project",
    "environment_path",
    "find_root",
    "load_project",
]

MANIFEST_NAME = "pyproject.toml"
LOCK_NAME = "blast.lock"
PYLOCK_NAME = "pylock.toml"
DEFAULT_GROUP = "default"


class GroupRequirement(NamedTuple):
    """A requirement of the project's own.

    Attributes:
        group: ``default``, ``extra:NAME`` or ``group:NAME``.
        requirement: the parsed line.
        origin: where it stands, for error messages.
    """

    group: str
    requirement: Requirement
    origin: str


class Project(NamedTuple):
    """A project.

    Attributes:
        root: absolute path of the directory that holds pyproject.toml.
        manifest: what it says.
        source: the bytes of pyproject.toml that it was read from.
    """

    root: str
    manifest: Manifest
    source: bytes

    @property
    def name(self) -> str:
        """The normalised name; the directory's where the manifest has none."""
        return normalize_name(self.manifest.name or os.path.basename(self.root) or "project")

    @property
    def is_package(self) -> bool:
        """Whether the project itself is installed: it has a build system, or ``[tool.blast] package`` says so."""
        said = self.manifest.tool.get("package")
        return said if isinstance(said, bool) else self.manifest.build_system is not None

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group in the order of the lock's bits: default, dependency groups, extras."""
        return (
            DEFAULT_GROUP,
            *(f"group:{name}" for name in sorted(self.manifest.groups)),
            *(f"extra:{name}" for name in sorted(self.manifest.optional_dependencies)),
        )

    def requirements(self) -> tuple[GroupRequirement, ...]:
        """Return every requirement of every group, references to the project's own extras resolved.

        Raises:
            InvalidRequirement: a line is not PEP 508.
        """
        return tuple(
            GroupRequirement(group, requirement, origin)
            for group, lines in _lines_by_group(self.manifest).items()
            for requirement, origin in _expand(lines, self.name, self.manifest, frozenset())
        )


def find_root(directory: str) -> str | None:
    """Return the nearest directory, from ``directory`` upwards, that holds a pyproject.toml."""
    here = directory
    while True:
        if os.path.isfile(os.path.join(here, MANIFEST_NAME)):
            return here
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent


def load_project(directory: str) -> Project:
    """Return the project that ``directory`` is in.

    Raises:
        UsageError: it is in none.
        InvalidManifest: pyproject.toml can't be read or is wrong.
    """
    from blast_compat.pyproject import parse_manifest

    root = find_root(directory)
    if root is None:
        raise UsageError(
            f"no {MANIFEST_NAME} in {directory} or above",
            hint="'blast init' makes a project here; '--project DIR' names another place",
        )
    path = os.path.join(root, MANIFEST_NAME)
    with open(path, "rb") as file:
        source = file.read()
    try:
        return Project(root, parse_manifest(source.decode("utf-8"), path), source)
    except UnicodeDecodeError as error:
        raise InvalidManifest(f"{path} is not UTF-8", reason=str(error)) from error


def environment_path(root: str, settings: Settings) -> str:
    """Return the absolute path of the project's environment."""
    return os.path.normpath(os.path.join(root, settings.environment or ".venv"))


def _lines_by_group(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    lines: dict[str, tuple[str, ...]] = {DEFAULT_GROUP: tuple(manifest.dependencies)}
    lines.update({f"group:{name}": tuple(manifest.groups[name]) for name in sorted(manifest.groups)})
    optional: Mapping[str, tuple[str, ...]] = manifest.optional_dependencies
    lines.update({f"extra:{name}": tuple(optional[name]) for name in sorted(optional)})
    return lines


def _expand(
    lines: tuple[str, ...], own_name: str, manifest: Manifest, seen: frozenset[str]
) -> list[tuple[Requirement, str]]:
    from blast_core.requirements import parse_requirement

    found: list[tuple[Requirement, str]] = []
    for line in lines:
        try:
            requirement = parse_requirement(line)
        except ProjectError as error:
            raise InvalidManifest(
                f"{manifest.path}: '{line}' is no requirement", reason=error.message, hint=error.hint
            ) from error
        if requirement.name != own_name:
            found.append((requirement, line))
            continue
        for extra in requirement.extras:
            if extra not in manifest.optional_dependencies:
                raise InvalidManifest(
                    f"{manifest.path}: '{line}' asks for the extra '{extra}'",
                    reason="the project has no such extra",
                    hint=f"its extras: {', '.join(sorted(manifest.optional_dependencies)) or 'none'}",
                )
            if extra not in seen:
                brought = _expand(tuple(manifest.optional_dependencies[extra]), own_name, manifest, seen | {extra})
                found += [(_limited(row, requirement.marker), origin) for row, origin in brought]
    return found


def _limited(requirement: Requirement, marker: str) -> Requirement:
    """Return a requirement that holds only where ``marker`` does too."""
    if not marker:
        return requirement
    from blast_core.markers import and_markers

    return requirement._replace(marker=and_markers(marker, requirement.marker))
