"""The programs of a tool: which they are in its environment, and how they come to be on PATH.

Each is a link from the directory of programs into the environment, whose path stays while its generations change.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import FileConflict
from blast_core.names import normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["check_free", "find_links", "find_programs", "link_programs", "programs_directory", "unlink_programs"]


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


def check_free(programs: Sequence[str], directory: str, environment: str, recorded: Collection[str] = ()) -> None:
    """Check that nothing of anybody else's stands where programs are to be linked.

    Args:
        programs: absolute paths in the environment.
        directory: of the links.
        environment: absolute path.
        recorded: paths that the tool's receipt names: where programs are copies, nothing else tells whose they are.

    Raises:
        FileConflict: something does; it is named.
    """
    links = (_link_of(program, directory) for program in programs)
    taken = [path for path in links if os.path.lexists(path) and not _is_ours(path, environment, recorded)]
    if taken:
        raise _taken(taken, directory)


def link_programs(
    programs: Sequence[str],
    directory: str,
    environment: str,
    recorded: Collection[str] = (),
    *,
    force: bool = False,
) -> tuple[str, ...]:
    """Link programs into a directory and return the links' paths; all of them, or none that was not there before.

    Args:
        programs: absolute paths in the environment.
        directory: of the links.
        environment: absolute path.
        recorded: as for `check_free`.
        force: replace whatever is there.

    Raises:
        FileConflict: something of somebody else's came there meanwhile.
    """
    fs.make_directories(directory)
    made: list[str] = []
    try:
        for program in programs:
            path = _link_of(program, directory)
            is_new = not os.path.lexists(path)
            if is_new and not force:
                _put_new(program, path)
            else:
                if not force:
                    check_free([program], directory, environment, recorded)
                _put_over(program, path)
            if is_new:
                made.append(path)
    except BaseException:
        for path in made:
            fs.unlink(path)
        raise
    return tuple(_link_of(program, directory) for program in programs)


def find_links(directory: str, environment: str) -> tuple[str, ...]:
    """Return the links in a directory that lead into an environment, for a tool that has no receipt."""
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    paths = (os.path.join(directory, name) for name in names)
    return tuple(path for path in paths if _is_ours(path, environment, ()))


def unlink_programs(paths: Iterable[str], environment: str) -> tuple[str, ...]:
    """Remove what a tool's receipt names and is still the tool's, and return what was there."""
    recorded = tuple(paths)
    removed = []
    for path in recorded:
        if os.path.lexists(path) and _is_ours(path, environment, recorded):
            fs.unlink(path)
            removed.append(path)
    return tuple(removed)


def _put_new(program: str, path: str) -> None:
    try:
        if os.name == "nt":
            fs.copy_file(program, path)
        else:
            fs.symlink(program, path)
    except FileExistsError:
        raise _taken([path], os.path.dirname(path)) from None


def _put_over(program: str, path: str) -> None:
    if os.name != "nt":
        fs.replace_symlink(path, program)
        return
    if os.path.lexists(path):
        fs.unlink(path)
    fs.copy_file(program, path)


def _taken(paths: Sequence[str], directory: str) -> FileConflict:
    names = ", ".join(os.path.basename(path) for path in paths)
    return FileConflict(
        f"{directory} has programs of that name already: {names}",
        reason="another tool or another person put them there",
        hint="'--force' replaces them",
    )


def _link_of(program: str, directory: str) -> str:
    return os.path.join(directory, os.path.basename(program))


def _is_ours(path: str, environment: str, recorded: Collection[str]) -> bool:
    if os.name == "nt":
        # Copies there.
        return path in recorded and os.path.isfile(path)
    try:
        return os.readlink(path).startswith(environment + os.sep)
    except OSError:
        return False
