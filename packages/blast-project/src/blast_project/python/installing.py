"""Installing builds of interpreters: fetched, checked, unpacked aside, tried, and published by one rename.

Killed at any moment, an installation is there whole or not at all; what was fetched stays for the next attempt, and
what was unpacked is swept away by it.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import InterpreterNotFound, ProbeFailed, UsageError
from blast_core.tuples import NamedTuple
from blast_project.exclusive import exclusive
from blast_project.python.builds import best_build, matches
from blast_project.python.installations import (
    Installation,
    chosen_installations,
    executable_below,
    list_installations,
    settle_minor_links,
    write_marker,
)
from blast_project.python.platform_of import this_platform
from blast_project.python.request import parse_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.python.builds import Build
    from blast_project.python.catalogue import Catalogue
    from blast_project.session import Session

__all__ = ["Installed", "choose_build", "install_build", "uninstall", "upgrade_targets"]


class Installed(NamedTuple):
    """What came of installing.

    Attributes:
        installation: the interpreter.
        is_new: it was not there before, or was made again.
        replaced: the key of the older patch level of the same minor version; "" if there is none.
    """

    installation: Installation
    is_new: bool
    replaced: str = ""


def choose_build(catalogue: Catalogue, request: str, requires: Sequence[str] = ()) -> Build:
    """Return the newest build that answers to a request and runs here.

    Raises:
        InterpreterNotFound: there is none.
        UsageError: the request is the name of a program.
    """
    wanted = parse_request(request)
    if wanted.name:
        raise UsageError(
            f"'{request}' names no version of Python",
            hint="such as 3.12, 3.12.1, 3.13t, pypy3.10 or >=3.11,<3.13; 'blast python list' shows what there is",
        )
    here = this_platform()
    if wanted.system and wanted.system != here[0]:
        raise InterpreterNotFound(
            f"'{request}' does not run here", reason=f"this is {here[0]}", hint="'blast python list' shows what does"
        )
    found = best_build(build for build in catalogue.builds if matches(build, wanted, requires, here))
    if found is None:
        asked = " and ".join(
            filter(None, (request and f"'{request}'", *(f"requires-python '{one}'" for one in requires)))
        )
        place = "the mirror" if catalogue.mirror else "the catalogue"
        raise InterpreterNotFound(
            f"there is no build of Python for {asked or 'this machine'}",
            reason=f"{place} has none that runs on {'-'.join(here)}",
            hint="'blast python list --all-versions' shows what there is; a newer Blast or pbs-installer knows more",
            request=request,
        )
    return found


def install_build(
    session: Session, catalogue: Catalogue, build: Build, root: str, *, again: bool = False, bytecode: bool = False
) -> Installed:
    """Install a build below ``root``, if it is not there.

    Args:
        session: settings and reporter.
        catalogue: where it is from.
        build: what to install.
        root: where interpreters are installed.
        again: put a fresh one in the place of one that is there.
        bytecode: compile its standard library.

    Raises:
        DigestMismatch, ArchiveRejected: the archive is not what it should be.
        IndexAccessError, OfflineError: it can't be had.
        ProbeFailed: it does not run here.
    """
    from blast_pm.store.durability import flush_mode
    from blast_pm.store.staging import Staging, sweep_staging

    final = os.path.join(root, build.key)
    installation = Installation(final, build)
    with exclusive(session, root):
        before = list_installations(root)
        is_there = any(one.path == final for one in before)
        if is_there and not again:
            settle_minor_links(root)
            return Installed(next(one for one in before if one.path == final), is_new=False)
        area = os.path.join(root, ".staging")
        fs.make_directories(root)
        sweep_staging(area)
        with Staging(area) as staging:
            fresh = _prepare(session, catalogue, build, root, staging.path, bytecode=bytecode)
            # One flush for some thousand files: what is visible is whole even after a power loss.
            if flush_mode() != "never":
                fs.sync_filesystem(fresh)
            _publish(fresh, final)
        settle_minor_links(root)
    replaced = next((one.key for one in before if _is_older(one.build, build)), "")
    return Installed(installation, is_new=True, replaced=replaced)


def _prepare(session: Session, catalogue: Catalogue, build: Build, root: str, staging: str, *, bytecode: bool) -> str:
    """Make a complete installation in ``staging`` and return its directory."""
    from blast_project.python.relocating import mark_managed, relocate
    from blast_project.python.unpacking import unpack_interpreter

    archive = _fetch(session, catalogue, build, root)
    session.reporter.step(f"Unpacking {build.key}")
    unpacked = os.path.join(staging, "unpacked")
    fs.make_directory(unpacked)
    fresh = unpack_interpreter(archive, build.filename, unpacked)
    relocate(fresh, os.path.join(root, build.key))
    mark_managed(fresh)
    _check(fresh, build)
    if bytecode:
        _compile(fresh, build)
    write_marker(fresh, build)
    if os.path.dirname(archive) == os.path.join(root, ".downloads"):
        fs.unlink(archive)
    return fresh


def _fetch(session: Session, catalogue: Catalogue, build: Build, root: str) -> str:
    """Return the path of the archive, checked."""
    from blast_project.python.downloading import check_archive, download_archive

    if "://" not in build.url:
        check_archive(build, build.url)
        return build.url
    from blast_project.python.network import open_fetcher

    session.reporter.step(f"Downloading {build.key}")
    downloads = os.path.join(root, ".downloads")
    fs.make_directories(downloads)
    path = os.path.join(downloads, f"{build.sha256[:16]}-{build.filename}")
    with open_fetcher(session, catalogue.mirror or build.url) as fetcher:
        download_archive(build, path, fetcher, session.reporter)
    return path


def _check(fresh: str, build: Build) -> None:
    """Make sure that an interpreter runs on this machine and is what its archive's name says.

    Raises:
        ProbeFailed: it doesn't, or is another one.
    """
    import re

    from blast_project.python.probe import interpreter_from_answer, probe

    executable = executable_below(fresh, build)
    try:
        found = interpreter_from_answer(probe(executable))
    except ProbeFailed as error:
        raise ProbeFailed(
            f"{build.key} does not run on this machine", reason=error.reason, hint="'blast python list' shows others"
        ) from error
    # A pre-release is called by its patch level alone.
    if (
        not re.match(rf"{re.escape(found.version)}(?!\d)", build.version)
        or found.implementation != build.implementation
    ):
        raise ProbeFailed(
            f"{build.filename} is not what its name says",
            reason=f"it holds {found.implementation} {found.version}",
            hint="the mirror has the wrong file under that name",
        )


def _compile(fresh: str, build: Build) -> None:
    import subprocess

    from blast_project.python.relocating import standard_libraries

    executable = executable_below(fresh, build)
    for library in standard_libraries(fresh):
        # The standard library has files that are wrong on purpose, for its own tests: the status says nothing.
        subprocess.run([executable, "-I", "-m", "compileall", "-q", "-j0", library], capture_output=True, check=False)


def _publish(fresh: str, final: str) -> None:
    if not os.path.lexists(final):
        fs.rename(fresh, final)
        return
    # What was there goes away with the staging directory.
    fs.exchange(fresh, final)


def _is_older(one: Build, other: Build) -> bool:
    from blast_core.version.keys import version_key

    return _is_same_line(one, other) and version_key(one.version) < version_key(other.version)


def upgrade_targets(
    installed: Sequence[Installation], catalogue: Catalogue, requests: Sequence[str], *, again: bool = False
) -> list[tuple[Installation, Build]]:
    """Return for each minor version that is installed its newest patch level, and the build to upgrade it to.

    What is the newest already is left out, unless ``again`` is set.

    Args:
        installed: the newest first.
        catalogue: what there is.
        requests: minor versions to look at; all if there are none.
        again: what is the newest is to be made again.

    Raises:
        UsageError: a request names a patch level.
        InterpreterNotFound: a request names a minor version that is not installed.
    """
    for request in requests:
        wanted = parse_request(request)
        if wanted.is_exact or wanted.name:
            raise UsageError(
                f"'{request}' is no minor version", hint="such as 3.12; 'blast python install' takes a patch level"
            )
    chosen = chosen_installations(installed, requests) if requests else list(installed)
    newest: dict[tuple[object, ...], Installation] = {}
    for one in chosen:
        build = one.build
        newest.setdefault((build.implementation, build.version.split(".")[1], build.variant, build.platform), one)
    pairs = []
    for one in newest.values():
        best = best_build(build for build in catalogue.builds if _is_same_line(one.build, build))
        if best is not None and (again or _is_older(one.build, best) or _is_rebuilt(one.build, best)):
            pairs.append((one, best))
    return pairs


def _is_same_line(one: Build, other: Build) -> bool:
    return (one.implementation, one.variant, one.platform) == (
        other.implementation,
        other.variant,
        other.platform,
    ) and (one.version.split(".")[:2] == other.version.split(".")[:2])


def _is_rebuilt(one: Build, other: Build) -> bool:
    """Tell whether ``other`` is the same version, built later: with newer libraries, such as OpenSSL."""
    return one.version == other.version and one.release < other.release


def uninstall(session: Session, root: str, chosen: Sequence[Installation]) -> None:
    """Remove installations; each is gone for others in one instant.

    Raises:
        OSError: one can't be removed.
    """
    from blast_pm.store.staging import Staging, sweep_staging

    area = os.path.join(root, ".staging")
    with exclusive(session, root):
        sweep_staging(area)
        with Staging(area) as staging:
            for one in chosen:
                fs.rename(one.path, os.path.join(staging.path, one.key))
            settle_minor_links(root)
