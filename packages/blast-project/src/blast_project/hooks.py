"""What a project wants done after its environment changed: ``[tool.blast.hooks] post-sync``.

A hook runs after the switch, in the new environment, with its variables, as a task does. It runs once for a generation
and a text of the hooks: what is done is remembered in the environment, ``.blast/hooks``. Where it fails, the
environment stays, the command fails, and the next sync runs it again. Until it is done, and once after that, the
hot path has nothing to go by.

A command that a hook runs may be Blast: it runs no hooks.
"""

from __future__ import annotations

import os

from blast_core.errors import ProjectError
from blast_core.tuples import NamedTuple
from blast_project.project import MANIFEST_NAME, SETTINGS_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blast_project.project import Project
    from blast_project.selection import GroupSelection
    from blast_project.session import Session

__all__ = ["RUNNING_VARIABLE", "HookRun", "has_run_hooks", "must_succeed", "run_hooks"]

#: Set for what a hook runs.
RUNNING_VARIABLE = "BLAST_RUNNING_HOOK"
_HOOK = "post-sync"


class HookRun(NamedTuple):
    """What became of the hooks.

    Attributes:
        status: the exit status of the first that failed; 0 where none did.
        steps: of each task or command its ``task``, ``state`` and ``status``.
    """

    status: int = 0
    steps: tuple[Mapping[str, object], ...] = ()

    @property
    def line(self) -> str:
        """A line about a failure; "" where there was none."""
        if not self.status:
            return ""
        what = f"the hook {_HOOK} failed with status {self.status}"
        return f"{what}; the environment stays, and the next sync runs it again"


def run_hooks(
    session: Session,
    environment: str,
    selection: GroupSelection,
    say: Callable[[str], None],
    begin: Callable[[], None] | None = None,
) -> HookRun:
    """Run the hooks of the project around the directory, unless they have run for this generation of the environment.

    What they print goes to standard error.

    Args:
        session: services; nothing of it is used afterwards that may not be opened again.
        environment: that was synced.
        selection: what of the project was; for a part of it, without the project, no hooks run, nor for what is
            meant for another platform.
        say: told which step runs.
        begin: called before the first one does.

    Raises:
        InvalidManifest: the manifest is wrong.
        UsageError: there is no such task or command.
    """
    from blast_project.project import find_root, load_project

    settings = session.settings
    root = find_root(settings.directory, settings.home)
    if RUNNING_VARIABLE in settings.environ or root is None or not _mentions_hooks(root):
        return HookRun()
    if selection.left_out or selection.only_groups or settings.wishes.platform:
        return HookRun()
    project = load_project(settings.directory, settings.home)
    table = project.manifest.tool.get("hooks", {})
    if _HOOK not in table:
        return HookRun()
    from blast_project.environment.generations import current_number

    memory = os.path.join(environment, ".blast", "hooks")
    wanted = _memory_of(project, current_number(environment))
    if _read(memory) == wanted:
        return HookRun()
    # Whatever happens from here on, the next sync has to look.
    _forget(os.path.join(environment, ".blast", "state"))
    if not settings.hooks:
        return HookRun()
    _forget(memory)
    if begin is not None:
        begin()
    status, steps = _run(session, project, environment, say)
    if not status:
        from blast_core import fs

        fs.replace_file(memory, wanted, durable=False)
    return HookRun(status, tuple(steps))


def must_succeed(done: HookRun) -> None:
    """Refuse to go on with what depends on hooks.

    Raises:
        ProjectError: one failed.
    """
    if done.status:
        raise ProjectError(
            f"the hook {_HOOK} failed with status {done.status}",
            reason="the environment is synced, and its project wants this done before it is used",
            hint="the next command runs it again; '--no-hooks' leaves it out",
        )


def has_run_hooks(environment: str) -> bool:
    """Tell whether hooks have run in some generation of an environment."""
    return os.path.exists(os.path.join(environment, ".blast", "hooks"))


def _mentions_hooks(root: str) -> bool:
    """Tell whether the settings may have hooks: mostly they have not, which is known without parsing them."""
    return any(b"hooks" in _read(os.path.join(root, name)) for name in (MANIFEST_NAME, SETTINGS_NAME))


def _memory_of(project: Project, number: int | None) -> bytes:
    from blake3 import blake3

    tool = project.manifest.tool
    said = repr((tool.get("hooks"), tool.get("tasks"), number or 0)).encode("utf-8", "surrogateescape")
    return blake3(said).hexdigest().encode()


def _run(
    session: Session, project: Project, environment: str, say: Callable[[str], None]
) -> tuple[int, list[dict[str, object]]]:
    import sys

    from blast_compat.hook_tables import read_hooks
    from blast_project.environment.layout import python_path
    from blast_project.tasks.finding import open_book, this_platform
    from blast_project.tasks.planning import make_plan
    from blast_project.tasks.starting import TaskOptions, run_tasks, task_environ

    # A hook belongs to the whole project, wherever in it the command was called.
    book = open_book(project._replace(member=""))
    task = read_hooks(project.manifest.tool["hooks"], this_platform())[_HOOK]
    variables = {**task_environ(session, environment), RUNNING_VARIABLE: _HOOK}
    plan = make_plan(book, [(book.members[0], task)], (), variables, python_path(environment))
    session.close()
    # Standard output is the command's own: `run` becomes a program whose output others read.
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        return run_tasks(environment, plan, TaskOptions(), say, None)
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
        os.close(own)


def _forget(path: str) -> None:
    from blast_core import fs

    try:
        fs.unlink(path)
    except OSError:
        # It is not there.
        return


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
