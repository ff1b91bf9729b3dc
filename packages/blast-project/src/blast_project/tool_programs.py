"""The programs of a tool: which they are in its environment, and how they come to be on PATH.

Each is a link from the directory of programs into the environment, whose path stays while its generations change.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core import fs
from blast_core.errors import FileConflict
from blast_core.names import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["check_free", "find_programs", "link_programs", "programs_directory", "unlink_programs"]

_SUFFIX = ".exe" if os.name == "nt" else ""


def programs_directory(environ: Mapping[str, str]) -> str:
    """Return where programs are put: ``BLAST_TOOL_BIN_DIR``, or the user's own."""
    from blast_project.python.programs import bin_directory

    named = environ.get("BLAST_TOOL_BIN_DIR", "")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    return bin_directory({name: value for name, value in environ.items() if name != "BLAST_PYTHON_BIN_DIR"})


def find_programs(environment: str, site_packages: str, scripts: str, names: Iterable[str]) -> dict[str, list[str]]:
    """Return the paths of the programs that distributions brought, by normalised name of the distribution.

    Args:
        environment: absolute path.
        site_packages: below it.
        scripts: the directory of programs below it.
        names: normalised names of distributions.
    """
    from importlib.metadata import distributions

    site = os.path.join(environment, *site_packages.split("/"))
    place = os.path.join(environment, scripts)
    found: dict[str, list[str]] = {name: [] for name in names}
    for distribution in distributions(path=[site]):
        name = normalize_name(distribution.metadata["Name"] or "")
        if name not in found:
            continue
        paths = (os.path.normpath(os.path.join(site, str(file))) for file in distribution.files or ())
        found[name] = sorted(path for path in paths if os.path.dirname(path) == place and os.access(path, os.X_OK))
    return found


def check_free(programs: Sequence[str], directory: str, environment: str) -> None:
    """Check that nothing of anybody else's stands where programs are to be linked.

    Raises:
        FileConflict: something does; it is named.
    """
    taken = [
        path for path in (_link_of(program, directory) for program in programs) if not _may_replace(path, environment)
    ]
    if taken:
        names = ", ".join(os.path.basename(path) for path in taken)
        raise FileConflict(
            f"{directory} has programs of that name already: {names}",
            reason="another tool or another person put them there",
            hint="'--force' replaces them",
        )


def link_programs(programs: Sequence[str], directory: str) -> tuple[str, ...]:
    """Link programs into a directory, over whatever is there, and return the links' paths."""
    fs.make_directories(directory)
    made = []
    for program in programs:
        path = _link_of(program, directory)
        if os.name == "nt":
            if os.path.lexists(path):
                fs.unlink(path)
            fs.copy_file(program, path)
        else:
            fs.replace_symlink(path, program)
        made.append(path)
    return tuple(made)


def unlink_programs(paths: Iterable[str], environment: str) -> tuple[str, ...]:
    """Remove links that lead into an environment, and return those that were there."""
    removed = []
    for path in paths:
        if os.path.lexists(path) and _is_ours(path, environment):
            fs.unlink(path)
            removed.append(path)
    return tuple(removed)


def _link_of(program: str, directory: str) -> str:
    return os.path.join(directory, os.path.basename(program))


def _may_replace(path: str, environment: str) -> bool:
    return not os.path.lexists(path) or _is_ours(path, environment)


def _is_ours(path: str, environment: str) -> bool:
    if os.name == "nt":
        # Copies there: what has the name of one of the tool's programs was put there with it.
        return os.path.isfile(os.path.join(environment, "Scripts", os.path.basename(path)))
    try:
        return os.readlink(path).startswith(environment + os.sep)
    except OSError:
        return False
