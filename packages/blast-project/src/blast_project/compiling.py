"""``blast pip compile``: requirement files resolved into pins, written as pip-compile writes them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.markers import evaluate_marker
from blast_core.requirements import parse_requirement
from blast_project.asking import name_requirements, open_loader
from blast_project.foreign_target import for_other_target
from blast_project.graph import edges_of
from blast_project.requirement_files import read_file
from blast_project.resolving import resolve_requirements

if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_pm.resolver.model import Resolution, ResolvedPackage
    from blast_project.asking import Asked
    from blast_project.session import Session

__all__ = ["CompileRequest", "Compiled", "compile_requirements"]


class CompileRequest(NamedTuple):
    """The options of ``blast pip compile``; paths are relative to the settings' directory."""

    files: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    output: str = ""
    upgrade: bool = False
    hashes: bool = False
    annotate: bool = True
    header: bool = True
    python_version: str = ""
    python_platform: str = ""


class Compiled(NamedTuple):
    """The text of the requirements file, and its pins as (name, version)."""

    text: str
    pins: tuple[tuple[str, str], ...]


def compile_requirements(session: Session, request: CompileRequest) -> Compiled:
    """Resolve requirement files and return the pins.

    Raises:
        UsageError: a file does not exist.
        NoSolution: the requirements can't be met together.
    """
    session.use_project_around()
    interpreter = for_other_target(session.find_interpreter(), request.python_version, request.python_platform)
    rows: list[tuple[Asked, str]] = []
    constraints: list[Requirement] = []
    places: dict[str, str] = {}
    for name in request.files:
        file = read_file(session.settings, name)
        rows += [(row, name) for row in file.asked]
        constraints += file.constraints
        places.update(file.origins)
        session.add_wishes(file.wishes)
    for name in request.constraints:
        limits = read_file(session.settings, name)
        constraints += limits.requirements
        places.update({text: place for text, place in limits.origins.items() if text not in places})
    asked = [row for row, _ in rows]
    loader = open_loader(session, interpreter, asked)
    named = name_requirements(loader, asked)
    roots = [(requirement, name) for requirement, (_, name) in zip(named, rows, strict=True)]
    session.reporter.step("Resolving")
    origins = {parse_requirement(text): place for text, place in places.items()}
    origins.update({row: places.get(one.text, name) for row, one, (_, name) in zip(named, asked, roots, strict=True)})
    resolution = resolve_requirements(
        session,
        interpreter,
        [requirement for requirement, _ in roots],
        constraints=constraints,
        preferences={} if request.upgrade or not request.output else _pins_of(session, request.output),
        origins=origins,
        loader=loader,
    )
    pins = tuple((package.name, package.version) for package in resolution.packages)
    environment = dict(interpreter.target.marker_environment)
    via = _askers(resolution, roots, environment) if request.annotate else {}
    written = {requirement.name: row.text for requirement, row in zip(named, asked, strict=True)}
    return Compiled(_render(request, resolution, via, written), pins)


def _render(request: CompileRequest, resolution: Resolution, via: dict[str, list[str]], written: dict[str, str]) -> str:
    lines: list[str] = []
    if request.header:
        lines += ["# This file was made by Blast with:", f"#    blast pip compile {' '.join(request.files)}"]
    for package in resolution.packages:
        pin = _pin(package, written.get(package.name, ""))
        if request.hashes:
            digests = sorted({file.sha256 for file in package.files if file.sha256})
            if package.direct is not None and package.direct.source is not None:
                source = package.direct.source
                digests = [source.digest] if source.kind in ("url", "path") and source.digest else []
            pin = " \\\n".join([pin, *(f"    --hash=sha256:{digest}" for digest in digests)])
        lines.append(pin)
        askers = via.get(package.name, [])
        if len(askers) == 1:
            lines.append(f"    # via {askers[0]}")
        elif askers:
            lines += ["    # via", *(f"    #   {asker}" for asker in askers)]
    return "\n".join(lines) + "\n"


def _pin(package: ResolvedPackage, written: str) -> str:
    """Return the line of a package: a version, a commit, an address, or a path as it was written."""
    source = package.direct.source if package.direct is not None else None
    if source is None:
        return f"{package.name}=={package.version}"
    below = f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
    if source.kind == "git":
        return f"{package.name} @ git+{source.location}@{source.revision}{below}"
    if source.kind == "url":
        return f"{package.name} @ {source.location}{below}"
    from blast_pm.index.file_urls import url_of_path

    return written or f"{package.name} @ {url_of_path(source.location)}{below}"


def _askers(
    resolution: Resolution, roots: list[tuple[Requirement, str]], environment: dict[str, str]
) -> dict[str, list[str]]:
    via: dict[str, set[str]] = {}
    for requirement, name in roots:
        if not requirement.marker or evaluate_marker(requirement.marker, environment):
            via.setdefault(requirement.name, set()).add(f"-r {name}" if not name.endswith(".toml") else name)
    for package in resolution.packages:
        for rows in edges_of(package, environment).values():
            for row in rows:
                if row.name != package.name:
                    via.setdefault(row.name, set()).add(package.name)
    return {name: sorted(askers) for name, askers in via.items()}


def _pins_of(session: Session, name: str) -> dict[str, str]:
    if not os.path.isfile(os.path.join(session.settings.directory, name)):
        return {}
    found = read_file(session.settings, name).requirements
    return {
        row.name: row.specifier[2:].strip()
        for row in found
        if row.specifier.startswith("==") and not {",", "*", "="} & set(row.specifier[2:])
    }
