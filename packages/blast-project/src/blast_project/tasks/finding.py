"""Which tasks there are: those of the project around a directory, and of the members of its workspace."""

from __future__ import annotations

import os
import sys

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_compat.task_tables import Task
    from blast_project.project import Project

__all__ = ["TaskBook", "TaskPlace", "open_book", "task_names", "this_platform"]


class TaskPlace(NamedTuple):
    """A manifest that has tasks.

    Attributes:
        directory: absolute path, in which its tasks run.
        package: name of the member; "" for the root.
        tool: the table ``[tool.blast]``.
        tasks: by name.
    """

    directory: str
    package: str
    tool: Mapping[str, object]
    tasks: Mapping[str, Task]

    def find(self, name: str) -> Task | None:
        """Return the task of that name or alias; None if there is none."""
        if name in self.tasks:
            return self.tasks[name]
        return next((task for task in self.tasks.values() if name in task.aliases), None)


class TaskBook(NamedTuple):
    """The tasks of a project.

    Attributes:
        here: manifests that count where the command was called, the nearest first.
        members: of the whole workspace, the root first.
    """

    here: tuple[TaskPlace, ...]
    members: tuple[TaskPlace, ...]

    def find(self, name: str, place: TaskPlace | None = None) -> tuple[TaskPlace, Task] | None:
        """Return a task and where it stands; None if there is none.

        Args:
            name: of the task, or an alias; ``member:name`` for one of another member.
            place: looked at before the root.
        """
        places = self.here if place is None else (place, self.members[0])
        for one in places:
            task = one.find(name)
            if task is not None:
                return one, task
        package, _, rest = name.partition(":")
        for one in self.members:
            task = one.find(rest) if rest and one.package == package else None
            if task is not None:
                return one, task
        return None

    def get(self, name: str, place: TaskPlace | None = None) -> tuple[TaskPlace, Task]:
        """Return a task and where it stands.

        Raises:
            UsageError: there is none of that name.
        """
        found = self.find(name, place)
        if found is not None:
            return found
        from difflib import get_close_matches

        known = [task.name for one in self.here for task in one.tasks.values() if not task.hidden]
        close = get_close_matches(name, known, n=1)
        raise UsageError(
            f"there is no task '{name}'",
            reason=f"the tasks are {', '.join(dict.fromkeys(known))}" if known else "[tool.blast.tasks] has none",
            hint=f"did you mean '{close[0]}'?" if close else "'blast task --list' lists them",
        )


def this_platform() -> str:
    """Return the platform whose variants of tasks count here."""
    return {"win32": "windows", "darwin": "macos", "linux": "linux"}.get(sys.platform, "unix")


def open_book(project: Project, platform: str = "") -> TaskBook:
    """Return the tasks of a project as they are on a platform, this one by default."""
    platform = platform or this_platform()
    root = _place(project.root, "", project.manifest.tool, platform)
    if project.workspace is None:
        return TaskBook((root,), (root,))
    members = [
        _place(os.path.join(project.root, member.path), member.name, member.manifest.tool, platform)
        for member in project.workspace.members
    ]
    mine = [place for place in members if project.member and place.directory == _member_directory(project)]
    return TaskBook((*mine, root), (root, *members))


def task_names(directory: str, home: str) -> list[tuple[str, str]]:
    """Return name and help of each task that is listed around a directory; nothing outside of projects.

    Cost: a manifest that was read before is not parsed again.

    Raises:
        InvalidManifest: the manifest is wrong.
    """
    from blast_project.project import find_root, load_project

    if find_root(directory) is None:
        return []
    project = load_project(directory, home)
    rows: dict[str, str] = {}
    for place in open_book(project).here:
        for task in place.tasks.values():
            if not task.hidden:
                rows.setdefault(task.name, task.help)
    return list(rows.items())


def _member_directory(project: Project) -> str:
    return os.path.join(project.root, project.member)


def _place(directory: str, package: str, tool: Mapping[str, object], platform: str) -> TaskPlace:
    table = tool.get("tasks")
    if not isinstance(table, dict):
        return TaskPlace(directory, package, tool, {})
    from blast_compat.task_tables import read_tasks

    return TaskPlace(directory, package, tool, read_tasks(table, platform))
