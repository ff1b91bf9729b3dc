"""``.python-version``: writing what a directory, a project or the user asks for."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import InterpreterError, InterpreterNotFound, UsageError
from blast_core.tuples import NamedTuple
from blast_project.python.version_files import (
    VERSION_NAME,
    VERSIONS_NAME,
    find_version_file,
    global_version_file,
    read_versions,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.session import Session

__all__ = ["Pin", "pin", "pinned", "unpin"]


class Pin(NamedTuple):
    """A request in a file.

    Attributes:
        path: of the file.
        request: what it says now; "" where it is gone.
        before: what it said before; "" where it was not there.
    """

    path: str
    request: str
    before: str = ""


def pinned(session: Session, *, everywhere: bool, project: bool = True) -> tuple[Pin, ...]:
    """Return what is asked for here, or with ``everywhere`` by the user; () where nothing is.

    Raises:
        UsageError: no file says anything.
    """
    path = global_version_file(session.settings.environ) if everywhere else _nearest(session, project=project)
    found = read_versions(path) if path else ()
    if not found:
        raise UsageError(
            f"no {VERSION_NAME} {'of the user' if everywhere else 'here'} says which Python is wanted",
            hint="'blast python pin 3.12' writes one",
        )
    return tuple(Pin(path, request) for request in found)


def pin(session: Session, request: str, *, everywhere: bool, resolved: bool, project: bool = True) -> Pin:
    """Write ``request`` into the version file of the project, the directory, or the user.

    Args:
        session: settings.
        request: see `blast_project.python.request`, or a path.
        everywhere: for all that says nothing else.
        resolved: write the path of the interpreter that answers.
        project: compare it with the requires-python of the project around.

    Raises:
        InterpreterNotFound: it is nonsense, or with ``resolved`` nothing answers.
        UsageError: it contradicts the project.
    """
    from blast_project.project import find_root, load_project
    from blast_project.python.discover import is_path
    from blast_project.python.request import parse_request

    session.settings = session.settings._replace(python="")
    if not is_path(request):
        parse_request(request)
    root = find_root(session.settings.directory) if project and not everywhere else None
    requires = (load_project(root, session.settings.home).manifest.requires_python or "") if root is not None else ""
    if requires:
        _check_against(session, request, requires)
    text = request
    try:
        found = session.find_interpreter(request, download=False)
    except InterpreterError:
        if resolved:
            raise
        found = None
        session.reporter.note(f"no interpreter answers to '{request}' yet; 'blast python install' gets one")
    if resolved and found is not None:
        text = found.executable
    path = global_version_file(session.settings.environ) if everywhere else _place(session, root)
    before = " ".join(read_versions(path))
    fs.make_directories(os.path.dirname(path))
    fs.replace_file(path, f"{text}\n".encode("utf-8", "surrogateescape"))
    return Pin(path, text, before)


def unpin(session: Session, *, everywhere: bool, project: bool = True) -> Pin:
    """Remove the version file.

    Raises:
        UsageError: there is none.
    """
    found = pinned(session, everywhere=everywhere, project=project)[0]
    fs.unlink(found.path)
    return Pin(found.path, "", found.request)


def _place(session: Session, root: str | None) -> str:
    """Return where a pin belongs: beside the manifest, or in the directory."""
    return os.path.join(root if root is not None else session.settings.directory, VERSION_NAME)


def _nearest(session: Session, *, project: bool) -> str:
    from blast_project.project import find_root

    root = find_root(session.settings.directory) if project else None
    if root is None:
        return find_version_file(session.settings.directory)
    places = (os.path.join(root, name) for name in (VERSION_NAME, VERSIONS_NAME))
    return next((path for path in places if os.path.isfile(path)), "")


def _check_against(session: Session, request: str, requires: str) -> None:
    """Refuse a request that no interpreter of the project can answer.

    Raises:
        UsageError: it contradicts requires-python.
    """
    from blast_core.version.specifiers import SpecifierSet
    from blast_project.python.discover import is_path
    from blast_project.python.request import parse_request

    if is_path(request):
        version = session.find_interpreter(request, download=False).version
        fits = SpecifierSet(requires).contains(version, prereleases=True)
    else:
        specifier = parse_request(request).specifier
        try:
            version = session.find_interpreter(request, requires, download=False).version
            fits = True
        except InterpreterNotFound:
            fits = not specifier or _overlap(specifier, requires)
    if not fits:
        raise UsageError(
            f"'{request}' does not satisfy the project",
            reason=f"requires-python is '{requires}'",
            hint="pin another, change requires-python, or give --no-project",
        )


def _overlap(specifier: str, requires: str) -> bool:
    """Tell whether some version of Python satisfies both, as far as minor versions and patch levels go."""
    from blast_core.version.specifiers import SpecifierSet

    one, other = SpecifierSet(specifier), SpecifierSet(requires)
    versions = [f"3.{minor}.{patch}" for minor in range(40) for patch in (*range(40), 99)]
    asked = specifier.removeprefix("==")
    if asked != specifier and not asked.endswith("*"):
        versions.append(asked)
    return any(one.contains(version) and other.contains(version) for version in versions)
