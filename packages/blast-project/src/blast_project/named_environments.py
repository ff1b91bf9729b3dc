"""Named environments: further views of a project's lock, and environments that belong to no project.

Those of a project lie in ``.blast/envs`` beside its manifest and are made from the one lock, each with groups, extras,
packages and an interpreter of its own. Those of no project, for trying things, lie below ``BLAST_HOME``. Each has its
own generations; going back in one changes neither manifest nor lock.
"""

from __future__ import annotations

import os
import sys

from blast_core import fs
from blast_core.errors import PathEscape, UsageError
from blast_core.tuples import NamedTuple
from blast_project.selection import GroupSelection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_compat.env_tables import EnvironmentTable
    from blast_project.project import Project
    from blast_project.settings import Settings

__all__ = [
    "NamedEnvironment",
    "check_place",
    "environments_directory",
    "find_named",
    "list_named",
    "prepare_place",
    "project_environments",
    "scratch_directory",
    "scratch_path",
    "settings_for",
]

_PLATFORM = {"darwin": "macos", "win32": "windows", "cygwin": "windows"}.get(sys.platform, "linux")
_DIRECTORY = os.path.join(".blast", "envs")


class NamedEnvironment(NamedTuple):
    """An environment with a name.

    Attributes:
        name: as it is asked for.
        family: what several of one matrix have in common.
        path: absolute.
        python: the interpreter asked for; "" for the project's own, or any.
        selection: what of the project it holds.
        root: of the project; "" for an environment of none.
        is_for_here: whether it is made on this platform.
    """

    name: str
    family: str
    path: str
    python: str = ""
    selection: GroupSelection = GroupSelection()
    root: str = ""
    is_for_here: bool = True


def environments_directory(root: str) -> str:
    """Return where a project's named environments are."""
    return os.path.join(root, _DIRECTORY)


def scratch_directory(settings: Settings) -> str:
    """Return where the environments of no project are."""
    return os.path.join(settings.home, "named")


def scratch_path(settings: Settings, name: str) -> str:
    """Return the path of an environment of no project.

    Raises:
        UsageError: it can't have that name.
    """
    if not name or name[0] in ".-" or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise UsageError(f"'{name}' can't be the name of an environment", hint="use letters, digits, '-', '_' and '.'")
    return os.path.join(scratch_directory(settings), name)


def project_environments(project: Project) -> tuple[NamedEnvironment, ...]:
    """Return the named environments that a manifest declares, each combination of a matrix by itself."""
    table = project.manifest.tool.get("envs", {})
    if not table:
        return ()
    from blast_compat.env_tables import read_environments

    directory = environments_directory(project.root)
    return tuple(_of_table(row, project.root, directory) for row in read_environments(table))


def find_named(settings: Settings, name: str) -> tuple[NamedEnvironment, ...]:
    """Return the environment of a name, of the project around or of none; all of a matrix by their common name.

    Raises:
        UsageError: there is none.
        InvalidManifest: the project's manifest is wrong.
    """
    from blast_project.project import find_root, load_project

    declared: tuple[NamedEnvironment, ...] = ()
    if find_root(settings.directory, settings.home) is not None:
        declared = project_environments(load_project(settings.directory, settings.home))
    found = tuple(row for row in declared if row.name == name) or tuple(row for row in declared if row.family == name)
    if found:
        return found
    path = scratch_path(settings, name)
    if os.path.isfile(os.path.join(path, "pyvenv.cfg")):
        return (NamedEnvironment(name, name, path),)
    known = [row.name for row in (*declared, *_scratch(settings))]
    raise UsageError(
        f"there is no environment '{name}'",
        reason=f"there are {', '.join(known)}" if known else "none has a name",
        hint=f"[tool.blast.envs.{name}] declares one, 'blast venv --name {name}' makes one of no project",
    )


def list_named(settings: Settings) -> tuple[NamedEnvironment, ...]:
    """Return the environments of the project around, then those of no project."""
    from blast_project.project import find_root, load_project

    declared: tuple[NamedEnvironment, ...] = ()
    if find_root(settings.directory, settings.home) is not None:
        declared = project_environments(load_project(settings.directory, settings.home))
    return (*declared, *_scratch(settings))


def settings_for(settings: Settings, environment: NamedEnvironment) -> Settings:
    """Return the settings of a command that works on a named environment."""
    python = settings.python if settings.python != settings.environ.get("BLAST_PYTHON", "") else ""
    return settings._replace(
        environment=environment.path, python=python or environment.python or settings.python, is_named=True
    )


def check_place(environment: NamedEnvironment) -> None:
    """Check that a project's named environment lies in the project: a checkout may bring links that lead elsewhere.

    Raises:
        PathEscape: it does not.
    """
    if not environment.root:
        return
    for directory in (os.path.join(environment.root, ".blast"), environments_directory(environment.root)):
        if os.path.islink(directory):
            raise PathEscape(
                f"{directory} is a symbolic link",
                reason="the environments of a project are made in it, and are not looked for elsewhere",
                hint="remove the link",
            )


def prepare_place(environment: NamedEnvironment) -> None:
    """Make the directory that a project's named environment goes to, which no version control shall see.

    Raises:
        PathEscape: it would be outside of the project.
    """
    if not environment.root:
        return
    check_place(environment)
    top = os.path.join(environment.root, ".blast")
    fs.make_directories(os.path.dirname(environment.path))
    ignored = os.path.join(top, ".gitignore")
    if not os.path.lexists(ignored):
        fs.replace_file(ignored, b"*\n", durable=False)


def _scratch(settings: Settings) -> list[NamedEnvironment]:
    directory = scratch_directory(settings)
    names: Sequence[str] = sorted(os.listdir(directory)) if os.path.isdir(directory) else ()
    paths = [(name, os.path.join(directory, name)) for name in names]
    return [NamedEnvironment(name, name, path) for name, path in paths if os.path.isfile(f"{path}/pyvenv.cfg")]


def _of_table(row: EnvironmentTable, root: str, directory: str) -> NamedEnvironment:
    from blast_core.names import normalize_name

    selection = GroupSelection(
        groups=row.groups,
        no_groups=row.no_groups,
        all_groups=row.all_groups,
        no_dev=row.no_dev,
        no_defaults=row.no_default_groups,
        only_groups=row.only_groups,
        extras=row.extras,
        all_extras=row.all_extras,
        members=tuple(normalize_name(name) for name in row.packages),
    )
    is_for_here = not row.platforms or _PLATFORM in row.platforms
    return NamedEnvironment(
        row.name, row.family, os.path.join(directory, row.name), row.python, selection, root, is_for_here
    )
