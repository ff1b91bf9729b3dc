"""Interpreters that Blast installed: where they are, what they say of themselves, and the links that lead to them.

pythons/cpython-3.12.1-linux-x86_64-gnu/             one installation, complete since its rename
pythons/cpython-3.12.1-linux-x86_64-gnu/.blast-python.json   which archive it is from
pythons/cpython-3.12-linux-x86_64-gnu -> …           the newest patch level; environments are made with it
pythons/.staging, .downloads                         what is unpacked and fetched
"""

from __future__ import annotations

import json
import os

from blast_core import fs
from blast_core.tuples import NamedTuple
from blast_project.python.builds import Build, matches, newest_first
from blast_project.python.discover import install_directory, minor_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_project.python.platform_of import Platform
    from blast_project.python.request import InterpreterRequest
    from blast_project.session import Session

__all__ = [
    "MARKER",
    "Installation",
    "chosen_installations",
    "executable_below",
    "find_installations",
    "installations_root",
    "list_installations",
    "program_names",
    "settle_minor_links",
    "write_marker",
]

MARKER = ".blast-python.json"
_FORMAT = 1
_FIELDS = ("implementation", "version", "variant", "system", "machine", "library", "filename", "sha256", "release")


class Installation(NamedTuple):
    """An interpreter that Blast installed.

    Attributes:
        path: its directory.
        build: what it is; ``url`` is empty.
    """

    path: str
    build: Build

    @property
    def key(self) -> str:
        """Its name."""
        return os.path.basename(self.path)

    @property
    def executable(self) -> str:
        """Its interpreter."""
        return executable_below(self.path, self.build)


def executable_below(path: str, build: Build) -> str:
    """Return the interpreter of an installation of ``build`` at ``path``."""
    if build.system == "windows":
        return os.path.join(path, "python.exe")
    minor = ".".join(build.version.split(".")[:2])
    ending = build.variant.replace("d", "") if build.implementation == "cpython" else ""
    for name in (f"python{minor}{ending}", "python3"):
        found = os.path.join(path, "bin", name)
        if os.path.exists(found):
            return found
    return os.path.join(path, "bin", "python3")


def installations_root(session: Session, directory: str = "") -> str:
    """Return where interpreters are installed; ``directory`` goes before the settings."""
    if directory:
        return os.path.abspath(os.path.join(session.settings.directory, os.path.expanduser(directory)))
    return install_directory(session.settings.environ, session.settings.home)


def list_installations(root: str) -> list[Installation]:
    """Return all installations below ``root``, the newest first."""
    found = []
    try:
        names = os.listdir(root)
    except OSError:
        return []
    for name in names:
        path = os.path.join(root, name)
        build = None if name.startswith(".") or os.path.islink(path) else _read_marker(path)
        if build is not None:
            found.append(Installation(path, build))
    by_build = {one.build: one for one in found}
    return [by_build[build] for build in newest_first(by_build)]


def find_installations(
    installed: Sequence[Installation], wanted: InterpreterRequest, platform: Platform
) -> list[Installation]:
    """Return the installations that answer to a request, the newest first."""
    return [one for one in installed if matches(one.build, wanted, (), platform)]


def chosen_installations(installed: Sequence[Installation], requests: Sequence[str]) -> list[Installation]:
    """Return the installations that answer to any of the requests, each once.

    Raises:
        InterpreterNotFound: none answers to one of them.
    """
    from blast_core.errors import InterpreterNotFound
    from blast_project.python.platform_of import this_platform
    from blast_project.python.request import parse_request

    chosen: dict[str, Installation] = {}
    for request in requests:
        found = find_installations(installed, parse_request(request), this_platform())
        if not found:
            raise InterpreterNotFound(
                f"no Python that answers to '{request}' was installed by Blast",
                reason=f"installed are {', '.join(one.key for one in installed) or 'none'}",
                hint="'blast python list --only-installed' shows what there is",
            )
        chosen.update({one.key: one for one in found})
    return list(chosen.values())


def write_marker(directory: str, build: Build) -> None:
    """Write into an unpacked installation what it is."""
    document = {"format": _FORMAT, **{name: getattr(build, name) for name in _FIELDS}}
    fs.write_file(os.path.join(directory, MARKER), json.dumps(document, indent=2).encode() + b"\n")


def _read_marker(path: str) -> Build | None:
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as file:
            document = json.load(file)
        if document["format"] != _FORMAT:
            return None
        fields = {name: str(document[name]) for name in _FIELDS}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Build(url="", **fields)


def settle_minor_links(root: str) -> Mapping[str, str]:
    """Make the link of each minor version lead to its newest patch level; return the keys by the names of the links."""
    newest: dict[str, str] = {}
    for one in list_installations(root):
        newest.setdefault(minor_key(one.key), one.key)
    if os.name == "nt":
        # A junction can't be replaced in one step, so environments are made with the patch level there.
        return {}
    for name in os.listdir(root) if os.path.isdir(root) else ():
        path = os.path.join(root, name)
        if os.path.islink(path) and name not in newest and _was_minor_link(name, os.readlink(path)):
            fs.unlink(path)
    for name, key in newest.items():
        path = os.path.join(root, name)
        if not os.path.islink(path) or os.readlink(path) != key:
            fs.replace_symlink(path, key)
    return newest


def _was_minor_link(name: str, target: str) -> bool:
    """Tell whether a link is one that was made here: others may keep interpreters in the same directory."""
    return os.sep not in target and target != name and minor_key(target) == name


def program_names(build: Build, *, default: bool) -> tuple[str, ...]:
    """Return what an interpreter is called in a directory of programs; with ``default`` the plain names, too."""
    minor = ".".join(build.version.split(".")[:2])
    if build.implementation != "cpython":
        names = (f"{build.implementation}{minor}",)
        return (*names, f"{build.implementation}3", build.implementation) if default else names
    names = (f"python{minor}{build.variant}",)
    return (*names, "python3", "python") if default else names
