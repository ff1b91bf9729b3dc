"""``blast pip compile``: requirement files resolved into pins, written as pip-compile writes them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.markers import evaluate_marker
from blast_project.graph import edges_of
from blast_project.requirement_files import read_file
from blast_project.resolving import resolve_requirements

if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_pm.resolver.model import Resolution
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
    interpreter = session.find_interpreter()
    roots: list[tuple[Requirement, str]] = []
    constraints: list[Requirement] = []
    for name in request.files:
        file = read_file(session.settings, name)
        roots += [(requirement, name) for requirement in file.requirements]
        constraints += file.constraints
    for name in request.constraints:
        constraints += read_file(session.settings, name).requirements
    session.reporter.step("Resolving")
    resolution = resolve_requirements(
        session,
        interpreter,
        [requirement for requirement, _ in roots],
        constraints=constraints,
        preferences={} if request.upgrade or not request.output else _pins_of(session, request.output),
        origins={requirement: f"your file {name}" for requirement, name in roots},
    )
    pins = tuple((package.name, package.version) for package in resolution.packages)
    environment = dict(interpreter.target.marker_environment)
    via = _askers(resolution, roots, environment) if request.annotate else {}
    return Compiled(_render(request, resolution, via), pins)


def _render(request: CompileRequest, resolution: Resolution, via: dict[str, list[str]]) -> str:
    lines: list[str] = []
    if request.header:
        lines += ["# This file was made by Blast with:", f"#    blast pip compile {' '.join(request.files)}"]
    for package in resolution.packages:
        pin = f"{package.name}=={package.version}"
        if request.hashes:
            digests = sorted({file.sha256 for file in package.files if file.sha256})
            pin = " \\\n".join([pin, *(f"    --hash=sha256:{digest}" for digest in digests)])
        lines.append(pin)
        askers = via.get(package.name, [])
        if len(askers) == 1:
            lines.append(f"    # via {askers[0]}")
        elif askers:
            lines += ["    # via", *(f"    #   {asker}" for asker in askers)]
    return "\n".join(lines) + "\n"


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
