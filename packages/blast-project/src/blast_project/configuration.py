"""Configuration files of the machine and of the user, and where each setting's value comes from.

What a ``config.toml`` says stands for the variable of its setting: it is the default of the option, goes before what a
project says, and the environment's own variable goes before it.
"""

from __future__ import annotations

import os

from blast_compat.settings_table import PROJECT, SETTINGS, SETTINGS_BY_NAME, USER, Setting, setting_fault, value_fault
from blast_compat.toml_lines import find_line
from blast_core.errors import InvalidManifest, UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from blast_project.project import Project

__all__ = ["SettingValue", "find_setting", "read_configuration", "set_value", "setting_values"]


class SettingValue(NamedTuple):
    """What a setting is, and why.

    Attributes:
        setting: which.
        value: None where nobody says anything.
        origin: a file with its line, a variable, or "" for the default.
    """

    setting: Setting
    value: object = None
    origin: str = ""


def read_configuration(paths: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that configuration files stand for, a later file before an earlier one.

    Args:
        paths: of files that may be there.
        environ: a file that ``BLAST_CONFIG_FILE`` names has to be there.

    Raises:
        InvalidManifest: a file can't be read, is not TOML, or says what can't be said there.
        UsageError: the file that was named is not there.
    """
    named = bool(environ.get("BLAST_CONFIG_FILE"))
    found: dict[str, str] = {}
    for path in paths:
        table = _read_file(path, named=named)
        found.update({SETTINGS_BY_NAME[name].variable: _as_text(value, path) for name, value in table[0].items()})
    return found


def setting_values(project: Project | None, paths: Sequence[str], environ: Mapping[str, str]) -> list[SettingValue]:
    """Return every setting with its value and where that comes from, in the order of the table.

    Args:
        project: around the directory; None where there is none.
        paths: of configuration files, the weightier last.
        environ: the process's own variables.

    Raises:
        InvalidManifest, UsageError: as `read_configuration`.
    """
    values = {setting.name: SettingValue(setting) for setting in SETTINGS}

    def say(table: Mapping[str, Any], text: str, path: str, prefix: tuple[str, ...] = ()) -> None:
        for name, value in table.items():
            line = find_line(text, (*prefix, name))
            values[name] = SettingValue(SETTINGS_BY_NAME[name], value, f"{path}:{line}" if line else path)

    for path, text, table, prefix in _project_files(project):
        say(table, text, path, prefix)
    for path in paths:
        table, text = _read_file(path, named=bool(environ.get("BLAST_CONFIG_FILE")))
        say(table, text, path)
    for setting in SETTINGS:
        if setting.variable and setting.variable in environ:
            values[setting.name] = SettingValue(setting, environ[setting.variable], setting.variable)
    return list(values.values())


def find_setting(name: str) -> Setting:
    """Return the setting of that name.

    Raises:
        UsageError: there is none.
    """
    setting = SETTINGS_BY_NAME.get(name)
    if setting is None:
        message, reason, hint = setting_fault(name, PROJECT) or ("", "", "")
        raise UsageError(message, reason=reason, hint=hint)
    return setting


def set_value(text: str, setting: Setting, words: Sequence[str], scope: str, *, is_manifest: bool) -> str:
    """Return the text of a file with a setting written into it, comments and order kept; without words it is taken out.

    Args:
        text: of a config.toml, a blast.toml or a pyproject.toml.
        setting: which.
        words: as they are typed; several for an array of texts.
        scope: of the file, ``user`` or ``project``.
        is_manifest: it is a pyproject.toml, where settings stand in ``[tool.blast]``.

    Raises:
        UsageError: the setting can't be this value, or can't stand there.
        InvalidManifest: the text is not TOML, or can't be edited without damage.
    """
    from blast_compat.manifest_edit import set_setting

    fault = setting_fault(setting.name, scope)
    if fault is not None:
        raise UsageError(fault[0], reason=fault[1], hint=fault[2])
    keys = ("tool", "blast", setting.name) if is_manifest else (setting.name,)
    return set_setting(text, keys, _typed(setting, words) if words else None)


def _typed(setting: Setting, words: Sequence[str]) -> object:
    """Return the value that words on a command line mean for a setting."""
    if setting.kind in {"table", "tables", "array"}:
        raise UsageError(
            f"'{setting.name}' is a table", reason="a command line has no words for it", hint="edit the file"
        )
    if setting.kind == "texts":
        return list(words)
    if len(words) > 1:
        raise UsageError(f"'{setting.name}' is one value", reason=f"found {len(words)} words")
    word = words[0]
    value: object = word
    if setting.kind == "switch" or (setting.kind == "any" and word in {"true", "false"}):
        switches = {"true": True, "1": True, "on": True, "yes": True, "false": False, "0": False, "off": False}
        value = {**switches, "no": False}.get(word.lower(), word)
    elif setting.kind == "number":
        value = int(word) if word.isdecimal() else _number(word)
    wrong = value_fault(setting, value)
    if wrong:
        raise UsageError(f"'{setting.name}' can't be '{word}'", reason=wrong)
    return value


def _number(word: str) -> object:
    try:
        return float(word)
    except ValueError:
        return word


def _read_file(path: str, *, named: bool) -> tuple[dict[str, Any], str]:
    """Return what a configuration file says, checked, and its text; nothing where it is not there."""
    from blast_compat.pyproject import parse_toml

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError as error:
        if not named:
            return {}, ""
        raise UsageError(f"{path} is not there", hint="--config-file or BLAST_CONFIG_FILE names it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{path} can't be read", reason=str(error), file=path) from error
    table = parse_toml(text, path)
    for name, value in table.items():
        fault = setting_fault(name, USER)
        if fault is None and (wrong := value_fault(SETTINGS_BY_NAME[name], value)):
            fault = (f"{name} is {value!r}", wrong, "")
        if fault is not None:
            line = find_line(text, (name,))
            message, reason, hint = fault
            place = f"{path}:{line}" if line else path
            raise InvalidManifest(f"{place}: {message}", reason=reason, hint=hint, file=path, line=line, field=name)
    return table, text


def _project_files(project: Project | None) -> Iterable[tuple[str, str, Mapping[str, Any], tuple[str, ...]]]:
    """Yield the path, the text, the settings and the way to them of a project's files, the weightier last."""
    if project is None:
        return
    from blast_compat.pyproject import parse_toml
    from blast_project.project import SETTINGS_NAME

    text = project.source.decode("utf-8")
    path = project.manifest.path
    yield path, text, parse_toml(text, path).get("tool", {}).get("blast", {}), ("tool", "blast")
    beside = os.path.join(project.root, SETTINGS_NAME)
    if os.path.exists(beside):
        with open(beside, encoding="utf-8") as file:
            text = file.read()
        yield beside, text, parse_toml(text, beside), ()


def _as_text(value: object, path: str) -> str:
    """Return a value as its variable would hold it; paths are relative to the file."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, str) and value.startswith(("./", "../")):
        return os.path.normpath(os.path.join(os.path.dirname(path), value))
    return str(value)
