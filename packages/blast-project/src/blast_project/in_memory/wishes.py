"""What a run in memory needs: interpreter and wheels, of requirements, a script or a project."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import InstallError, NoSolution
from blast_core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_compat.pyproject import Manifest
    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_pm.store.wanted import WantedDistribution
    from blast_project.project import Project
    from blast_project.session import Session
    from blast_project.starting import RunOptions

__all__ = ["Wishes", "find_wishes"]


class Wishes(NamedTuple):
    """What is to be run with.

    Attributes:
        interpreter: that runs it.
        files: wheels.
        project: around it, whose own code counts; None for none.
        tool: the table ``[tool.blast]`` that counts.
        root: directory that its files of variables are relative to.
    """

    interpreter: Interpreter
    files: tuple[WantedDistribution, ...]
    project: Project | None
    tool: dict[str, object]
    root: str


def find_wishes(session: Session, options: RunOptions, script: str, text: str) -> Wishes:
    """Find out what a run needs; nothing is written.

    Args:
        session: services that write nothing.
        options: of the run; their ``script`` is not looked at, since opening one makes a project of it in the store.
        script: absolute path of a script with metadata; "" for none.
        text: of that script, where its file has none.

    Raises:
        InstallError: something has to be built, or is required by address.
        NoSolution, StaleLock, IndexAccessError, UsageError, InvalidManifest: as a run does.
    """
    from blast_project.project import find_root, load_project

    if script:
        return _of_script(session, options, script, text)
    root = find_root(session.settings.directory) if options.project else None
    if root is None:
        return _of_requirements(session, options)
    return _of_project(session, load_project(session.settings.directory), options)


def _of_requirements(session: Session, options: RunOptions) -> Wishes:
    from blast_project.python.version_files import read_version_file_above

    request = read_version_file_above(session.settings.directory, session.settings.environ)
    interpreter = session.find_interpreter(request)
    files = _resolved(session, interpreter, (), options.requirements, {})
    return Wishes(interpreter, files, None, {}, session.settings.directory)


def _of_script(session: Session, options: RunOptions, path: str, text: str) -> Wishes:
    from blast_project.project import DEFAULT_GROUP, Project
    from blast_project.script_key import LOCK_SUFFIX

    manifest = _manifest_of_script(path, text)
    session.use_project(manifest)
    interpreter = session.find_interpreter("", manifest.requires_python or "", manifest)
    project = Project(os.path.dirname(path), manifest, b"")
    own = [row.requirement for row in project.requirements() if row.group == DEFAULT_GROUP]
    preferences = _pins_beside(path + LOCK_SUFFIX, interpreter)
    files = _resolved(session, interpreter, own, options.requirements, preferences)
    return Wishes(interpreter, files, None, dict(manifest.tool), os.path.dirname(path))


def _manifest_of_script(path: str, text: str) -> Manifest:
    from blast_compat.pyproject import make_manifest, parse_toml
    from blast_compat.script_metadata import read_block
    from blast_project.scripts import read_script

    block = read_block(text or read_script(path), path)
    document = parse_toml(block.toml if block is not None else "", path)
    known = {name: document[name] for name in ("requires-python", "dependencies") if name in document}
    return make_manifest(
        {"project": {"name": "blast-script", "version": "0", **known}, "tool": document.get("tool", {})}, path
    )


def _pins_beside(path: str, interpreter: Interpreter) -> dict[str, str]:
    """Return the versions of a lock beside a script, which are preferred; {} without one."""
    from blast_project.lock_files import LockResult

    try:
        with open(path, "rb") as file:
            locked = LockResult(file.read(), None, False, (), 0)  # noqa: FBT003 - a tuple
    except OSError:
        return {}
    return locked.pins_on(interpreter.target, 1)


def _of_project(session: Session, project: Project, options: RunOptions) -> Wishes:
    from blast_project.locking import lock_project
    from blast_project.operations import project_interpreter
    from blast_project.selection import chosen_groups
    from blast_project.wanted import is_sdist, select_wanted

    session.use_project(project.manifest)
    interpreter = project_interpreter(session, project)
    if options.frozen:
        from blast_core.errors import StaleLock
        from blast_project.lock_files import read_lock

        found = read_lock(session, project.root)
        if found is None:
            raise StaleLock("there is no lock to be used as it is", hint="'blast lock' makes one")
        locked = found
    else:
        locked = lock_project(session, project, interpreter, check=options.locked, hints=False, delta=False)
    mask = chosen_groups(project, locked.reader().groups, options.selection)
    if options.requirements:
        wanted_groups = {group for bit, group in enumerate(project.groups) if mask >> bit & 1}
        own = [row.requirement for row in project.requirements() if row.group in wanted_groups]
        pins = locked.pins_on(interpreter.target, mask)
        files = _resolved(session, interpreter, own, options.requirements, pins)
    else:
        kinds = session.kinds_of(project.manifest)
        wanted = select_wanted(
            locked.reader(), locked.content[96:128], interpreter.target, mask, session.database, kinds
        )
        _refuse_sources([row[0] for row in wanted.sources])
        files = wanted.files
        _refuse_builds([row.name for row in files if is_sdist(row.filename)])
    return Wishes(interpreter, files, project, dict(project.manifest.tool), project.root)


def _resolved(
    session: Session,
    interpreter: Interpreter,
    own: Sequence[Requirement],
    lines: Sequence[str],
    preferences: dict[str, str],
) -> tuple[WantedDistribution, ...]:
    from blast_project.asking import parse_asked
    from blast_project.resolving import resolve_requirements, wanted_of
    from blast_project.wanted import is_sdist

    asked = [parse_asked(line, session.settings.directory) for line in lines]
    parsed = [*own, *(row.requirement for row in asked)]
    _refuse_sources([row.name or row.url for row in parsed if row.url])
    if not parsed:
        return ()
    session.reporter.step("Resolving")
    try:
        resolution = resolve_requirements(
            session,
            interpreter,
            parsed,
            preferences=preferences,
            origins=dict.fromkeys((row.requirement for row in asked), "--with"),
            builds=False,
        )
    except NoSolution as error:
        suggestions = error.details.get("suggestions")
        if isinstance(suggestions, list) and any(row.get("kind") == "source" for row in suggestions):
            # It is builds alone that are missing.
            raise _refused(error.message, "a build needs files") from error
        raise
    files = wanted_of(session, interpreter, resolution)
    _refuse_builds([row.name for row in files if is_sdist(row.filename)])
    return files


def _refuse_sources(names: Sequence[str]) -> None:
    if names:
        raise _refused(f"{', '.join(names)}: required by address", "what has an address may have to be built")


def _refuse_builds(names: Sequence[str]) -> None:
    if names:
        raise _refused(f"{', '.join(names)}: no wheel fits this interpreter", "a build needs files")


def _refused(message: str, reason: str) -> InstallError:
    hint = "without '--spill never' it gets a private file system in memory"
    return InstallError(message, reason=reason, hint=hint, spill=True)
