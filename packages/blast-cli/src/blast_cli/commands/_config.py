"""What the commands of ``blast config`` share."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_cli.outcome import Context
    from blast_project.configuration import SettingValue
    from blast_project.project import Project

__all__ = ["project_around", "shown", "sources_of", "value_document"]


def project_around(context: Context) -> Project | None:
    """Return the project around the directory; None where there is none."""
    from blast_project.project import find_root, load_project

    if find_root(context.settings.directory) is None:
        return None
    return load_project(context.settings.directory, context.settings.home)


def sources_of(context: Context) -> list[SettingValue]:
    """Return every setting with its value and where that comes from."""
    from blast_project.configuration import setting_values
    from blast_project.hot_key import config_paths

    environ = context.settings.environ
    own = {name: value for name, value in environ.items() if context.settings.configured.get(name) != value}
    return setting_values(project_around(context), config_paths(environ), {**own, **_which(context)})


def _which(context: Context) -> dict[str, str]:
    """Return which file was named: it has to be there."""
    named = context.settings.environ.get("BLAST_CONFIG_FILE", "")
    return {"BLAST_CONFIG_FILE": named} if named else {}


def shown(value: object) -> str:
    """Return a value as a person reads it, as TOML would have it."""
    import json

    return json.dumps(value, ensure_ascii=False, default=str)


def value_document(row: SettingValue) -> dict[str, object]:
    """Return a setting as JSON."""
    setting = row.setting
    value = row.value
    return {
        "name": setting.name,
        "value": value if isinstance(value, str | int | float | bool | list | dict) or value is None else str(value),
        "origin": row.origin.replace(os.sep, "/") if row.origin else "default",
        "default": setting.default,
        "scope": setting.scope,
        "variable": setting.variable,
        "option": setting.option,
    }
