"""Requirement files as the pip interface takes them: names, paths, addresses and editables, with their hashes."""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.requirements import parse_requirement
from blast_core.tuples import NamedTuple
from blast_project.asking import parse_asked
from blast_project.origins import file_origins, place_in_file
from blast_project.settings import PolicyOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_compat.pyproject import Manifest
    from blast_compat.requirements import RequirementsFile
    from blast_core.requirements import Requirement
    from blast_project.asking import Asked
    from blast_project.settings import Settings

__all__ = ["PLAIN", "ManifestParts", "RequirementLines", "read_file", "read_lines"]

_NO_ORIGINS: Mapping[str, str] = {}


class RequirementLines(NamedTuple):
    """What a file asks for.

    Attributes:
        lines: the requirements as written.
        requirements: the same, parsed; only those that say which project they are.
        constraints: from the constraint files that it names.
        hashes: by normalised name, the sha256 digests of which a file must have one; only for names that have any.
        asked: all of the requirements, editables and those without a name too; paths are absolute.
        origins: by text of a requirement or constraint, words for where it stands.
        wishes: what its lines ``--pre``, ``--no-binary``, ``--only-binary``, ``--extra-index-url``, ``--find-links``
            and ``--no-index`` say.
        index_url: of its line ``--index-url``; "" for none.
        require_hashes: whether it says ``--require-hashes``.
        project: name of the project whose manifest it is; "" for a file of requirements.
    """

    lines: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...]
    hashes: dict[str, frozenset[str]]
    asked: tuple[Asked, ...] = ()
    origins: Mapping[str, str] = _NO_ORIGINS
    wishes: PolicyOptions = PolicyOptions()
    index_url: str = ""
    require_hashes: bool = False
    project: str = ""


class ManifestParts(NamedTuple):
    """What of a manifest is asked for beside its dependencies: extras, ``:all:`` for all of them, and groups."""

    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    dependencies: bool = True


#: The dependencies of a manifest alone.
PLAIN = ManifestParts()


def read_file(
    settings: Settings, name: str, parts: ManifestParts = PLAIN, *, indexes: bool = False
) -> RequirementLines:
    """Read a requirements file, or what a pyproject.toml asks for.

    Args:
        settings: ``name`` is relative to their directory.
        name: the file; ``-`` for standard input.
        parts: what of a pyproject.toml.
        indexes: the caller asks the indexes that the file names; else such a file is refused.

    Raises:
        UsageError: there is no such file.
        InvalidRequirement, InvalidManifest: a line is wrong.
    """
    content: bytes | None = None
    path = os.path.join(settings.directory, name)
    if name == "-":
        import sys

        content = sys.stdin.buffer.read()
    elif not os.path.isfile(path):
        raise UsageError(f"{name}: there is no such file")
    if name.endswith(".toml"):
        from blast_compat.pyproject import read_manifest

        return _of_manifest(read_manifest(path), os.path.dirname(path), name, parts)
    from blast_compat.requirements import read_requirements

    file = read_requirements(path, settings.environ, content)
    if not indexes:
        _check_indexes(settings, name, file)
    named = [parse_asked(line, settings.directory) for line in file.requirements]
    asked = [*named, *(parse_asked(line, settings.directory) for line in file.unnamed)]
    asked += [parse_asked(line, settings.directory, editable=True) for line in file.editables]
    return RequirementLines(
        (*file.requirements, *file.unnamed, *(f"-e {line}" for line in file.editables)),
        tuple(row.requirement for row in asked if row.is_named),
        tuple(parse_requirement(line) for line in file.constraints),
        _hashes(name, file.hashes),
        tuple(asked),
        {text: _place(place, path, name) for text, place in file.origins.items()},
        PolicyOptions(
            prerelease="allow" if file.pre else "",
            no_binary_package=file.no_binary,
            only_binary=file.only_binary,
            indexes=file.extra_index_urls,
            find_links=tuple(_from_file(path, link) for link in file.find_links),
            no_index=file.no_index,
        ),
        file.index_url,
        file.require_hashes,
    )


def read_lines(settings: Settings, names: Iterable[str]) -> list[str]:
    """Return the requirements of several files in their order; as `read_file`."""
    return [line for name in names for line in read_file(settings, name).lines]


def _from_file(path: str, link: str) -> str:
    """Return a place of ``--find-links``: relative to the file if there is such a directory, as pip has it."""
    beside = os.path.join(os.path.dirname(path), link)
    return beside if "://" not in link and os.path.exists(beside) else link


def _place(place: str, path: str, name: str) -> str:
    """Return words for ``FILE:LINE``, with the file's name as the user wrote it, or relative to that."""
    file, _, line = place.rpartition(":")
    shown = name if file == path else os.path.join(os.path.dirname(name), os.path.relpath(file, os.path.dirname(path)))
    return place_in_file(shown, int(line))


def _of_manifest(manifest: Manifest, directory: str, name: str, parts: ManifestParts) -> RequirementLines:
    """Return what a manifest asks for, its sources applied; their paths are relative to its directory."""
    from blast_project.asking import Asked
    from blast_project.requirement_sources import SourceBase, apply_sources

    lines = _manifest_lines(manifest, name, parts)
    base = SourceBase(directory)
    asked = [
        Asked(requirement, editable=False, text=line)
        for line in lines
        for requirement in apply_sources(parse_requirement(line), manifest.sources, base)
    ]
    with open(os.path.join(directory, os.path.basename(name)), encoding="utf-8") as file:
        origins = file_origins(name, file.read(), lines)
    named = tuple(row.requirement for row in asked)
    return RequirementLines(lines, named, (), {}, tuple(asked), origins, project=manifest.name or "")


def _manifest_lines(manifest: Manifest, name: str, parts: ManifestParts) -> tuple[str, ...]:
    """Return the lines of a manifest's dependencies, extras and groups; references to its own extras resolved.

    Raises:
        UsageError: it has no such extra or group.
    """
    from blast_core.names import normalize_name

    own = normalize_name(manifest.name) if manifest.name else ""
    extras = [normalize_name(extra) for extra in parts.extras]
    if ":all:" in parts.extras:
        extras = sorted(manifest.optional_dependencies)
    found: dict[str, None] = {}
    seen: set[str] = set()

    def take(lines: Iterable[str]) -> None:
        for line in lines:
            requirement = parse_requirement(line)
            if own and requirement.name == own and not requirement.url:
                for extra in requirement.extras:
                    add(extra)
            else:
                found[line] = None

    def add(extra: str) -> None:
        if extra in seen:
            return
        seen.add(extra)
        take(_part(manifest.optional_dependencies, extra, name, "extra"))

    take(manifest.dependencies if parts.dependencies else ())
    for extra in extras:
        add(extra)
    for group in parts.groups:
        take(_part(manifest.groups, normalize_name(group), name, "group"))
    return tuple(found)


def _part(table: Mapping[str, Sequence[str]], key: str, name: str, kind: str) -> Sequence[str]:
    for known, lines in table.items():
        if known.lower().replace("_", "-") == key:
            return lines
    known_names = ", ".join(sorted(table)) or "none"
    raise UsageError(f"{name} has no {kind} '{key}'", reason=f"it has: {known_names}")


def _check_indexes(settings: Settings, name: str, file: RequirementsFile) -> None:
    """Refuse a file that names indexes, unless the command line names another: a name is not the same everywhere."""
    options = (
        ("--index-url", file.index_url),
        ("--extra-index-url", file.extra_index_urls),
        ("--find-links", file.find_links),
        ("--no-index", file.no_index),
    )
    named = [option for option, value in options if value]
    if named and not settings.index_url:
        raise UsageError(
            f"{name} has {named[0]}",
            reason="what is asked of one index is not taken from another of the same name here",
            hint="'--index-url URL' says which index to ask instead",
        )


def _hashes(name: str, by_line: Mapping[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
    """Return the digests by project: several lines may pin one, each to another version with a marker."""
    found: dict[str, frozenset[str]] = {}
    for line, values in by_line.items():
        if values:
            project = parse_requirement(line).name
            found[project] = found.get(project, frozenset()) | _sha256(name, values)
    return found


def _sha256(name: str, values: tuple[str, ...]) -> frozenset[str]:
    digests = frozenset(value.partition(":")[2].lower() for value in values if value.startswith("sha256:"))
    if not digests or any(len(digest) != 64 or digest.strip("0123456789abcdef") for digest in digests):
        raise UsageError(
            f"{name}: a requirement's hashes hold no sha256, or one that is none",
            reason="the index promises sha256, and weaker kinds prove nothing",
            hint="write --hash=sha256: and 64 digits",
        )
    return digests
