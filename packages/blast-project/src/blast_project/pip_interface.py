"""The pip interface, in a first form: install into an environment of Blast's and list what any environment holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import DigestMismatch, UsageError
from blast_core.names import normalize_name
from blast_core.requirements import parse_requirement
from blast_project.applying import Change, apply_change
from blast_project.asking import name_requirements, open_loader, parse_asked
from blast_project.changes import compare_installed
from blast_project.environment.drift import find_drift
from blast_project.environment.generations import Installed
from blast_project.environment.layout import is_virtual_environment, python_path
from blast_project.environment.manager import VenvManager
from blast_project.fetching import ensure_stored
from blast_project.requirement_files import read_file
from blast_project.resolving import resolve_requirements, sources_of, wanted_of
from blast_project.source_install import ensure_sources
from blast_project.syncing import SyncResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.store.cache import WantedDistribution
    from blast_project.asking import Asked
    from blast_project.environment.generations import Generation
    from blast_project.session import Session
    from blast_project.source_install import WantedSource

__all__ = ["InstallRequest", "InstalledDistribution", "install", "list_installed"]


class InstalledDistribution(NamedTuple):
    """A distribution as its metadata on disk names it."""

    name: str
    version: str


class InstallRequest(NamedTuple):
    """The options of ``blast pip install``; paths are relative to the settings' directory."""

    requirements: tuple[str, ...]
    files: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    upgrade: bool = False
    editables: tuple[str, ...] = ()


def install(session: Session, request: InstallRequest) -> SyncResult:
    """Install requirements into the environment, keeping what else it holds, as a new generation.

    Raises:
        UsageError: there is no environment of Blast's.
        NoSolution, IndexAccessError, IntegrityError, InstallError: the environment is as it was.
    """
    from blast_project.exclusive import exclusive

    environment = _find_environment(session)
    manager = VenvManager(environment)
    with exclusive(session, environment):
        before = manager.current()
        if before is None:
            raise UsageError(
                f"{environment} was not made by Blast",
                reason="a change of it could not be undone",
                hint="'blast venv --clear' makes a new one there, or use the tool that made it",
            )
        session.use_project_around()
        interpreter = session.interpreters.get(before.executable)
        asked, constraints, hashes, places = _requirements(session, request)
        loader = open_loader(session, interpreter, asked)
        requirements = name_requirements(loader, asked)
        session.reporter.step("Resolving")
        resolution = resolve_requirements(
            session,
            interpreter,
            requirements,
            constraints=constraints,
            preferences={} if request.upgrade else {row.name: row.version for row in before.installed},
            origins=_origins(places, asked, requirements),
            loader=loader,
        )
        wanted, sources = wanted_of(session, interpreter, resolution), sources_of(resolution)
        _check_hashes(wanted, sources, hashes)
        direct = ensure_sources(session, session.settings.directory, sources, interpreter)
        new = (*ensure_stored(session, wanted, interpreter), *direct.stored)
        names = {normalize_name(row.name) for row in new}
        kept = session.cache.find([row.sha256 for row in before.installed if row.name not in names])
        requested = _requested(before) | {row.name for row in requirements}
        change = Change(
            (*new, *kept.values()),
            command=_command(request),
            link_mode=before.link_mode,
            requested=frozenset(requested),
            direct_urls={
                **{row.name: row.direct_url for row in before.installed if row.direct_url and row.name not in names},
                **direct.direct_urls,
            },
        )
        held = [
            Installed(normalize_name(row.name), row.version, row.sha256, requested=False, direct_url=b"")
            for row in change.stored
        ]
        same = not compare_installed(before.installed, held) and requested <= _requested(before)
        if same and not find_drift(environment, before.number, before.site_packages):
            return _result(environment, before, before)
        after = apply_change(session, environment, interpreter, change)
    return _result(environment, before, after)


def _requested(generation: Generation) -> set[str]:
    return {row.name for row in generation.installed if row.requested}


def _result(environment: str, before: Generation, after: Generation) -> SyncResult:
    return SyncResult(
        environment,
        after.number,
        created=False,
        changed=after.number != before.number,
        python=after.python,
        packages=len(after.installed),
        link_mode=after.link_mode,
        changes=compare_installed(before.installed, after.installed),
    )


def list_installed(session: Session) -> list[InstalledDistribution]:
    """Return the distributions of the environment, by name, whoever installed them.

    Raises:
        UsageError: there is no environment.
    """
    environment = _find_environment(session)
    found = []
    for directory in _site_packages(environment):
        for entry in os.listdir(directory):
            if entry.endswith(".dist-info"):
                row = _read_metadata(os.path.join(directory, entry, "METADATA"))
                if row is not None:
                    found.append(row)
    return sorted(found, key=lambda row: normalize_name(row.name))


def _find_environment(session: Session) -> str:
    """Return the environment named by ``--python``, the project's, the active one, or ``.venv`` here or above.

    Raises:
        UsageError: there is none.
    """
    settings = session.settings
    # BLAST_PYTHON chooses what environments are made with; only --python names one to work on.
    named = settings.python if settings.python != settings.environ.get("BLAST_PYTHON") else ""
    asked = os.path.normpath(os.path.join(settings.directory, named)) if named else ""
    for candidate in (asked, os.path.dirname(os.path.dirname(asked))):
        if asked and is_virtual_environment(candidate):
            return candidate
    if os.sep in named:
        raise UsageError(
            f"{named} is no environment",
            reason="it is neither a virtual environment nor the interpreter of one",
            hint=f"'blast venv {named}' makes one there",
        )
    here = settings.directory
    while True:
        candidate = os.path.join(here, settings.environment or ".venv")
        if os.path.exists(python_path(candidate)):
            return candidate
        parent = os.path.dirname(here)
        if parent == here:
            break
        here = parent
    active = settings.environ.get("VIRTUAL_ENV", "")
    if active and os.path.exists(python_path(active)):
        return active
    raise UsageError(
        f"no environment in {settings.directory} or above",
        reason="neither .venv nor an active environment was found",
        hint="'blast venv' makes one, 'blast sync' makes a project's",
    )


def _site_packages(environment: str) -> list[str]:
    if os.name == "nt":
        return [os.path.join(environment, "Lib", "site-packages")]
    library = os.path.join(environment, "lib")
    names = [name for name in os.listdir(library) if name.startswith(("python", "pypy"))]
    paths = [os.path.join(library, name, "site-packages") for name in sorted(names)]
    return [path for path in paths if os.path.isdir(path)]


def _read_metadata(path: str) -> InstalledDistribution | None:
    """Read name and version; they stand at the head of the file (core metadata specification)."""
    name = version = ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key == "Name":
                    name = value.strip()
                elif key == "Version":
                    version = value.strip()
                if (name and version) or not line.strip():
                    break
    except OSError:
        return None
    return InstalledDistribution(name, version) if name else None


def _command(request: InstallRequest) -> str:
    files = (f"-r {name}" for name in request.files)
    editables = (f"-e {name}" for name in request.editables)
    return " ".join(("pip install", *request.requirements, *files, *editables))


def _check_hashes(
    wanted: Sequence[WantedDistribution], sources: Sequence[WantedSource], hashes: Mapping[str, frozenset[str]]
) -> None:
    """One hash turns them on for all that is installed, as in pip's hash-checking mode."""
    rows = [(row.name, row.filename, row.sha256) for row in wanted]
    rows += [(row.name, row.source.location, row.source.digest if row.source.kind != "git" else "") for row in sources]
    for name, filename, sha256 in rows if hashes else ():
        if name not in hashes:
            raise UsageError(
                f"the requirements hold no hash for {name}",
                reason="where one requirement has hashes, all must have, dependencies too",
                hint="'blast pip compile --generate-hashes' writes them all",
            )
        if sha256 not in hashes[name]:
            raise DigestMismatch(
                f"{filename} is not one of the files that the requirements allow",
                reason=f"its sha256 is {sha256}" if sha256 else "a source tree has no sha256",
                hint="add its hash to the file, if you trust it" if sha256 else "require an archive of it",
            )


def _origins(places: Mapping[str, str], asked: Sequence[Asked], named: Sequence[Requirement]) -> dict[Requirement, str]:
    """Say where what is asked for stands: in which line of which file, or on the command line."""
    origins = {parse_requirement(text): place for text, place in places.items()}
    origins.update({row: places.get(one.text, "the command line") for row, one in zip(named, asked, strict=True)})
    return origins


def _requirements(
    session: Session, request: InstallRequest
) -> tuple[list[Asked], list[Requirement], dict[str, frozenset[str]], dict[str, str]]:
    """Return what is asked for, what limits it, the digests that files must have, and by text where it stands."""
    directory = session.settings.directory
    asked = [parse_asked(line, directory) for line in request.requirements]
    asked += [parse_asked(line, directory, editable=True) for line in request.editables]
    limits: list[Requirement] = []
    hashes: dict[str, frozenset[str]] = {}
    places: dict[str, str] = {}
    for name in request.constraints:
        file = read_file(session.settings, name)
        limits += file.requirements
        places.update(file.origins)
    for name in request.files:
        file = read_file(session.settings, name)
        asked += file.asked
        limits += file.constraints
        session.add_wishes(file.wishes)
        hashes.update(file.hashes)
        places.update(file.origins)
    for line in (*request.requirements, *request.editables):
        places.pop(line, None)
    return asked, limits, hashes, places
