"""``.python-version`` and ``.python-versions``: which interpreter a directory, a project or a user asks for.

Of a project, only the files beside its manifest count, so that it is the same for everyone who has it. Elsewhere they
are looked for upwards. Where nothing else says anything, the user's own counts, which ``blast python pin --global``
writes.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "VERSIONS_NAME",
    "VERSION_NAME",
    "find_version_file",
    "global_version_file",
    "read_python_version_file",
    "read_version_file_above",
    "read_versions",
]

VERSION_NAME = ".python-version"
VERSIONS_NAME = ".python-versions"


def read_versions(path: str) -> tuple[str, ...]:
    """Return the requests in a file, one of each line that is neither empty nor a comment; () if there is none."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            lines = [line.strip() for line in file]
    except OSError:
        return ()
    return tuple(line for line in lines if line and not line.startswith("#"))


def read_python_version_file(directory: str) -> str:
    """Return the first request in ``.python-version`` of a directory, else in ``.python-versions``; "" without."""
    for name in (VERSION_NAME, VERSIONS_NAME):
        if found := read_versions(os.path.join(directory, name)):
            return found[0]
    return ""


def find_version_file(directory: str, name: str = "") -> str:
    """Return the nearest version file of that name, or of either, from ``directory`` upwards; "" without."""
    names = (name,) if name else (VERSION_NAME, VERSIONS_NAME)
    while True:
        for one in names:
            path = os.path.join(directory, one)
            if os.path.isfile(path):
                return path
        parent = os.path.dirname(directory)
        if parent == directory:
            return ""
        directory = parent


def read_version_file_above(directory: str, environ: Mapping[str, str]) -> str:
    """Return the request of the nearest version file, else the user's own; "" without any."""
    path = find_version_file(directory) or global_version_file(environ)
    return next(iter(read_versions(path)), "")


def global_version_file(environ: Mapping[str, str]) -> str:
    """Return where the user's own request stands: beside config.toml."""
    named = environ.get("BLAST_CONFIG_DIR", "")
    if named:
        return os.path.join(os.path.abspath(named), VERSION_NAME)
    if os.name == "nt":
        base = environ.get("APPDATA") or os.path.join(os.path.expanduser("~"), "AppData", "Roaming")
    else:
        base = environ.get("XDG_CONFIG_HOME", "")
        if not os.path.isabs(base):
            base = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    return os.path.join(base, "blast", VERSION_NAME)
