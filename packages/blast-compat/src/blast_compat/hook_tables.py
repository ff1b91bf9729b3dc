"""Hooks, as ``[tool.blast.hooks]`` says them, checked where they stand.

    [tool.blast.hooks]
    post-sync = "npm ci"                                  # a command, or the name of a task
    post-sync = ["build-assets", {task = "warm", args = ["all"]}]
    post-sync = {cmd = "python gen.py", inputs = ["*.proto"], outputs = ["gen/*.py"]}

A hook is a task that nobody calls by name; what it may say is what a task may.
"""

from __future__ import annotations

from blast_compat.manifest_tables import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from blast_compat.task_tables import Task

__all__ = ["HOOKS", "check_hooks", "read_hooks"]

#: After what a hook may run.
HOOKS = ("post-sync",)
_OF_REFERENCES = ("task", "args", "env")


def check_hooks(table: object, keys: tuple[str, ...]) -> None:
    """Check every hook, on every platform.

    Raises:
        Fault: one is wrong, or there is no such hook.
    """
    from blast_compat.task_tables import PLATFORMS

    place = ".".join(keys)
    if not isinstance(table, dict):
        raise Fault(keys, f"{place} must be a table", reason=f"found {table!r}")
    for name in table:
        if name not in HOOKS:
            raise Fault((*keys, name), f"{place} has an unknown '{name}'", reason=f"there is {', '.join(HOOKS)}")
    for platform in ("", *PLATFORMS):
        read_hooks(table, platform, keys)


def read_hooks(
    table: Mapping[str, Any], platform: str = "", keys: tuple[str, ...] = ("tool", "blast", "hooks")
) -> dict[str, Task]:
    """Return what each hook runs.

    Args:
        table: ``[tool.blast.hooks]``.
        platform: as for `blast_compat.task_tables.read_tasks`.
        keys: the way to the table.

    Raises:
        Fault: one is wrong.
    """
    from blast_compat.task_tables import read_tasks

    return read_tasks({name: _as_task(value) for name, value in table.items()}, platform, keys)


def _as_task(value: object) -> object:
    """Return the table of the task that a hook stands for: of texts and references each is a part."""
    is_reference = isinstance(value, dict) and "task" in value and set(value) <= set(_OF_REFERENCES)
    return {"composite": value} if isinstance(value, str | list) or is_reference else value
