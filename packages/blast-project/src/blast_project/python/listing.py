"""All interpreters of this machine, and the builds that can be installed."""

from __future__ import annotations

import os

from blast_core.errors import IndexAccessError, ProbeFailed
from blast_core.tuples import NamedTuple
from blast_project.python.builds import build_key, newest_first
from blast_project.python.discover import answers, install_directory, iter_interpreters, settle
from blast_project.python.platform_of import platform_of, this_platform
from blast_project.python.request import ANY_VARIANT, InterpreterRequest, parse_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from blast_project.python.builds import Build
    from blast_project.session import Session

__all__ = ["ListOptions", "Row", "list_interpreters"]


class ListOptions(NamedTuple):
    """What is listed.

    Attributes:
        request: only what answers to it; empty for everything.
        all_versions: every patch level that can be installed, not only the newest.
        all_platforms: builds for every platform.
        all_machines: builds for every machine of this system.
        installed: list what is on this machine.
        downloads: list what can be installed.
        mirror: goes before the settings.
    """

    request: str = ""
    all_versions: bool = False
    all_platforms: bool = False
    all_machines: bool = False
    installed: bool = True
    downloads: bool = True
    mirror: str = ""


class Row(NamedTuple):
    """An interpreter that is there, or can be.

    Attributes:
        key: such as ``cpython-3.12.1-linux-x86_64-gnu``.
        implementation: such as ``cpython``.
        version: with its patch level.
        variant: as in `InterpreterRequest`.
        platform: system, machine and C library.
        path: of the executable; "" for one that is not there.
        target: what the path leads to, where it is a link.
        url: of the build; "" for one that is there.
        managed: Blast installed it.
    """

    key: str
    implementation: str
    version: str
    variant: str
    platform: tuple[str, str, str]
    path: str
    target: str
    url: str
    managed: bool


def list_interpreters(session: Session, options: ListOptions, tool: Mapping[str, Any]) -> list[Row]:
    """Return interpreters by version, the newest first, those of this machine before what can be installed.

    Raises:
        InterpreterNotFound: the request is nonsense.
        IndexAccessError: the mirror can't be read, and nothing else was asked for.
    """
    wanted = parse_request(options.request)
    if not options.request:
        wanted = wanted._replace(variant=ANY_VARIANT)
    rows = list(_on_this_machine(session, wanted, tool)) if options.installed else []
    if options.downloads:
        there = {row.key for row in rows if row.managed}
        try:
            rows += [row for row in _downloads(session, wanted, options, tool) if row.key not in there]
        except IndexAccessError as error:
            if not options.installed:
                raise
            session.reporter.note(f"what can be installed is not known: {error.message}")
    return _sorted(rows)


def _on_this_machine(session: Session, wanted: InterpreterRequest, tool: Mapping[str, Any]) -> Iterable[Row]:
    from blast_project.python.policy import read_preference

    settings = session.settings
    root = install_directory(settings.environ, settings.home)
    seen: set[str] = set()
    for path in iter_interpreters(settings.environ, settings.home, wanted.name, read_preference(settings, tool)):
        try:
            interpreter = session.interpreters.get(path, searching=True)
        except ProbeFailed:
            continue
        # An activated environment stands for the interpreter behind it.
        if interpreter.executable in seen or not answers(interpreter, wanted):
            continue
        seen.add(interpreter.executable)
        is_own_path = os.path.realpath(path) == interpreter.executable
        shown = path if is_own_path else interpreter.executable
        managed = interpreter.executable.startswith(root + os.sep)
        target = interpreter.executable if shown != interpreter.executable else ""
        if managed:
            shown, target = settle(interpreter, root).executable, interpreter.executable
        platform = platform_of(interpreter)
        key = build_key(interpreter.implementation, interpreter.version, interpreter.variant, platform)
        yield Row(
            key,
            interpreter.implementation,
            interpreter.version,
            interpreter.variant,
            platform,
            shown,
            target if target != shown else "",
            "",
            managed,
        )


def _downloads(
    session: Session, wanted: InterpreterRequest, options: ListOptions, tool: Mapping[str, Any]
) -> Iterable[Row]:
    from blast_project.python.catalogue import open_catalogue

    builds = open_catalogue(session, tool, options.mirror).builds
    here = this_platform()
    chosen: dict[tuple[str, ...], Build] = {}
    for build in newest_first(builds):
        if not _is_shown(build, wanted, here, options):
            continue
        version = build.version if options.all_versions else ".".join(build.version.split(".")[:2])
        # Of one version the first is the smallest archive of the newest release.
        chosen.setdefault((build.implementation, version, build.variant, *build.platform), build)
    for build in chosen.values():
        place = (build.key, build.implementation, build.version, build.variant, build.platform)
        yield Row(*place, "", "", build.url, managed=False)


def _is_shown(build: Build, wanted: InterpreterRequest, here: tuple[str, str, str], options: ListOptions) -> bool:
    from blast_core.version.specifiers import SpecifierSet

    if wanted.name or (wanted.implementation and wanted.implementation != build.implementation):
        return False
    if wanted.variant not in {build.variant, ANY_VARIANT}:
        return False
    if wanted.specifier and not SpecifierSet(wanted.specifier).contains(build.version, prereleases=True):
        return False
    asked = (wanted.system, wanted.machine, wanted.library)
    for part, own, local, free in zip(
        asked,
        build.platform,
        here,
        (options.all_platforms, options.all_platforms or options.all_machines, options.all_platforms),
        strict=True,
    ):
        if own != part if part else own != local and not free:
            return False
    return True


def _sorted(rows: list[Row]) -> list[Row]:
    from blast_core.version.keys import version_key

    rows.sort(key=lambda row: (row.key, row.path))
    rows.sort(key=lambda row: (row.implementation == "cpython", version_key(row.version), bool(row.path)), reverse=True)
    return rows
