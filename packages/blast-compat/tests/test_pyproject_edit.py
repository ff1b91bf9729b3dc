"""Editing pyproject.toml: what is added and removed, and that nothing else changes."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from blast_compat.pyproject import add_requirements, parse_manifest, remove_requirements, set_source, set_version
from blast_compat.toml_arrays import quote_text, read_array, write_array
from blast_core.errors import InvalidManifest, InvalidRequirement

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD = '# My project.\n[project]\nname = "a"   # short\nversion = "1"\n'
TAIL = '\n[tool.other]  # not ours\nkey = "value"\n'


def _project(array: str) -> str:
    return f"{HEAD}dependencies = {array}\n{TAIL}"


@pytest.mark.parametrize(
    ("before", "requirements", "after"),
    [
        pytest.param("[]", ["flask>=3"], '[\n    "flask>=3",\n]', id="first"),
        pytest.param("[]", ["b", "A", "c"], '[\n    "A",\n    "b",\n    "c",\n]', id="several, sorted"),
        pytest.param('["a", "c"]', ["b"], '[\n    "a",\n    "b",\n    "c",\n]', id="one line becomes several"),
        pytest.param('["c", "a"]', ["b"], '[\n    "c",\n    "a",\n    "b",\n]', id="unsorted: at the end"),
        pytest.param('[\n  "a",\n  "c"\n]', ["b"], '[\n  "a",\n  "b",\n  "c",\n]', id="indent is kept"),
        pytest.param('[\n\t"c"]', ["b"], '[\n\t"b",\n\t"c",\n]', id="tabs and a bracket behind"),
        pytest.param('["Foo_Bar<1"]', ["foo-bar>=2"], '[\n    "foo-bar>=2",\n]', id="replaced by name"),
        pytest.param('["a>=1"]', ["a>=1"], '["a>=1"]', id="nothing to change"),
        pytest.param(
            "[]", ['a; os_name == "nt"', "b; os_name == 'nt'"],
            "[\n    'a; os_name == \"nt\"',\n    \"b; os_name == 'nt'\",\n]", id="quotes inside",
        ),
        pytest.param(
            "[ # all of them\n  # web\n  \"flask\",   # 3 is fine\n\n  # last\n  'zope',\n  # nothing below\n]",
            ["numpy", "flask>=3"],
            "[ # all of them\n  # web\n  \"flask>=3\",   # 3 is fine\n  \"numpy\",\n\n  # last\n  'zope',\n"
            "  # nothing below\n]",
            id="comments and empty lines stay",
        ),
        pytest.param(
            "[\"a<1; os_name == 'nt'\", \"a<2; os_name != 'nt'\"]", ["a<3; os_name!='nt'"],
            "[\n    \"a<1; os_name == 'nt'\",\n    \"a<3; os_name!='nt'\",\n]", id="of several, by its marker",
        ),
        pytest.param(
            "[\"a<1; os_name == 'nt'\", \"a<2; os_name != 'nt'\"]", ["a<3"],
            "[\n    \"a<1; os_name == 'nt'\",\n    \"a<2; os_name != 'nt'\",\n    \"a<3\",\n]", id="else one more",
        ),
        pytest.param('["a" , # one\n "b"]', ["c"], '[\n "a", # one\n "b",\n "c",\n]', id="comment on the first line"),
    ],
)  # fmt: skip
def test_adds_requirements(before: str, requirements: list[str], after: str) -> None:
    edited = add_requirements(_project(before), requirements)
    assert edited == _project(after)
    assert add_requirements(edited, requirements) == edited


@pytest.mark.parametrize(
    ("before", "names", "after", "removed"),
    [
        pytest.param('["a", "b>=1"]', ["B"], '["a"]', ("b>=1",), id="one line stays one"),
        pytest.param('["a"]', ["a"], "[]", ("a",), id="the last"),
        pytest.param('["a"]', ["b"], '["a"]', (), id="not there"),
        pytest.param('[\n  "a",\n  "b",\n]', ["a", "b"], "[]", ("a", "b"), id="all of several lines"),
        pytest.param(
            '[\n  # why a\n  "a", # this a\n  # why b\n  "b", # that b\n]', ["a"],
            '[\n  # why a\n  # why b\n  "b", # that b\n]', ("a",), id="own lines stay, what stood behind goes",
        ),
        pytest.param(
            "[\"a<1; os_name == 'nt'\", 'b', \"A<2; os_name != 'nt'\"]", ["a"], "['b']",
            ("a<1; os_name == 'nt'", "A<2; os_name != 'nt'"), id="every one of that name",
        ),
    ],
)  # fmt: skip
def test_removes_requirements(before: str, names: list[str], after: str, removed: tuple[str, ...]) -> None:
    assert remove_requirements(_project(before), names) == (_project(after), removed)


def test_a_list_that_does_not_exist_is_made() -> None:
    edited = add_requirements(HEAD + TAIL, ["b"])
    assert edited == HEAD + 'dependencies = [\n    "b",\n]\n' + TAIL


def test_groups_and_extras_are_made_apart_from_what_stands_round_them() -> None:
    edited = add_requirements(_project("[]"), ["pytest"], group="dev")
    edited = add_requirements(edited, ["matplotlib"], extra="plot")
    assert edited == (
        _project("[]").replace(TAIL, '\n[project.optional-dependencies]\nplot = [\n    "matplotlib",\n]\n' + TAIL)
        + '\n[dependency-groups]\ndev = [\n    "pytest",\n]\n'
    )
    manifest = parse_manifest(edited, "p")
    assert manifest.groups == {"dev": ("pytest",)}
    assert manifest.optional_dependencies == {"plot": ("matplotlib",)}


def test_groups_and_extras_are_found_in_any_spelling() -> None:
    text = f"{HEAD}optional-dependencies.Plot_ting = ['a']\n[dependency-groups]\nDev.Tools = ['a']\n"
    text = text.replace("Dev.Tools", "Dev_Tools")
    text = add_requirements(text, ["b"], extra="plot-ting")
    text = add_requirements(text, ["b"], group="dev-tools")
    assert parse_manifest(text, "p").optional_dependencies == {"plot-ting": ("a", "b")}
    assert parse_manifest(text, "p").groups == {"dev-tools": ("a", "b")}
    assert remove_requirements(text, ["a"], group="dev-tools")[1] == ("a",)


def test_included_groups_stay_where_they_are() -> None:
    text = "[dependency-groups]\na = ['x']\ndev = [\n  {include-group = 'a'}, # first\n  'b',\n  'd',\n]\n"
    edited = add_requirements(text, ["c"], group="dev")
    assert edited == text.replace("  'd',", "  \"c\",\n  'd',")
    assert remove_requirements(edited, ["b", "c", "d"], group="dev")[0] == (
        "[dependency-groups]\na = ['x']\ndev = [\n  {include-group = 'a'}, # first\n]\n"
    )


def test_nothing_is_made_only_to_remove_from_it() -> None:
    text = "# empty\n"
    assert remove_requirements(text, ["a"], group="dev") == (text, ())
    assert remove_requirements(_project("[]"), ["a"], extra="plot") == (_project("[]"), ())


def test_line_ends_of_windows_stay() -> None:
    text = _project('[\n  "a", # one\n]').replace("\n", "\r\n")
    edited = add_requirements(text, ["b"])
    assert edited == _project('[\n  "a", # one\n  "b",\n]').replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("project.name = 'a'\nproject.version = '1'\nproject.dependencies = ['b']\n", id="dotted keys"),
        pytest.param("project = {name = 'a', version = '1', dependencies = ['b']}\n", id="inline table"),
        pytest.param("project = {name = 'a', version = '1'}\n", id="inline table without the list"),
        pytest.param("[project.urls]\nx = 'y'\n[project]\nname = 'a'\ndependencies = ['b']\n[tool.z]\n", id="late"),
        pytest.param("[project]\nname = 'a'\n[tool.z]\nq = 1\n[project.urls]\nx = 'y'\n", id="in two places"),
    ],
)
def test_tables_in_odd_forms_are_edited(text: str) -> None:
    expected: dict[str, Any] = tomllib.loads(text)
    expected["project"]["dependencies"] = [*expected["project"].get("dependencies", []), "c"]
    assert tomllib.loads(add_requirements(text, ["c"])) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("project.name = 'a'\nproject.version = '1'\n", id="a table for dotted keys"),
        pytest.param("project = {name = 'a'}\n", id="a table in an inline table"),
    ],
)
def test_what_an_edit_would_damage_is_refused(text: str) -> None:
    with pytest.raises(InvalidManifest, match="without damage") as caught:
        add_requirements(text, ["c"], extra="x")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.x]\n", "there is no [project]"),
        (HEAD + "dynamic = ['dependencies']\n", "project.dependencies is dynamic"),
        (HEAD + "dependencies = 'a'\n", "project.dependencies must be an array"),
        ("[project\n", "line 1: not TOML"),
        ("[project]\na.b = 1\na.b.c = 2\n", "the manifest is not TOML"),
        (HEAD + "optional-dependencies = 1\n", "project.optional-dependencies must be a table"),
    ],
)
def test_refuses_where_there_is_no_place(text: str, message: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        add_requirements(text, ["a"], extra="x" if "optional" in text else None)
    assert caught.value.message.startswith(message)


def test_refuses_what_is_no_requirement_before_it_writes() -> None:
    with pytest.raises(InvalidRequirement):
        add_requirements(_project("[]"), ["a", "b c"])


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("b", {"path": "../b", "editable": True}, {"path": "../b", "editable": True}),
        ("B", {"git": "https://index.invalid/b"}, {"git": "https://index.invalid/b"}),
    ],
)
def test_sources_are_set_and_taken_away(name: str, source: Mapping[str, object], expected: dict[str, object]) -> None:
    text = set_source(_project("[]"), name, source)
    assert text.startswith(_project("[]") + "\n[tool.blast.sources]\n")
    assert parse_manifest(text, "p").sources == {"b": (expected,)}
    assert parse_manifest(set_source(text, "b", {"workspace": True}), "p").sources == {"b": ({"workspace": True},)}
    assert parse_manifest(set_source(text, "b", None), "p").sources == {}
    assert set_source(_project("[]"), "b", None) == _project("[]")


@pytest.mark.parametrize(
    "source",
    [
        "[]",
        "[1]",
        '["a]", \'b#\', """c"\n]""", \'\'\'d\'\'\']',
        '["a\\"]", {x = "]", y = [1, 2]}]',
        '["""a"""""]',
        "[\n# only a comment\n]",
        "[\n{a = 'b'} # c\n, {x = [1, # inner\n 2]},\n]",
        "[\n\n\n'a'\n\n,'b' # b\n\n# c\n]",
    ],
)
def test_an_array_that_is_read_and_written_has_the_same_elements(source: str) -> None:
    array = read_array(source)
    assert tomllib.loads(f"a = {write_array(array)}") == tomllib.loads(f"a = {source}")
    many = write_array(array._replace(is_multiline=True))
    assert tomllib.loads(f"a = {many}") == tomllib.loads(f"a = {source}")
    assert many.count("# ") == source.count("# ")


@pytest.mark.parametrize("text", ["a", 'a"b', "a'b", "a'\"b", "a\\b", "a\nb", "a\u2028b", "\U0001f600", "a\tb\0"])
def test_quoted_texts_are_read_back(text: str) -> None:
    assert tomllib.loads(f"a = {quote_text(text)}") == {"a": text}


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ('version = "1"', 'version = "1.2rc1"'),
        ("version   =   '1'   # read by the docs", "version   =   '1.2rc1'   # read by the docs"),
    ],
)
def test_sets_the_version_alone(line: str, after: str) -> None:
    text = (
        f'# My project.\r\n[project]\r\nname = "a"\r\n{line}\r\ndependencies = []\r\n\r\n[tool.x]\r\nversion = "1"\r\n'
    )
    assert set_version(text, "1.2rc1") == text.replace(line, after, 1)


def test_sets_no_version_where_there_is_none() -> None:
    with pytest.raises(InvalidManifest, match="not in the manifest"):
        set_version('[project]\nname = "a"\ndynamic = ["version"]\n', "1")
