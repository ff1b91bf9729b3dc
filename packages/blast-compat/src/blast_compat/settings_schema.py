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
    schema: dict[str, object] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "properties": {
            setting.name: _setting_schema(setting) for setting in SETTINGS if setting.scope in {BOTH, scope}
        },
    }
    if scope != USER:
        schema["definitions"] = {"variables": _variables(), "reference": _reference(), "task": _task()}
    return schema


def _setting_schema(setting: Setting) -> dict[str, object]:
    own = _OWN.get(setting.name)
    schema = {"description": setting.help, **(own() if own is not None else _KINDS[setting.kind])}
    if setting.choices:
        schema["enum"] = list(setting.choices)
    return schema


def _named(name: str) -> dict[str, object]:
    return {"$ref": f"#/definitions/{name}"}


def _either(*schemas: dict[str, object]) -> dict[str, object]:
    return {"anyOf": list(schemas)}


def _variables() -> dict[str, object]:
    value: dict[str, object] = {"type": ["string", "number", "boolean"]}
    table: dict[str, object] = {
        "type": "object",
        "properties": {"value": value, "force": _SWITCH},
        "required": ["value"],
        "additionalProperties": False,
    }
    return {"type": "object", "additionalProperties": _either(value, table)}


def _files() -> dict[str, object]:
    return _either(_TEXT, _TEXTS)


def _tasks() -> dict[str, object]:
    return {"type": "object", "additionalProperties": _either(_TEXT, _TEXTS, _named("task"))}


def _hooks() -> dict[str, object]:
    parts: dict[str, object] = {"type": "array", "items": _named("reference")}
    hook = _either(_named("reference"), parts, _named("task"))
    return {"type": "object", "properties": {"post-sync": hook}, "additionalProperties": False}


def _tools() -> dict[str, object]:
    table: dict[str, object] = {
        "type": "object",
        "properties": {"requirement": _TEXT, "with": _TEXTS, "python": _TEXT},
        "additionalProperties": False,
    }
    return {"type": "object", "additionalProperties": _either(_TEXT, table)}


def _default_groups() -> dict[str, object]:
    return _either({"const": "all"}, _TEXTS)


def _reference() -> dict[str, object]:
    table: dict[str, object] = {
        "type": "object",
        "properties": {"task": _TEXT, "args": {"type": "array"}, "env": _named("variables")},
        "required": ["task"],
        "additionalProperties": False,
    }
    return _either(_TEXT, table)


def _argument() -> dict[str, object]:
    properties: dict[str, object] = {
        "name": _TEXT,
        "type": {"enum": list(ARGUMENT_TYPES)},
        "default": {},
        "choices": {"type": "array"},
        "help": _TEXT,
        "option": _SWITCH,
        "many": _SWITCH,
    }
    return {"type": "object", "properties": properties, "required": ["name"], "additionalProperties": False}


def _task() -> dict[str, object]:
    reference = _named("reference")
    references = _either(reference, {"type": "array", "items": reference})
    variant = _either(_TEXT, _TEXTS, _named("task"))
    properties: dict[str, object] = {
        "cmd": _either(_TEXT, _TEXTS),
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
        "args": {"type": "array", "items": _either(_TEXT, _argument())},
        "env": _named("variables"),
        "env-file": _files(),
        "aliases": _TEXTS,
        "platform": {
            "type": "object",
            "properties": dict.fromkeys(PLATFORMS, variant),
            "additionalProperties": False,
        },
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


_OWN = {
    "tasks": _tasks,
    "hooks": _hooks,
    "tools": _tools,
    "env": lambda: _named("variables"),
    "env-file": _files,
    "default-groups": _default_groups,
}
