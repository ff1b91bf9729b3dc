"""``blast pip compile`` for all platforms at once, and as a ``pylock.toml``: through what locks projects.

The files are taken for the manifest of a project that nobody has, so that targets, markers and files are those of
locks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.requirements import format_requirement
from blast_project.compile_request import Compiled
from blast_project.compile_text import Pin, digests_of, pin_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_core.requirements import Requirement
    from blast_pm.resolver.markers import TargetMarkers
    from blast_pm.resolver.model import UniversalResolution
    from blast_project.compile_request import CompileRequest, Input
    from blast_project.graph import GroupReach
    from blast_project.project import Project
    from blast_project.session import Session
    from blast_project.targets import TargetPlan

__all__ = ["compile_lock", "compile_universal"]

# No project of an index has such a name.
_NAME = "blast-pip-compile-0"
_BLOCK = "\n[[packages]]\n"


def compile_universal(session: Session, request: CompileRequest, given: Input) -> list[Pin]:
    """Return a pin for each version, with a marker where it is not for all platforms and Pythons.

    Raises:
        NoSolution: nothing fits on some of them.
    """
    from blast_core.marker_masks import shortest_marker
    from blast_pm.resolver.markers import TargetMarkers
    from blast_project.graph import GroupReach
    from blast_project.lock_building import squeeze_mask

    _, plan, resolution = _resolve(session, request, given)
    kept = (1 << len(plan.targets)) - 1
    for failure in resolution.failures:
        kept &= ~failure.mask
    targets = [target for bit, target in enumerate(plan.targets) if kept >> bit & 1]
    everywhere = (1 << len(targets)) - 1
    markers = TargetMarkers(plan.targets)
    reach = GroupReach(resolution.packages, markers, session.policy.resolution.overrides)
    via = _askers(given, resolution, reach, markers, kept)
    written = {row.name: one for row, (one, _) in zip(given.named, given.rows, strict=True)}
    pins = []
    for package in resolution.packages:
        mask = squeeze_mask(package.mask & kept, kept)
        if package.name == _NAME or not mask:
            continue
        source = package.direct.source if package.direct is not None else None
        asked = written.get(package.name)
        extras = () if request.strip_extras else tuple(sorted(extra for extra, _ in package.extras))
        index = session.client.location(package.files[0].index).url.rstrip("/") if package.files else ""
        pins.append(
            Pin(
                package.name,
                package.version,
                pin_line(package.name, package.version, extras, source, asked),
                digests_of(package.files, source) if request.hashes else (),
                tuple(sorted(who for who, where in via.get(package.name, {}).items() if where & package.mask)),
                index if request.emit_index else "",
                shortest_marker(mask, targets) if mask != everywhere else "",
                is_editable=asked is not None and asked.editable,
            )
        )
    return pins


def compile_lock(session: Session, request: CompileRequest, given: Input) -> Compiled:
    """Return a ``pylock.toml``: for this machine, or for all with ``universal``.

    Raises:
        NoSolution: the requirements can't be met together.

    Spec: PEP 751.
    """
    from blast_compat.locks.pylock_writer import write_pylock
    from blast_core.formats.dpl.check import check_lock
    from blast_core.formats.dpl.model import canonical_lock
    from blast_project.lock_building import build_project_lock

    project, plan, resolution = _resolve(session, request, given)
    overrides = session.policy.resolution.overrides
    client = session.client
    lock = build_project_lock(client, project, plan, resolution, bytes(32), overrides=overrides)
    check_lock(lock)
    lock = canonical_lock(lock)
    text = write_pylock(lock, lambda file: client.url_of(file.index, file.path), is_canonical=True)
    left_out = {_NAME, *request.no_emit}
    pins = tuple((row.name, row.version) for row in lock.packages if row.name not in left_out)
    return Compiled(_without_ours(text, left_out, request), pins)


def _without_ours(text: str, left_out: set[str], request: CompileRequest) -> str:
    """Return a lock without the project that nobody has, and without what only locks of projects need."""
    head, *blocks = text.partition("\n[tool.blast]\n")[0].split(_BLOCK)
    kept = [
        block.partition("\n[packages.tool.blast")[0].rstrip("\n") + "\n"
        for block in blocks
        if not any(block.startswith(f'name = "{name}"\n') for name in left_out)
    ]
    _, _, plain = head.partition("\n")
    comment = ""
    if request.header:
        from blast_project.compile_text import render_pins

        comment = render_pins(request, (), ())
    return comment + _BLOCK.join([plain.rstrip("\n") + "\n", *kept])


def _resolve(
    session: Session, request: CompileRequest, given: Input
) -> tuple[Project, TargetPlan, UniversalResolution]:
    from blast_pm.resolver.markers import TargetMarkers
    from blast_project.project_resolution import Preferences, check_failures, resolve_project
    from blast_project.targets import plan_targets

    project = _project(session, request, given)
    names = () if request.universal else (given.interpreter.target.name,)
    plan = plan_targets(project, names)
    policy = session.settings.policy
    limits = tuple(format_requirement(row) for row, _ in given.constraints)
    session.settings = session.settings._replace(policy=policy._replace(constraints=(*policy.constraints, *limits)))
    session.forget_policy()
    markers = TargetMarkers(plan.targets)
    preferences: Preferences = {}
    for row in given.preferred:
        preferences.setdefault(row.name, []).append((row.specifier[2:].strip(), markers.holds(row.marker)))
    resolution = resolve_project(session, project, given.interpreter, plan, preferences)
    check_failures(session, plan, resolution, given.interpreter)
    for note in (*plan.notes, *resolution.warnings):
        session.reporter.note(note)
    return project, plan, resolution


def _project(session: Session, request: CompileRequest, given: Input) -> Project:
    """Return a project whose dependencies are what the files ask for."""
    from blast_compat.pyproject import parse_manifest
    from blast_project.project import MANIFEST_NAME, Project

    minor = ".".join(given.interpreter.target.python_version.split(".")[:2])
    lines = [format_requirement(row) for row in given.named]
    text = f"[project]\nname = {_quoted(_NAME)}\nversion = '0'\n"
    if request.universal:
        text += f"requires-python = '>={minor}'\n"
    text += f"dependencies = [{', '.join(map(_quoted, lines))}]\n"
    editables = {row.name: row.url for row, (one, _) in zip(given.named, given.rows, strict=True) if one.editable}
    text += _sources(editables)
    root = session.settings.directory
    manifest = parse_manifest(text, os.path.join(root, MANIFEST_NAME))
    return Project(root, manifest, text.encode())


def _sources(editables: Mapping[str, str]) -> str:
    from blast_pm.index.file_urls import path_of_url

    return "".join(
        f"[tool.blast.sources.{_quoted(name)}]\npath = {_quoted(path_of_url(url))}\neditable = true\n"
        for name, url in editables.items()
        if url.startswith("file:")
    )


def _quoted(text: str) -> str:
    """Return a text as TOML has it; JSON's strings are TOML's, too."""
    import json

    return json.dumps(text, ensure_ascii=False)


def _askers(
    given: Input, resolution: UniversalResolution, reach: GroupReach, markers: TargetMarkers, kept: int
) -> dict[str, dict[str, int]]:
    """Return who asks for each name, and on which targets."""
    via: dict[str, dict[str, int]] = {}

    def add(need: Requirement, who: str, mask: int) -> None:
        if who and mask & kept:
            rows = via.setdefault(need.name, {})
            rows[who] = rows.get(who, 0) | mask & kept

    for requirement, (_, who) in zip(given.named, given.rows, strict=True):
        add(requirement, who, markers.holds(requirement.marker))
    for limit, who in given.constraints:
        add(limit, who, markers.holds(limit.marker))
    for number, package in enumerate(resolution.packages):
        if package.name == _NAME:
            continue
        for rows in reach.edges(number).values():
            for need, mask in rows:
                if need.name != package.name:
                    add(need, package.name, mask & package.mask)
    return via
