"""``blast pip compile``: requirement files resolved into pins, written as pip-compile and uv write them."""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.markers import evaluate_marker
from blast_core.names import normalize_name
from blast_core.requirements import parse_requirement
from blast_project.asking import name_requirements, open_loader
from blast_project.compile_request import Compiled, Input
from blast_project.compile_text import Pin, digests_of, pin_line, render_pins
from blast_project.foreign_target import for_other_target
from blast_project.graph import edges_of
from blast_project.pip.asking import group_files, take_options
from blast_project.requirement_files import ManifestParts, read_file
from blast_project.resolving import resolve_requirements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.index.model import IndexFile
    from blast_pm.resolver.model import Resolution
    from blast_project.asking import Asked
    from blast_project.compile_request import CompileRequest
    from blast_project.session import Session

__all__ = ["compile_requirements", "head_of"]


def compile_requirements(session: Session, request: CompileRequest) -> Compiled:
    """Resolve requirement files and return the pins.

    Raises:
        UsageError: a file does not exist.
        NoSolution: the requirements can't be met together.
    """
    session.use_project_around()
    given = _read_input(session, request)
    session.reporter.step("Resolving")
    if request.universal or request.lock:
        from blast_project.compile_universal import compile_lock, compile_universal

        if request.lock:
            return compile_lock(session, request, given)
        pins = compile_universal(session, request, given)
    else:
        pins = _compile_here(session, request, given)
    left_out = {normalize_name(name) for name in request.no_emit}
    text = render_pins(request, [pin for pin in pins if pin.name not in left_out], head_of(session, request))
    excluded = sorted({pin.name for pin in pins if pin.name in left_out})
    if excluded:
        lines = ["", "# The following packages were excluded from the output:", *(f"# {name}" for name in excluded)]
        text += "\n".join(lines) + "\n"
    return Compiled(text, tuple((pin.name, pin.version) for pin in pins if pin.name not in left_out))


def _read_input(session: Session, request: CompileRequest) -> Input:
    interpreter = for_other_target(session.find_interpreter(), request.python_version, request.python_platform)
    rows: list[tuple[Asked, str]] = []
    limits: list[tuple[Requirement, str]] = []
    places: dict[str, str] = {}
    parts = [(name, ManifestParts(request.extras)) for name in request.files]
    for name, groups in group_files(request.groups):
        parts += [(name, ManifestParts(groups=(group,), dependencies=False)) for group in groups]
    for name, part in parts:
        file = read_file(session.settings, name, part, indexes=True)
        who = f"-r {name}" if name != "-" else ""
        if name.endswith(".toml"):
            below = f":{part.groups[0]}" if part.groups else ""
            who = f"{file.project} ({name}{below})" if file.project else f"{name}{below}"
        rows += [(row, who) for row in file.asked]
        limits += [(row, f"-c {name}") for row in file.constraints]
        places.update(file.origins)
        take_options(session, file)
    for name in request.constraints:
        file = read_file(session.settings, name, indexes=True)
        limits += [(row, f"-c {name}") for row in (*file.requirements, *file.constraints)]
        places.update({text: place for text, place in file.origins.items() if text not in places})
        take_options(session, file)
    _take_overrides(session, request.overrides)
    asked = [row for row, _ in rows]
    loader = open_loader(session, interpreter, asked)
    named = name_requirements(loader, asked)
    origins = {parse_requirement(text): place for text, place in places.items()}
    origins.update({row: places.get(one.text, who) for row, (one, who) in zip(named, rows, strict=True)})
    upgraded = [parse_requirement(text) for text in request.upgrade_packages]
    limits += [(row, "") for row in upgraded if row.specifier]
    free = {row.name for row in upgraded}
    preferred = () if request.upgrade or not request.output else _pins_of(session, request.output, free)
    return Input(tuple(rows), named, tuple(limits), origins, loader, preferred, interpreter)


def _take_overrides(session: Session, names: Iterable[str]) -> None:
    lines = tuple(line for name in names for line in read_file(session.settings, name, indexes=True).lines)
    if lines:
        policy = session.settings.policy
        session.settings = session.settings._replace(policy=policy._replace(overrides=(*policy.overrides, *lines)))
        session.forget_policy()


def _compile_here(session: Session, request: CompileRequest, given: Input) -> list[Pin]:
    environment = dict(given.interpreter.target.marker_environment)
    resolution = resolve_requirements(
        session,
        given.interpreter,
        given.named,
        constraints=[row for row, _ in given.constraints],
        preferences={
            row.name: row.specifier[2:].strip()
            for row in given.preferred
            if not row.marker or evaluate_marker(row.marker, environment)
        },
        origins=given.origins,
        loader=given.loader,
        needs=request.needs,
    )
    for warning in resolution.warnings:
        session.reporter.note(warning)
    via = _askers(resolution, given, environment)
    written = {row.name: one for row, (one, _) in zip(given.named, given.rows, strict=True)}
    pins = []
    for package in resolution.packages:
        source = package.direct.source if package.direct is not None else None
        asked = written.get(package.name)
        extras = () if request.strip_extras else package.extras
        pins.append(
            Pin(
                package.name,
                package.version,
                pin_line(package.name, package.version, extras, source, asked),
                digests_of(package.files, source) if request.hashes else (),
                tuple(via.get(package.name, ())),
                _index_of(session, package.files) if request.emit_index else "",
                is_editable=asked is not None and asked.editable,
            )
        )
    return pins


def _index_of(session: Session, files: Sequence[IndexFile]) -> str:
    return session.client.location(files[0].index).url.rstrip("/") if files else ""


def _askers(resolution: Resolution, given: Input, environment: Mapping[str, str]) -> dict[str, list[str]]:
    """Return who asks for each package: files, constraints, packages; sorted as pip-compile sorts them."""
    via: dict[str, set[str]] = {}
    for requirement, (_, who) in zip(given.named, given.rows, strict=True):
        if who and (not requirement.marker or evaluate_marker(requirement.marker, environment)):
            via.setdefault(requirement.name, set()).add(who)
    for limit, who in given.constraints:
        if who and (not limit.marker or evaluate_marker(limit.marker, environment)):
            via.setdefault(limit.name, set()).add(who)
    for package in resolution.packages:
        for rows in edges_of(package, environment).values():
            for row in rows:
                if row.name != package.name:
                    via.setdefault(row.name, set()).add(package.name)
    return {name: sorted(askers) for name, askers in via.items()}


def _pins_of(session: Session, name: str, free: set[str]) -> tuple[Requirement, ...]:
    """Return the pins of the output file, those of some names left out."""
    if not os.path.isfile(os.path.join(session.settings.directory, name)):
        return ()
    if name.endswith(".toml"):
        return _pins_of_lock(os.path.join(session.settings.directory, name), free)
    found = read_file(session.settings, name, indexes=True).requirements
    return tuple(
        row
        for row in found
        if row.specifier.startswith("==") and not {",", "*", "="} & set(row.specifier[2:]) and row.name not in free
    )


def _pins_of_lock(path: str, free: set[str]) -> tuple[Requirement, ...]:
    import tomllib

    with open(path, "rb") as file:
        try:
            document = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path} can't be read", reason=str(error)) from error
    rows = document.get("packages", [])
    lines = [
        f"{row['name']}=={row['version']}" + (f" ; {row['marker']}" if row.get("marker") else "")
        for row in rows
        if isinstance(row, dict) and "name" in row and "version" in row
    ]
    plain = [parse_requirement(line) for line in lines if "extras" not in line and "dependency_groups" not in line]
    return tuple(row for row in plain if row.name not in free)


def head_of(session: Session, request: CompileRequest) -> list[str]:
    """Return the lines of indexes and links that were asked for, without passwords."""
    lines: list[str] = []
    if request.emit_index_url:
        from blast_pm.index.credentials import without_credentials

        locations = [row for row in session.client.locations if not row.flat and not row.explicit]
        default = [row for row in locations if row.default]
        lines += [f"--index-url {without_credentials(row.url).rstrip('/')}" for row in default]
        lines += [
            f"--extra-index-url {without_credentials(row.url).rstrip('/')}" for row in locations if not row.default
        ]
    if request.emit_find_links:
        lines += [f"--find-links {place}" for place in session.settings.policy.find_links]
    return lines
