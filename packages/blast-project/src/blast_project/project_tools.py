"""Tools that a project pins, ``[tool.blast.tools]``: each locked and in an environment of its own.

A tool is to the rest of Blast what a script with metadata is: a project in the store. Its lock stands in the project,
``blast.tools/NAME.blast.lock``, for version control, so that everyone runs the same version of it with the same
versions of what it needs, none of which the project's own requirements see.
"""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_compat.tool_tables import ToolTable
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.scripts import Script
    from blast_project.session import Session
    from blast_project.settings import Settings

__all__ = [
    "DIRECTORY",
    "LockedTool",
    "environment_of_tool",
    "find_project_tool",
    "lock_project_tools",
    "prepare_project_tool",
]

#: Where the locks of tools are, below the project.
DIRECTORY = "blast.tools"
# What the project says of indexes and of which files count is true for its tools.
_SHARED = (
    "exclude-newer",
    "exclude-newer-package",
    "index",
    "index-strategy",
    "keyring-provider",
    "prerelease",
    "prerelease-package",
    "no-build",
    "no-build-package",
    "no-binary",
    "no-binary-package",
    "targets",
)


class LockedTool(NamedTuple):
    """A tool and what locking it came to."""

    name: str
    result: LockResult


def find_project_tool(settings: Settings, command: str) -> tuple[Project, ToolTable] | None:
    """Return the project around the directory and its tool of a name; None where there is none."""
    from blast_project.project import find_root, load_project

    if find_root(settings.directory, settings.home) is None:
        return None
    project = load_project(settings.directory, settings.home)
    tool = _tools(project).get(command)
    return (project, tool) if tool is not None else None


def environment_of_tool(session: Session, project: Project, environment: str, command: str) -> str:
    """Return the environment of a project's tool that a command names; "" if it names none.

    A program of the project's own ``environment`` goes before one.

    Raises:
        NoSolution, IndexAccessError, IntegrityError, InstallError: as a sync.
    """
    from blast_core.errors import UsageError
    from blast_project.environment.generations import current_number
    from blast_project.environment.leases import hold_generation
    from blast_project.running import command_line

    tool = _tools(project).get(command)
    if tool is None:
        return ""
    try:
        command_line(environment, [command], "")
    except UsageError:
        found = prepare_project_tool(session, project, tool)
        hold_generation(found, current_number(found))
        return found
    return ""


def prepare_project_tool(session: Session, project: Project, tool: ToolTable) -> str:
    """Lock a tool if it is not, make its environment what the lock says, and return that environment's path.

    Raises:
        NoSolution, IndexAccessError, IntegrityError, InstallError: as a sync.
    """
    from blast_core import fs
    from blast_project.starting import RunOptions, prepare_environment

    script = _open(session.settings, project, tool)
    environment = prepare_environment(session, RunOptions((tool.command,), script=script))
    if not script.is_locked:
        fs.make_directories(os.path.dirname(script.lock))
        script.settle(publish=True)
    return environment


def lock_project_tools(session: Session, project: Project, *, upgrade: bool, check: bool) -> list[LockedTool]:
    """Lock every tool of a project, each by itself.

    Raises:
        NoSolution, StaleLock: as locking a project; the tools before it are locked.
    """
    from blast_core import fs
    from blast_project.lock_files import publish_lock
    from blast_project.operations import lock_here
    from blast_project.project import load_project

    found = []
    before = session.settings
    for tool in _tools(project).values():
        script = _open(before, project, tool)
        session.settings = script.settings
        try:
            own = load_project(script.root, before.home)
            result = lock_here(session, own, upgrade=upgrade, check=check, publish=publish_lock)
        finally:
            session.settings = before
        if not check:
            fs.make_directories(os.path.dirname(script.lock))
            script.settle(publish=True)
        found.append(LockedTool(tool.command, result))
    return found


def _tools(project: Project) -> Mapping[str, ToolTable]:
    table = project.manifest.tool.get("tools")
    if not table:
        return {}
    from blast_compat.tool_tables import read_tools

    return read_tools(table)


def _open(settings: Settings, project: Project, tool: ToolTable) -> Script:
    from blast_project.scripts import open_script

    chosen = settings._replace(python=tool.python) if tool.python else settings
    return open_script(chosen, os.path.join(project.root, DIRECTORY, tool.command), _metadata(project, tool))


def _metadata(project: Project, tool: ToolTable) -> str:
    """Return a script that has what the tool needs as its metadata."""
    import tomlkit

    document: dict[str, object] = {"dependencies": [tool.requirement, *tool.more]}
    if project.manifest.requires_python and not tool.python:
        document["requires-python"] = project.manifest.requires_python
    shared = {key: project.manifest.tool[key] for key in _SHARED if key in project.manifest.tool}
    if shared:
        document["tool"] = {"blast": shared}
    lines = tomlkit.dumps(document).splitlines()
    return "\n".join(["# /// script", *(f"# {line}".rstrip() for line in lines), "# ///", ""])
