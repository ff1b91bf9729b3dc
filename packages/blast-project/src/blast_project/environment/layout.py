"""Where things lie in an environment.

.venv/
  pyvenv.cfg                a real virtual environment to every tool
  bin -> .blast/current/bin, lib, share … likewise
  .blast/current            -> generations/7; the rename of this one link switches everything
  .blast/generations/7/     a complete environment
  .blast/generations/7/.meta/   what it holds, which command made it, and the project's files of that moment
  .blast/state              what the hot path reads
"""

from __future__ import annotations

import os

__all__ = [
    "META",
    "blast_directory",
    "current_link",
    "environment_interpreter",
    "generations_directory",
    "is_virtual_environment",
    "python_path",
    "snapshot_file",
    "view_mark",
]

META = ".meta"
_SCRIPTS = "Scripts" if os.name == "nt" else "bin"
_PYTHON = "python.exe" if os.name == "nt" else "python"


def blast_directory(environment: str) -> str:
    """Return the directory that is Blast's own in an environment."""
    return os.path.join(environment, ".blast")


def generations_directory(environment: str) -> str:
    """Return the directory that holds the generations."""
    return os.path.join(environment, ".blast", "generations")


def current_link(environment: str) -> str:
    """Return the link to the current generation."""
    return os.path.join(environment, ".blast", "current")


def python_path(environment: str) -> str:
    """Return the environment's interpreter."""
    return os.path.join(environment, _SCRIPTS, _PYTHON)


def snapshot_file(name: str) -> str:
    """Return the name under which a file of the project is kept; that of a workspace's member lies in a directory."""
    return name.replace("%", "%25").replace("/", "%2F")


def environment_interpreter(environment: str) -> str:
    """Return the interpreter behind an environment, by the path that it was made with; empty where it went away."""
    path = python_path(environment)
    try:
        # An installation is linked by its minor version, so that a newer patch level reaches environments at once.
        target = os.readlink(path)
    except OSError:
        target = path
    found = target if os.path.isabs(target) else os.path.realpath(path)
    return found if os.path.isfile(found) else ""


def is_virtual_environment(path: str) -> bool:
    """Tell whether ``path`` is a virtual environment, of whatever tool."""
    return os.path.isfile(os.path.join(path, "pyvenv.cfg"))


def view_mark(path: str) -> str:
    """Return the file that tells a view of the store from an environment (`blast_project.no_env.views`)."""
    return os.path.join(path, ".blast", "view")
