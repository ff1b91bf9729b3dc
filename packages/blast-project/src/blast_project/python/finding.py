"""Which interpreter a command here would use: that of an environment, or the first that answers."""

from __future__ import annotations

import os

from blast_core.errors import InterpreterError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.session import Session

__all__ = ["Found", "find_here", "request_here"]


class Found(NamedTuple):
    """An interpreter.

    Attributes:
        path: of the executable; in an environment that of the environment.
        version: its full version.
        environment: where it is the interpreter of; "" for none.
    """

    path: str
    version: str
    environment: str = ""


def request_here(session: Session, *, project: bool = True) -> tuple[str, str]:
    """Return the request that counts in the session's directory, and the project's requires-python; "" without."""
    from blast_project.project import find_root, load_project
    from blast_project.python.version_files import read_python_version_file, read_version_file_above

    settings = session.settings
    root = find_root(settings.directory) if project else None
    if root is None:
        return settings.python or read_version_file_above(settings.directory, settings.environ), ""
    manifest = load_project(root, settings.home).manifest
    session.use_project(manifest)
    return settings.python or read_python_version_file(root), manifest.requires_python or ""


def find_here(session: Session, request: str, *, system: bool = False, project: bool = True) -> Found:
    """Return the interpreter that answers to ``request``, or the one that a command here would use.

    Args:
        session: settings.
        request: see `blast_project.python.discover`; empty for what version files and the project say.
        system: no environment's.
        project: let the project around count.

    Raises:
        InterpreterNotFound: there is none; nothing is downloaded.
    """
    asked, requires = request_here(session, project=project)
    if request:
        asked, requires = request, ""
    for environment in () if system else _environments(session, project=project):
        found = _in_environment(session, environment, asked, requires)
        if found is not None:
            return found
    # The request is handed over: what the settings say was taken in above.
    settings, session.settings = session.settings, session.settings._replace(python="")
    try:
        interpreter = session.find_interpreter(asked, requires, download=False)
    finally:
        session.settings = settings
    return Found(interpreter.executable, interpreter.version)


def _environments(session: Session, *, project: bool) -> list[str]:
    from blast_project.environment.layout import is_virtual_environment
    from blast_project.project import environment_path, find_root

    settings = session.settings
    root = find_root(settings.directory) if project else None
    places = [settings.environ.get("VIRTUAL_ENV", "")]
    if root is not None:
        # A project's own goes before one that happens to be active.
        places.insert(0, environment_path(root, settings))
    else:
        places.append(os.path.join(settings.directory, ".venv"))
    return [place for place in places if place and is_virtual_environment(place)]


def _in_environment(session: Session, environment: str, asked: str, requires: str) -> Found | None:
    """Return the environment's interpreter if it answers; None where it doesn't, or went away."""
    from blast_project.environment.layout import environment_interpreter, python_path
    from blast_project.python.discover import answers, is_path
    from blast_project.python.request import parse_request

    base = environment_interpreter(environment)
    if not base or (asked and is_path(asked)):
        return None
    try:
        interpreter = session.interpreters.get(base)
    except InterpreterError:
        return None
    wanted = parse_request(asked)
    if wanted.name or not answers(interpreter, wanted if asked else wanted._replace(variant=interpreter.variant)):
        return None
    if requires and not answers(interpreter, wanted._replace(specifier=requires, variant=interpreter.variant)):
        return None
    return Found(python_path(environment), interpreter.version, environment)
