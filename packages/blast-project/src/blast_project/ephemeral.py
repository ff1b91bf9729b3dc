"""Environments that belong to no project: for tools, for ``run --with`` and for builds.

An environment is named by what it holds and by its interpreter, so equal requests share one. One that stands is right
as long as its interpreter and what it links into stand too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.reporter import SilentReporter
from blast_core.requirements import format_requirement
from blast_project.applying import Change, composition_of
from blast_project.asking import name_requirements, open_loader, parse_asked
from blast_project.bytecode import BACKGROUND, NEVER, WAIT, compile_later, compile_now, when_to_compile
from blast_project.environment.generations import current_number, is_doubtful
from blast_project.environment.layout import python_path
from blast_project.environment.leases import hold_generation
from blast_project.environment.manager import VenvManager
from blast_project.environment.skeleton import Traits
from blast_project.fetching import ensure_stored
from blast_project.resolving import resolve_requirements, sources_of, wanted_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_pm.store.cache import StoredDistribution, WantedDistribution
    from blast_project.session import Session
    from blast_project.source_install import WantedSource
    from blast_project.sources import SourceLoader

__all__ = ["environment_with", "environments_there", "ephemeral_environment", "is_passing", "stored_requirements"]

# Directories of the store whose entries are named by what they hold.
_KINDS = ("environments", "views")

_HEX = "0123456789abcdef"


def ephemeral_environment(
    session: Session,
    interpreter: Interpreter,
    requirements: Sequence[str | Requirement],
    *,
    origin: str = "the command line",
    preferences: Mapping[str, str] | None = None,
    builds: bool = True,
    loader: SourceLoader | None = None,
    below: str = "",
) -> str:
    """Return the path of an environment that holds ``requirements``, made if it does not stand yet.

    Args:
        session: services.
        interpreter: of the environment.
        requirements: as a person types them, or parsed.
        origin: for messages, who asks.
        preferences: versions by name, tried first.
        builds: let in versions that have only a source distribution.
        loader: reads what is required by address; one for the session's directory if None.
        below: site-packages of another environment, whose packages are seen behind its own; "" for none.

    It is leased for this process and the program that it becomes: nobody removes it meanwhile.

    Raises:
        NoSolution, IndexAccessError, IntegrityError, InstallError: as resolving and installing do.
    """
    wanted, built, direct_urls = _resolve(
        session, interpreter, requirements, origin, preferences, loader, builds=builds
    )
    key = [*(row.sha256 for row in wanted), *(row.sha256 for row in built), *([below] if below else ())]
    path = _path(session, interpreter, key)
    if not _stands(session, path, wanted):
        from blast_project.exclusive import exclusive

        with exclusive(session, path):
            if not _stands(session, path, wanted):
                stored = ensure_stored(session, wanted, interpreter, for_build=not builds)
                words = ", ".join(row if isinstance(row, str) else format_requirement(row) for row in requirements)
                change = Change((*stored, *built), command=f"for {words}", link_mode="", direct_urls=direct_urls)
                # What runs at start-up of a build's environment concerns nobody: it is gone after the build.
                reporter = session.reporter if builds else SilentReporter()
                when = when_to_compile(session.settings) if builds else NEVER
                if when == WAIT:
                    compile_now(session, change.stored, interpreter)
                composition = composition_of(session, change, when)._replace(traits=Traits(below=below))
                made = VenvManager(path).apply(interpreter, composition, reporter)
                hold_generation(path, made.number)
                if when == BACKGROUND:
                    compile_later(session, path, made, change.stored, interpreter, becomes=True)
    return path


def stored_requirements(
    session: Session,
    interpreter: Interpreter,
    requirements: Sequence[str | Requirement],
    *,
    origin: str = "the command line",
    preferences: Mapping[str, str] | None = None,
    loader: SourceLoader | None = None,
) -> tuple[tuple[StoredDistribution, ...], dict[str, bytes]]:
    """Return what ``requirements`` come to, in the store, and direct_url.json by name; as `ephemeral_environment`."""
    wanted, built, direct_urls = _resolve(session, interpreter, requirements, origin, preferences, loader, builds=True)
    return (*ensure_stored(session, wanted, interpreter), *built), direct_urls


def _resolve(
    session: Session,
    interpreter: Interpreter,
    requirements: Sequence[str | Requirement],
    origin: str,
    preferences: Mapping[str, str] | None,
    loader: SourceLoader | None,
    *,
    builds: bool,
) -> tuple[tuple[WantedDistribution, ...], tuple[StoredDistribution, ...], dict[str, bytes]]:
    """Return what has to be in the store, what was built of addresses, and direct_url.json of that by name."""
    asked = [parse_asked(row, session.settings.directory) for row in requirements if isinstance(row, str)]
    loader = loader or open_loader(session, interpreter, asked)
    parsed: list[Requirement] = [row for row in requirements if not isinstance(row, str)]
    parsed += name_requirements(loader, asked)
    origins = dict.fromkeys(parsed, origin)
    resolution = resolve_requirements(
        session,
        interpreter,
        parsed,
        preferences=preferences,
        origins=origins,
        builds=builds,
        loader=loader,
        there={} if builds else None,
    )
    wanted = wanted_of(session, interpreter, resolution)
    if not builds and session.build_hashes is not None:
        _check_hashes(session, wanted)
    sources = sources_of(resolution)
    # What is built of an address is known by its wheel; so it is built before it is known whether all stands.
    root = loader.root if loader is not None else session.settings.directory
    built, direct_urls = _ensure_sources(session, root, sources, interpreter) if sources else ((), {})
    return tuple(wanted), built, direct_urls


def _check_hashes(session: Session, wanted: Sequence[WantedDistribution]) -> None:
    """Refuse files for a build environment that the hashes of build constraints don't name.

    Raises:
        UsageError: something has no hash, and all must have one.
        DigestMismatch: a file is not one of those that are allowed.
    """
    from blast_project.pip.asking import check_hashes

    assert session.build_hashes is not None
    hashes, is_required = session.build_hashes
    check_hashes([row for row in wanted if is_required or row.name in hashes], (), hashes)


def environment_with(
    session: Session, interpreter: Interpreter, stored: Sequence[StoredDistribution], command: str
) -> str:
    """Return the path of an environment that holds distributions of the store, made if it does not stand yet."""
    path = _path(session, interpreter, [row.sha256 for row in stored])
    if not _stands(session, path, ()):
        from blast_project.exclusive import exclusive

        with exclusive(session, path):
            if not _stands(session, path, ()):
                change = Change(tuple(stored), command=command, link_mode="")
                VenvManager(path).apply(interpreter, composition_of(session, change), SilentReporter())
    return path


def environments_there(home: str) -> frozenset[str]:
    """Return the paths of all environments and views in the store."""
    found = []
    for kind in _KINDS:
        directory = os.path.join(home, kind)
        if os.path.isdir(directory):
            found += [os.path.join(directory, name) for name in os.listdir(directory)]
    return frozenset(found)


def is_passing(home: str, path: str, before: frozenset[str]) -> bool:
    """Tell whether an environment or view was made for this run: a project's own and named ones never are.

    Args:
        home: BLAST_HOME.
        path: of the environment.
        before: `environments_there` before the run.
    """
    directory, name = os.path.split(path)
    key = name.removeprefix("script-")
    is_ours = (
        directory in {os.path.join(home, kind) for kind in _KINDS} and len(key) in (16, 24) and not key.strip(_HEX)
    )
    return is_ours and path not in before


def _ensure_sources(
    session: Session, root: str, sources: Sequence[WantedSource], interpreter: Interpreter
) -> tuple[tuple[StoredDistribution, ...], dict[str, bytes]]:
    from blast_project.source_install import ensure_sources

    found = ensure_sources(session, root, sources, interpreter)
    return found.stored, found.direct_urls


def _stands(session: Session, path: str, wanted: Sequence[WantedDistribution]) -> bool:
    """Tell whether the environment is there, with its interpreter and all of the store that it links into.

    One that is there is leased before it is looked at.
    """
    number = current_number(path)
    if not number or not hold_generation(path, number) or not os.path.exists(python_path(path)):
        return False
    if is_doubtful(path, number):
        from blast_project.environment.soundness import find_loss

        said = VenvManager(path).find(number)
        if said is None or find_loss(path, said):
            return False
    wheels = {row.sha256 for row in wanted if row.filename.endswith(".whl")}
    return session.cache.find(wheels).keys() == wheels


def _path(session: Session, interpreter: Interpreter, digests: Sequence[str]) -> str:
    from blake3 import blake3

    parts = [interpreter.executable, interpreter.version, *digests]
    name = str(blake3("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest())[:24]
    return os.path.join(session.settings.home, "environments", name)
