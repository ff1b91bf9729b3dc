"""Checks of ``[tool.blast]`` that need no more than the table of settings, and those of tasks and variables.

The tables of settings are imported only where a manifest has settings.
"""

from __future__ import annotations

from blast_compat.manifest_tables import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["check_names", "check_settings"]

_KEYS = ("tool", "blast")


def check_names(table: Mapping[str, Any]) -> None:
    """Check that each key of ``[tool.blast]`` is a setting of projects.

    Raises:
        Fault: one is not.
    """
    if not table:
        return
    from blast_compat.settings_table import PROJECT, setting_fault

    for name in table:
        fault = setting_fault(name, PROJECT)
        if fault is not None:
            message, reason, hint = fault
            raise Fault((*_KEYS, name), f"tool.blast: {message}", reason=reason, hint=hint)


def check_settings(table: Mapping[str, Any]) -> None:
    """Check that each setting of ``[tool.blast]`` has a value of its kind.

    Raises:
        Fault: one has not.
    """
    if not table:
        return
    from blast_compat.settings_table import SETTINGS_BY_NAME, value_fault

    for name, value in table.items():
        wrong = value_fault(SETTINGS_BY_NAME[name], value)
        if wrong:
            raise Fault((*_KEYS, name), f"tool.blast.{name} is {value!r}", reason=wrong)
    if "tasks" in table:
        from blast_compat.task_tables import check_tasks

        check_tasks(table["tasks"], (*_KEYS, "tasks"))
    if "hooks" in table:
        from blast_compat.hook_tables import check_hooks

        check_hooks(table["hooks"], (*_KEYS, "hooks"))
    if "tools" in table:
        from blast_compat.tool_tables import check_tools

        check_tools(table["tools"], (*_KEYS, "tools"))
    if "envs" in table:
        from blast_compat.env_tables import check_environments

        check_environments(table["envs"], (*_KEYS, "envs"))
    if "env" in table or "env-file" in table:
        from blast_compat.variable_tables import check_env_files, check_variables

        check_variables(table.get("env", {}), (*_KEYS, "env"))
        check_env_files(table.get("env-file", []), (*_KEYS, "env-file"))
