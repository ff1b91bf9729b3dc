"""Checks of a project and its environment: what stands at its place, its interpreter, its links, where it is."""

from __future__ import annotations

import os

from blast_core.errors import BlastError, InstallError
from blast_project.doctor.model import MENDED, NOTE, OK, PROBLEM, Check
from blast_project.environment.layout import (
    current_link,
    generations_directory,
    is_virtual_environment,
    python_path,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_project.environment.generations import Generation
    from blast_project.session import Session

__all__ = ["check_environment", "check_project", "dead_scripts"]

_SHOWN = 5
_HEAD_BYTES = 512
_SYNC = "'blast sync' makes it right"


def check_project(session: Session, root: str) -> Iterator[Check]:
    """Yield what is found of the manifest and the lock."""
    from blast_project.lock_files import read_lock
    from blast_project.project import LOCK_NAME, load_project

    try:
        load_project(root)
    except (BlastError, OSError) as error:
        hint = (error.hint if isinstance(error, BlastError) else "") or "edit it until it can be read"
        yield Check("project.manifest", PROBLEM, str(error), "nothing can be locked or synced", hint, (root,))
        return
    yield Check("project.manifest", OK, "pyproject.toml can be read")
    path = os.path.join(root, LOCK_NAME)
    try:
        found = read_lock(session, root)
    except (BlastError, OSError) as error:
        hint = "'blast lock' makes it anew; where it came from a merge, 'git checkout --ours' it first"
        yield Check("project.lock", PROBLEM, f"{LOCK_NAME} can't be read", str(error), hint, (path,))
        return
    if found is None:
        yield Check("project.lock", NOTE, f"there is no {LOCK_NAME}", "", "'blast lock' makes it")
    else:
        yield Check("project.lock", OK, f"{LOCK_NAME} can be read")


def check_environment(session: Session, environment: str, *, fix: bool) -> Iterator[Check]:
    """Yield what is found at the environment's place; with ``fix`` what stands in its way is moved aside.

    All else is for a sync to mend, which is the caller's to do.
    """
    place = _check_place(environment, fix=fix)
    yield place
    if place.state in (PROBLEM, MENDED) or not os.path.lexists(current_link(environment)):
        return
    said = _read_current(environment)
    if said is None:
        why = "a generation went away, or what it says of itself can't be read"
        yield Check("environment.generation", PROBLEM, "the current generation is lost", why, _SYNC, (environment,))
        return
    yield Check("environment.generation", OK, f"generation {said.number} is current, {len(said.installed)} packages")
    yield _check_interpreter(session, environment, said)
    yield _check_contents(environment, said)
    yield _check_drift(environment, said)
    yield _check_moved(session, environment, said)
    yield _check_scripts(environment, said)
    yield _check_link_systems(session, environment, said)


def _check_place(environment: str, *, fix: bool) -> Check:
    name = "environment.place"
    if not os.path.lexists(environment):
        return Check(name, NOTE, f"there is no {environment}", "", "'blast sync' makes it")
    wrong, why = _in_the_way(environment)
    if wrong:
        return _move_aside(environment, wrong, why, fix=fix)
    blocked = [path for path in _own_directories(environment)[1:] if os.path.islink(path) or not os.path.isdir(path)]
    if blocked:
        return _clear_way(blocked[0], fix=fix)
    directories = _own_directories(environment)
    if not all(os.access(path, os.R_OK | os.W_OK | os.X_OK) for path in directories):
        return _check_mode(environment, directories, fix=fix)
    if os.path.lexists(current_link(environment)):
        return Check(name, OK, f"{environment} is an environment of Blast's")
    if is_virtual_environment(environment):
        return Check(name, NOTE, f"{environment} was made by another tool", "", "'blast sync' replaces it")
    return Check(name, NOTE, f"{environment} was not finished", "a command was killed", "'blast sync' makes it")


def _in_the_way(environment: str) -> tuple[str, str]:
    """Return what stands at the place that no environment can take, and why; "" for nothing."""
    if os.path.islink(environment):
        why = "Blast makes its environments there, and follows no link that may lead to something of value"
        return f"{environment} is a link to {os.readlink(environment)}", why
    if not os.path.isdir(environment):
        return f"{environment} is no directory", "Blast makes its environments there"
    if os.path.lexists(current_link(environment)) or is_virtual_environment(environment):
        return "", ""
    if not os.access(environment, os.R_OK | os.X_OK) or os.listdir(environment) in ([], [".blast"]):
        return "", ""
    return f"{environment} is no virtual environment", "it has no pyvenv.cfg, so it may hold something of value"


def _move_aside(environment: str, wrong: str, why: str, *, fix: bool) -> Check:
    from blast_core import fs

    name = "environment.place"
    if not fix:
        hint = "'blast self doctor --fix' moves it aside and makes an environment"
        return Check(name, PROBLEM, wrong, why, hint, (environment,))
    try:
        if os.path.islink(environment):
            fs.unlink(environment)
            return Check(name, MENDED, f"{wrong}: the link is removed, and what it led to is as it was")
        aside = f"{environment}.aside-{os.urandom(3).hex()}"
        fs.rename(environment, aside)
    except OSError as error:
        return Check(name, PROBLEM, wrong, str(error), "move it away yourself", (environment,))
    return Check(name, MENDED, f"{wrong}: it is now {aside}", "", "look at it, and remove it", (aside,))


def _clear_way(path: str, *, fix: bool) -> Check:
    """Remove what stands in the place of a directory inside of an environment: all of it is made again."""
    from blast_core import fs

    name = "environment.place"
    what = f"{path} is no directory"
    if not fix:
        hint = "'blast self doctor --fix' removes it and makes the environment again"
        return Check(name, PROBLEM, what, "what was below it is lost", hint, (path,))
    try:
        fs.unlink(path)
    except OSError as error:
        return Check(name, PROBLEM, what, str(error), "remove it yourself", (path,))
    return Check(name, MENDED, f"{what}: it is removed", "", "", (path,))


def _own_directories(environment: str) -> list[str]:
    places = (environment, os.path.join(environment, ".blast"), generations_directory(environment))
    return [path for path in places if os.path.lexists(path)]


def _check_mode(environment: str, directories: Sequence[str], *, fix: bool) -> Check:
    from blast_core import fs

    name = "environment.place"
    what = f"{environment} can't be used by its owner"
    if not fix:
        hint = "'blast self doctor --fix', or chmod u+rwx"
        return Check(name, PROBLEM, what, "its mode was changed", hint, tuple(directories))
    try:
        # What is below one that was closed shows only then.
        for path in (environment, os.path.join(environment, ".blast"), generations_directory(environment)):
            if os.path.isdir(path):
                fs.set_mode(path, os.stat(path).st_mode & 0o777 | 0o700)
    except OSError as error:
        return Check(name, PROBLEM, what, str(error), "make it yours: chown, chmod u+rwx", tuple(directories))
    return Check(name, MENDED, f"{environment} can be used again", "its mode was changed")


def _read_current(environment: str) -> Generation | None:
    from blast_project.environment.manager import VenvManager

    try:
        return VenvManager(environment).current()
    except (InstallError, OSError):
        return None


def _check_interpreter(session: Session, environment: str, said: Generation) -> Check:
    name = "environment.interpreter"
    path = python_path(environment)
    hint = "'blast sync' makes the environment again with another"
    if not os.path.exists(path):
        target = os.readlink(path) if os.path.islink(path) else path
        return Check(name, PROBLEM, f"its interpreter is gone: {target}", "Python was removed or moved", hint, (path,))
    if not os.access(path, os.X_OK):
        return Check(name, PROBLEM, f"{path} can't be executed", "its mode was changed", hint, (path,))
    try:
        version = session.interpreters.get(os.path.realpath(path)).version
    except OSError as error:
        return Check(name, NOTE, "its interpreter was not asked for its version", str(error), "", (path,))
    except BlastError as error:
        return Check(name, PROBLEM, f"its interpreter does not work: {path}", str(error), hint, (path,))
    if version != said.python:
        why = "Python was upgraded in its place"
        return Check(name, PROBLEM, f"its interpreter was {said.python} and is {version}", why, hint, (path,))
    return Check(name, OK, f"its interpreter is Python {version}")


def _check_contents(environment: str, said: Generation) -> Check:
    from blast_project.environment.soundness import find_damage

    name = "environment.contents"
    found = [path for path in find_damage(environment, said) if not path.endswith("/python")]
    if not found:
        return Check(name, OK, "all links lead somewhere, and its files are what was installed")
    broken = [path for path in found if os.path.islink(_inside(environment, said, path))]
    why = (
        f"{len(broken)} links lead nowhere: the store was moved or changed"
        if broken
        else "files were changed or removed"
    )
    hint = _SYNC if broken else "'blast self doctor --fix' makes it right"
    return Check(name, PROBLEM, f"not as it was made: {_some(found)}", why, hint, tuple(found))


def _inside(environment: str, said: Generation, path: str) -> str:
    root = os.path.join(generations_directory(environment), str(said.number))
    direct = os.path.join(root, path)
    return direct if os.path.lexists(direct) else os.path.join(root, said.site_packages, path)


def _check_drift(environment: str, said: Generation) -> Check:
    from blast_project.environment.drift import find_drift

    name = "environment.drift"
    found = find_drift(environment, said.number, said.site_packages)._replace(missing=())
    if not found:
        return Check(name, OK, "no other tool changed it")
    hint = "'blast sync' puts it right; '--inexact' keeps what came"
    return Check(
        name, NOTE, f"another tool changed it ({found.describe()})", "", hint, (*found.foreign, *found.replaced)
    )


def _check_moved(session: Session, environment: str, said: Generation) -> Check:
    from blast_pm.store.roots import is_registered
    from blast_project.environment.state import read_state

    name = "environment.registration"
    state = read_state(environment)
    home = session.settings.home
    # One that holds nothing needs nothing of the store.
    if said.installed and not is_registered(home, environment):
        known = state.environment if state is not None else ""
        moved = bool(known) and os.path.realpath(known) != os.path.realpath(environment)
        what = f"it was moved here from {known}" if moved else "the store does not know of it"
        why = "'blast cache gc' has to know what the environment needs"
        return Check(name, PROBLEM, what, why, "'blast sync' registers it", (environment,))
    return Check(name, OK, "the store knows of it")


def _check_scripts(environment: str, said: Generation) -> Check:
    name = "environment.scripts"
    found = list(dead_scripts(environment, said.number))
    if not found:
        return Check(name, OK, "its programs find their interpreter")
    why = "another tool wrote them, and the environment or its Python was moved since"
    hint = "install them again with the tool that did, or let 'blast self doctor --fix' remove them"
    return Check(name, PROBLEM, f"programs with an interpreter that is gone: {_some(found)}", why, hint, tuple(found))


def dead_scripts(environment: str, number: int) -> Iterator[str]:
    """Yield the names of programs whose first line names an interpreter that is gone."""
    directory = os.path.join(generations_directory(environment), str(number), "Scripts" if os.name == "nt" else "bin")
    # They may be removed: a link that came with somebody's checkout leads to no programs of the environment.
    if not os.path.realpath(directory).startswith(os.path.join(os.path.realpath(environment), "")):
        return
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        path = os.path.join(directory, name)
        try:
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                head = file.read(_HEAD_BYTES)
        except OSError:
            continue
        if head.startswith(b"#!"):
            program = os.fsdecode(head[2:].split(b"\n", 1)[0].strip().split(b" ", 1)[0])
            if os.path.isabs(program) and not os.path.exists(program):
                yield name


def _check_link_systems(session: Session, environment: str, said: Generation) -> Check:
    name = "environment.links"
    home = session.settings.home
    try:
        apart = os.stat(environment).st_dev != os.stat(home).st_dev
    except OSError:
        apart = False
    if apart and said.link_mode != "copy":
        why = "no hard links lead from one to the other; files are linked by name or copied"
        return Check(name, NOTE, "environment and store are on different file systems", why, "", (environment, home))
    return Check(name, OK, "environment and store can share files")


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
