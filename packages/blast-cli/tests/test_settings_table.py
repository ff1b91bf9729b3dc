"""The table of settings agrees with the options, with what the code reads, with the schemas and with the guide."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from blast_cli.catalog import COMMANDS
from blast_cli.parsing import make_parser
from blast_cli.plain import variable_of
from blast_compat import policy_tables
from blast_compat.pyproject import parse_manifest
from blast_compat.settings_page import with_settings
from blast_compat.settings_schema import settings_schema
from blast_compat.settings_table import (
    PROJECT,
    SETTINGS,
    SETTINGS_BY_NAME,
    USER,
    Setting,
    close_name,
    setting_fault,
    value_fault,
)
from blast_core.errors import InvalidManifest

if TYPE_CHECKING:
    import argparse

_TOP = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def options() -> dict[str, list[argparse.Action]]:
    """Every option of every command by its spelling."""
    found: dict[str, list[argparse.Action]] = {}
    for command in COMMANDS:
        parser = make_parser(command, import_module(f"blast_cli.commands.{command.module}").configure)
        for action in parser._actions:
            for option in action.option_strings:
                found.setdefault(option, []).append(action)
    return found


@pytest.mark.parametrize("setting", [row for row in SETTINGS if row.option], ids=lambda row: row.name)
def test_each_option_of_a_setting_is_one(setting: Setting, options: dict[str, list[argparse.Action]]) -> None:
    actions = options[setting.option]
    assert setting.variable in {variable_of(action) for action in actions}
    for action in actions:
        if setting.choices and action.choices and setting.kind == "choice":
            assert tuple(action.choices) == setting.choices


def test_names_and_variables_are_no_two() -> None:
    assert len(SETTINGS_BY_NAME) == len(SETTINGS)
    variables = [row.variable for row in SETTINGS if row.variable]
    assert len(set(variables)) == len(variables)
    # What a config.toml may say has a variable that it stands for.
    assert [row.name for row in SETTINGS if row.scope != PROJECT and not row.variable] == []


def test_what_the_code_reads_of_a_project_is_in_the_table() -> None:
    sources = [path.read_text() for path in _TOP.glob("packages/*/src/**/*.py")]
    read = {name for text in sources for name in re.findall(r"\btool\.get\(\"([a-z-]+)\"", text)}
    read -= {"blast", "uv", "setuptools", "hatch", "pdm", "indexes", "format"}
    assert read - set(SETTINGS_BY_NAME) == set()
    assert set(policy_tables._OF_UV) <= set(SETTINGS_BY_NAME)


def test_variables_in_the_table_are_looked_at() -> None:
    sources = "\n".join(
        path.read_text() for path in _TOP.glob("packages/*/src/**/*.py") if "settings_" not in path.name
    )
    assert [row.name for row in SETTINGS if row.variable and not row.option and row.variable not in sources] == []


def test_the_guide_has_the_table() -> None:
    page = (_TOP / "docs" / "guide" / "configuration.md").read_text()
    assert page == with_settings(page), "python -m blast_compat.settings_page docs/guide/configuration.md"


def test_near_names() -> None:
    assert close_name("link_mode") == "link-mode"
    assert close_name("Resolution") == "resolution"
    assert close_name("xyzzy") == ""
    assert setting_fault("link-mode", USER) is None
    assert setting_fault("link-mode", PROJECT) is None
    fault = setting_fault("xyzzy", USER)
    assert fault is not None
    assert "config list" in fault[2]


@pytest.mark.parametrize(
    ("name", "value", "is_right"),
    [
        ("offline", True, True),
        ("offline", 1, False),
        ("http-timeout", 1.5, True),
        ("http-timeout", True, False),
        ("color", "never", True),
        ("color", "blue", False),
        ("targets", ["a"], True),
        ("targets", [1], False),
        ("index", [{}], True),
        ("index", ["a"], False),
        ("sources", [], False),
        ("compile-bytecode", True, True),
    ],
)
def test_values(name: str, value: object, is_right: bool) -> None:
    assert (value_fault(SETTINGS_BY_NAME[name], value) == "") is is_right


DOCUMENTS: list[tuple[str, dict[str, Any], bool]] = [
    ("nothing", {}, True),
    ("a task", {"tasks": {"a": "x"}}, True),
    ("words", {"tasks": {"a": ["x", "y"]}}, True),
    ("a table", {"tasks": {"a": {"cmd": "x", "depends": ["b"], "env": {"A": 1}, "args": ["n"]}, "b": "y"}}, True),
    ("a platform", {"tasks": {"a": {"cmd": "x", "platform": {"windows": "y", "unix": {"shell": "z"}}}}}, True),
    ("no platform", {"tasks": {"a": {"cmd": "x", "platform": {"win": "y"}}}}, False),
    ("an unknown key", {"tasks": {"a": {"comand": "x"}}}, False),
    ("a number", {"tasks": {"a": 3}}, False),
    ("a type", {"tasks": {"a": {"cmd": "x", "args": [{"name": "n", "type": "int"}]}}}, False),
    ("a choice", {"resolution": "newest"}, False),
    ("an unknown setting", {"resolutoin": "lowest"}, False),
    ("a variable", {"env": {"A": {"value": "x", "force": True}}}, True),
    ("no variable", {"env": {"A": []}}, False),
    ("a switch", {"no-build": "yes"}, False),
]


@pytest.mark.parametrize(("table", "is_right"), [row[1:] for row in DOCUMENTS], ids=[row[0] for row in DOCUMENTS])
def test_the_schema_takes_what_we_take(table: dict[str, Any], is_right: bool) -> None:
    import tomlkit

    schema = settings_schema(PROJECT)
    assert jsonschema.Draft7Validator(schema).is_valid(table) is is_right
    text = tomlkit.dumps(table)
    if is_right:
        parse_manifest("", "pyproject.toml", (text, "blast.toml"))
    else:
        with pytest.raises(InvalidManifest, match=r"blast\.toml"):
            parse_manifest("", "pyproject.toml", (text, "blast.toml"))


@pytest.mark.parametrize("scope", [PROJECT, USER])
def test_schemas_are_schemas(scope: str) -> None:
    jsonschema.Draft7Validator.check_schema(json.loads(json.dumps(settings_schema(scope))))
