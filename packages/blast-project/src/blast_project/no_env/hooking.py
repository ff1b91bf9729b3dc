"""The hook of ``BLAST=1 python``: a path file beside an interpreter, and what Blast answers when that file asks.

What the path file does stands in `blast_runtime.hook`, which is put into the store with the rest of the runtime. The
file's one line imports nothing while BLAST isn't set.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from blast_core import fs
from blast_core.errors import InstallError, UsageError
from blast_core.tuples import NamedTuple
from blast_project.no_env.foreign_places import (
    OURS,
    REQUIREMENTS,
    WATCHED,
    find_lock,
    required_python,
    watched_files,
)
from blast_project.no_env.views import MAP, NUMBER
from blast_runtime.hook import Memo, stamp, write_memo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.no_env.foreign_places import LockPlace
    from blast_project.pip.sites import Site, SiteChoice
    from blast_project.selection import GroupSelection
    from blast_project.session import Session

__all__ = [
    "HOOK_FILE",
    "HookPlace",
    "answer_hook",
    "blast_command",
    "find_hook",
    "foreign_view",
    "install_hook",
    "lock_view",
    "site_of_view",
    "uninstall_hook",
]

#: What the path file is called.
HOOK_FILE = "blast-hook.pth"
_FIRST = "# Written by 'blast self hook install'; 'blast self hook uninstall' removes it.\n"
# Names of `site`'s own function are in reach of the line; it adds none that stays.
_LINE = (
    'import os; os.environ.get("BLAST") in ("1", "true", "yes", "on", "optional") and exec('
    '"import sys; sys.path.insert(0, {runtime}); from blast_runtime.hook import start; '
    'sys.path.remove({runtime}); start({home}, {command})")\n'
)
# What was remembered so long ago is asked anew: of most directories nobody will ask again.
_KEPT_S = 60 * 86400.0
# Stamps that are younger may hide a change within the same tick of the file system's clock.
_TICK_S = 0.02


class HookPlace(NamedTuple):
    """Where a hook is, or would be.

    Attributes:
        path: of the path file.
        python: the interpreter.
        version: of the interpreter.
        state: ``missing``, ``installed``, ``outdated`` (of another Blast, home or place of it) or ``foreign``.
    """

    path: str
    python: str
    version: str
    state: str


def find_hook(session: Session, choice: SiteChoice) -> HookPlace:
    """Return where the hook of an interpreter is, or would be.

    Args:
        session: services; ``settings.python`` says which interpreter.
        choice: ``user`` for the user's own site-packages.

    Raises:
        InterpreterError: there is no interpreter, or it can't be asked.
    """
    return _place(session, _site(session, choice))


def install_hook(session: Session, choice: SiteChoice) -> HookPlace:
    """Put the hook beside an interpreter, or renew it; return it as it was found.

    Args:
        session: services; ``settings.python`` says which interpreter.
        choice: ``user`` for the user's own site-packages, ``break_system_packages`` also where another tool manages it.

    Raises:
        UsageError: another tool manages the interpreter, or it is of an environment that Blast made.
        InstallError: a file is in the way, or the directory can't be written.
        InterpreterError: there is no interpreter, or it can't be asked.
    """
    from blast_project.no_env.runtime_files import ensure_runtime
    from blast_project.pip.sites import check_may_change

    site = _site(session, choice)
    if not choice.user:
        check_may_change(site, choice)
    place = _place(session, site)
    if place.state == "foreign":
        raise InstallError(
            f"{place.path} is in the way", reason="Blast did not write it", hint="move it to another place"
        )
    try:
        ensure_runtime(session.settings.home)
        fs.make_directories(os.path.dirname(place.path))
        if place.state != "installed":
            fs.replace_file(place.path, _content(session.settings.home))
    except OSError as error:
        raise InstallError(
            f"{place.path} can't be written",
            reason=error.strerror or str(error),
            hint="'--user' installs it for you alone",
        ) from error
    return place


def uninstall_hook(session: Session, choice: SiteChoice) -> HookPlace:
    """Remove the hook of an interpreter, and nothing else; return it as it was found.

    Raises:
        InstallError: the file is not Blast's, or can't be removed.
        InterpreterError: there is no interpreter, or it can't be asked.
    """
    place = find_hook(session, choice)
    if place.state == "foreign":
        raise InstallError(f"{place.path} is not removed", reason="Blast did not write it")
    if place.state != "missing":
        try:
            fs.unlink(place.path)
        except OSError as error:
            raise InstallError(f"{place.path} can't be removed", reason=error.strerror or str(error)) from error
    return place


def _site(session: Session, choice: SiteChoice) -> Site:
    from blast_project.pip.sites import find_site

    # A version or nothing means an interpreter, a path may mean an environment.
    asked = os.path.join(session.settings.directory, os.path.expanduser(session.settings.python))
    is_path = bool(session.settings.python) and (os.sep in session.settings.python or os.path.isdir(asked))
    site = find_site(session, choice._replace(system=not is_path))
    if site.kind == "blast":
        raise UsageError(
            f"{site.root} is an environment of Blast's",
            reason="it has its packages without a hook",
            hint="name an interpreter, such as '-p 3.12'",
        )
    return site


def _place(session: Session, site: Site) -> HookPlace:
    path = os.path.join(site.purelib, HOOK_FILE)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return HookPlace(path, site.python, site.interpreter.version, "missing")
    except OSError as error:
        raise InstallError(f"{path} can't be read", reason=error.strerror or str(error)) from error
    if not content.startswith(_FIRST.encode()):
        return HookPlace(path, site.python, site.interpreter.version, "foreign")
    state = "installed" if content == _content(session.settings.home) else "outdated"
    return HookPlace(path, site.python, site.interpreter.version, state)


def _content(home: str) -> bytes:
    from blast_project.no_env.runtime_files import DIRECTORY, runtime_name

    runtime = os.path.join(home, DIRECTORY, runtime_name())
    words = {"runtime": ascii(runtime), "home": ascii(home), "command": ascii(blast_command())}
    if any('"' in word or "\\" in word for word in words.values()):
        # It stands in a string between double quotes.
        words = {name: word.replace("\\", "\\\\").replace('"', '\\"') for name, word in words.items()}
    return (_FIRST + _LINE.format(**words)).encode("ascii")


def blast_command() -> tuple[str, ...]:
    """Return what starts Blast, whatever PATH is then: the interpreter that runs it now, and its module."""
    import sys

    return (sys.executable, "-m", "blast_cli")


def answer_hook(
    session: Session, starts: Sequence[str], memos: Sequence[str], selection: GroupSelection, *, required: bool = False
) -> Memo:
    """Return the view for a program, and remember it for the next one.

    Args:
        session: services; ``settings.python`` is the interpreter that asks.
        starts: absolute paths of directories; the lock of the first that has one counts.
        memos: where the answer of each is remembered.
        selection: groups and extras.
        required: it is an error if there is no lock.

    Raises:
        UsageError: there is none though it is required, or no such directory.
        BlastError: as locking, fetching, building and making views do.
    """
    for directory, memo in zip(starts, memos, strict=True):
        if not os.path.isdir(directory):
            raise UsageError(f"there is no directory {directory}", hint="BLAST_RUN_DIRECTORY may name another")
        place = find_lock(directory)
        if place is not None:
            return _answer(session, directory, memo, place, selection)
        _remember(session, memo, directory, Memo("", "", ""), _stamps(watched_files(directory, None)))
    if required:
        names = ", ".join((*WATCHED[:-2], f"pinned {REQUIREMENTS}"))
        raise UsageError(
            f"BLAST is set, and there is no lock in {' or '.join(starts)} or above",
            reason=f"looked for {names}, and for projects",
            hint="set BLAST_RUN_DIRECTORY, or BLAST=optional to start without packages then",
        )
    return Memo("", "", "")


def _answer(session: Session, directory: str, memo: str, place: LockPlace, selection: GroupSelection) -> Memo:
    watched = watched_files(directory, place)
    before = _settled_stamps(watched)
    view, is_steady = lock_view(session, place, selection, directory)
    if _stamps(watched) != before:
        # Locking a project writes its lock.
        before = _settled_stamps(watched)
        view, is_steady = lock_view(session, place, selection, directory)
        is_steady = is_steady and _stamps(watched) == before
    found = Memo(view, site_of_view(view), place.root, _boot(view))
    if is_steady:
        _remember(session, memo, directory, found, {**before, **_stamps((os.path.join(view, MAP), found.site))})
    return found


def lock_view(session: Session, place: LockPlace, selection: GroupSelection, directory: str = "") -> tuple[str, bool]:
    """Return the path of the view of a lock, and whether it stays the same as long as the files around the lock do.

    Args:
        session: services.
        place: from `find_lock`.
        selection: groups and extras.
        directory: where a program is started.

    Raises:
        BlastError: as locking, fetching, building and making views do.
    """
    from blast_project.no_env.starting import project_view, remembered_view, stored_view

    here = directory or place.root
    if place.kind == OURS:
        session.settings = session.settings._replace(directory=here)
        path = project_view(session, selection)
        return path, bool(remembered_view(session, place.root, selection))
    from blast_project.no_env.foreign import foreign_stored

    interpreter = _interpreter(session, place)
    session.settings = session.settings._replace(directory=place.root)
    found = foreign_stored(session, place.path, interpreter, selection, here)
    view = stored_view(session, interpreter, found.stored, direct_urls=found.direct_urls)
    return view.path, not (found.changes_unseen or session.settings.has_wishes)


def foreign_view(session: Session, selection: GroupSelection, requirements: Sequence[str] = ()) -> str:
    """Return the view of the nearest lock above the session's directory if another tool made it; "" if none did.

    Args:
        session: services.
        selection: groups and extras.
        requirements: for this run beside what is locked, whose versions are tried first. A file of requirements is no
            lock then.

    Raises:
        NoSolution: what is required does not go together with what is locked.
        UsageError: there are requirements, and the lock names places that aren't an index.
        BlastError: as reading the lock, fetching, building and making views do.
    """
    place = find_lock(session.settings.directory)
    if place is None or place.kind == OURS or (requirements and place.kind == REQUIREMENTS):
        return ""
    before = session.settings
    try:
        if requirements:
            return _view_with(session, place, selection, requirements)
        return lock_view(session, place, selection, before.directory)[0]
    finally:
        session.settings = before


def _view_with(session: Session, place: LockPlace, selection: GroupSelection, requirements: Sequence[str]) -> str:
    """Return the view of a lock and of requirements, which are resolved with the lock's versions tried first."""
    from blast_project.no_env.foreign import chosen_packages
    from blast_project.no_env.starting import requirements_view
    from blast_project.sources import VIRTUAL

    interpreter = _interpreter(session, place)
    chosen = list(chosen_packages(session, place.path, interpreter, selection, session.settings.directory))
    chosen = [package for package in chosen if package.source.revision != VIRTUAL]
    itself = [f"-e {place.root}" for package in chosen if package.source.location == "."]
    chosen = [package for package in chosen if package.source.location != "."]
    elsewhere = [package.name for package in chosen if package.source.kind != "registry"]
    if elsewhere:
        raise UsageError(
            f"--with does not go together with {place.path}",
            reason=f"{', '.join(elsewhere)} is on no index, so nothing can be resolved with it",
            hint=f"add the requirement with the tool that made {place.kind}",
        )
    versions = {package.name: package.version for package in chosen}
    asked = (*versions, *itself, *requirements)
    return requirements_view(session, interpreter, asked, origin=f"{place.kind} and --with", preferences=versions)


def _interpreter(session: Session, place: LockPlace) -> Interpreter:
    from blast_project.python.version_files import read_version_file_above

    request = read_version_file_above(place.root, session.settings.environ)
    # Who names an interpreter is told by the lock whether it will do.
    requires = "" if session.settings.python or request else required_python(place)
    return session.find_interpreter(request, requires)


def site_of_view(view: str) -> str:
    """Return the site-packages of a view."""
    if os.name == "nt":
        return os.path.join(view, "Lib", "site-packages")
    library = os.path.join(view, "lib")
    name = next(name for name in sorted(os.listdir(library)) if name.startswith(("python", "pypy")))
    return os.path.join(library, name, "site-packages")


def _boot(view: str) -> str:
    from blast_project.environment.generations import unsettled_boot

    return unsettled_boot(view, NUMBER)


def _stamps(paths: Sequence[str]) -> dict[str, str]:
    return {path: stamp(path) for path in paths}


def _settled_stamps(paths: Sequence[str]) -> dict[str, str]:
    """Return the stamps, the youngest of them older than a tick: another change would show."""
    while True:
        stamps = _stamps(paths)
        newest = max((int(part) for text in stamps.values() if text != "-" for part in text.split(".")[2:]), default=0)
        age = time.time() - newest / 1e9
        if not 0 <= age < _TICK_S:
            return stamps
        time.sleep(_TICK_S - age)


def _remember(session: Session, memo: str, directory: str, found: Memo, stamps: Mapping[str, str]) -> None:
    content = write_memo(memo, directory, found, dict(stamps))
    place = os.path.join(session.settings.home, "hook")
    if not content or os.path.dirname(memo) != place:
        return
    try:
        fs.make_directories(place)
        _forget_old(place)
        fs.replace_file(memo, content, durable=False)
    except OSError:
        # A store that can't be written only remembers nothing.
        return


def _forget_old(place: str) -> None:
    with os.scandir(place) as entries:
        old = [entry.path for entry in entries if entry.stat(follow_symlinks=False).st_mtime < time.time() - _KEPT_S]
    for path in old:
        fs.unlink(path)
