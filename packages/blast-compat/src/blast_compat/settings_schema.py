"""JSON Schemas of the settings, made from their table, for editors that complete and check TOML."""

from __future__ import annotations

from blast_compat.settings_table import BOTH, SETTINGS, USER, Setting
from blast_compat.task_tables import ARGUMENT_TYPES, PLATFORMS

__all__ = ["settings_schema"]

_TEXT: dict[str, object] = {"type": "string"}
_TEXTS: dict[str, object] = {"type": "array", "items": _TEXT}
_SWITCH: dict[str, object] = {"type": "boolean"}
_KINDS: dict[str, dict[str, object]] = {
    "switch": _SWITCH,
    "text": _TEXT,
    "path": _TEXT,
    "choice": _TEXT,
    "number": {"type": "number"},
    "texts": _TEXTS,
    "table": {"type": "object"},
    "tables": {"type": "array", "items": {"type": "object"}},
    "array": {"type": "array"},
    "any": {},
}


def settings_schema(scope: str) -> dict[str, object]:
    """Return the schema of a file of settings.

    Args:
        scope: ``user`` for config.toml, ``project`` for blast.toml and ``[tool.blast]``.

    Spec: JSON Schema draft-07, which the editors' TOML servers read.
    """
    title = "config.toml of Blast" if scope == USER else "blast.toml, or [tool.blast] of pyproject.toml"
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "properties": {
            setting.name: _setting_schema(setting) for setting in SETTINGS if setting.scope in {BOTH, scope}
        },
    }


def _setting_schema(setting: Setting) -> dict[str, object]:
    own = {"tasks": _tasks, "env": _variables, "env-file": _files}.get(setting.name)
    schema = {"description": setting.help, **(own() if own is not None else _KINDS[setting.kind])}
    if setting.choices:
        schema["enum"] = list(setting.choices)
    return schema


def _variables() -> dict[str, object]:
    value: dict[str, object] = {"type": ["string", "number", "boolean"]}
    table: dict[str, object] = {
        "type": "object",
        "properties": {"value": value, "force": _SWITCH},
        "required": ["value"],
        "additionalProperties": False,
    }
    return {"type": "object", "additionalProperties": {"anyOf": [value, table]}}


def _files() -> dict[str, object]:
    return {"anyOf": [_TEXT, _TEXTS]}


def _tasks() -> dict[str, object]:
    command: dict[str, object] = {"anyOf": [_TEXT, _TEXTS]}
    task = _task()
    variants = {name: {"anyOf": [_TEXT, _TEXTS, task]} for name in PLATFORMS}
    properties = task["properties"]
    assert isinstance(properties, dict)
    whole = {**task, "properties": {**properties, "platform": {"type": "object", "properties": variants}}}
    return {"type": "object", "additionalProperties": {"anyOf": [*command["anyOf"], whole]}}  # type: ignore[misc]


def _task() -> dict[str, object]:
    reference = {
        "anyOf": [
            _TEXT,
            {
                "type": "object",
                "properties": {"task": _TEXT, "args": {"type": "array"}, "env": _variables()},
                "required": ["task"],
                "additionalProperties": False,
            },
        ]
    }
    references = {"anyOf": [*reference["anyOf"], {"type": "array", "items": reference}]}
    argument = {
        "type": "object",
        "properties": {
            "name": _TEXT,
            "type": {"enum": list(ARGUMENT_TYPES)},
            "default": {},
            "choices": {"type": "array"},
            "help": _TEXT,
            "option": _SWITCH,
            "many": _SWITCH,
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    properties: dict[str, object] = {
        "cmd": {"anyOf": [_TEXT, _TEXTS]},
        "shell": _TEXT,
        "call": _TEXT,
        "composite": references,
        "help": _TEXT,
        "cwd": _TEXT,
        "parallel": _SWITCH,
        "keep-going": _SWITCH,
        "hidden": _SWITCH,
        "clean-env": _SWITCH,
        "inputs": _TEXTS,
        "outputs": _TEXTS,
        "depends": references,
        "pre": references,
        "post": references,
        "args": {"type": "array", "items": {"anyOf": [_TEXT, argument]}},
        "env": _variables(),
        "env-file": _files(),
        "aliases": _TEXTS,
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}
