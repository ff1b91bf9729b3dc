"""Reading pyproject.toml: what it says, and where a mistake stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_compat.pyproject import Manifest, make_manifest, new_manifest, parse_manifest, read_manifest
from blast_compat.toml_lines import find_line
from blast_core.errors import InvalidManifest, InvalidRequirement

if TYPE_CHECKING:
    from pathlib import Path

FULL = """\
[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"
backend-path = ["."]

[project]
name = "Full.Name"
version = "1.0rc1"
requires-python = ">=3.11,<4"
dependencies = [
  "flask>=3 ; python_version < '4'",  # the web
  "numpy",
]
dynamic = ["readme"]

[project.optional-dependencies]
Plot_ting = ["matplotlib"]

[project.scripts]
full = "full.cli:main"

[project.gui-scripts]
fullg = "full.gui:main"

[project.entry-points."full.plugins"]
one = "full.one"

[dependency-groups]
test = ["pytest>8", {include-group = "Typing"}, "hypothesis"]
typing = ["mypy"]
all = [{include-group = "test"}, {include-group = "typing"}]

[tool.uv.sources]
flask = {git = "https://index.invalid/flask", tag = "3.0"}
numpy = {index = "company"}

[tool.blast]
package = true

[[tool.blast.index]]
name = "company"
url = "https://index.invalid/"

[tool.blast.sources]
NumPy = [{path = "../numpy", editable = true, marker = "os_name == 'nt'"}, {workspace = true}]
"""


def test_reads_everything() -> None:
    manifest = parse_manifest(FULL, "pyproject.toml")
    assert manifest == Manifest(
        path="pyproject.toml",
        name="Full.Name",
        version="1.0rc1",
        requires_python=">=3.11,<4",
        dependencies=("flask>=3 ; python_version < '4'", "numpy"),
        optional_dependencies={"plot-ting": ("matplotlib",)},
        groups={
            "test": ("pytest>8", "mypy", "hypothesis"),
            "typing": ("mypy",),
            "all": ("pytest>8", "mypy", "hypothesis", "mypy"),
        },
        scripts={"full": "full.cli:main"},
        gui_scripts={"fullg": "full.gui:main"},
        entry_points={"full.plugins": {"one": "full.one"}},
        build_system={"requires": ["hatchling>=1.26"], "build-backend": "hatchling.build", "backend-path": ["."]},
        tool=manifest.tool,
        sources={
            "flask": ({"git": "https://index.invalid/flask", "tag": "3.0"},),
            "numpy": (
                {"path": "../numpy", "editable": True, "marker": "os_name == 'nt'"},
                {"workspace": True},
            ),
        },
        dynamic=("readme",),
        included_groups={"test": ("typing",), "all": ("test", "typing")},
    )
    assert manifest.tool["package"] is True
    assert manifest.tool["index"] == [{"name": "company", "url": "https://index.invalid/"}]


def test_nothing_is_needed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.blast.workspace]\nmembers = ['a']\n")
    manifest = read_manifest(str(tmp_path / "pyproject.toml"))
    assert (manifest.name, manifest.version, manifest.dependencies, manifest.build_system) == ("", "", (), None)
    assert manifest.tool == {"workspace": {"members": ["a"]}}


def test_version_may_be_dynamic() -> None:
    assert parse_manifest("[project]\nname='a'\ndynamic=['version']", "p").version == ""


@pytest.mark.parametrize("kind", ["app", "lib"])
def test_a_new_manifest_is_a_legal_one(kind: str) -> None:
    manifest = parse_manifest(new_manifest("my-name", kind=kind, requires_python=">=3.12"), "p")
    assert (manifest.name, manifest.version, manifest.requires_python) == ("my-name", "0.1.0", ">=3.12")
    assert (manifest.build_system is None) == (kind == "app")
    assert parse_manifest(new_manifest("a", kind=kind, requires_python=""), "p").requires_python == ""


def test_a_new_manifest_checks_what_it_is_given() -> None:
    with pytest.raises(InvalidRequirement):
        new_manifest("a", kind="app", requires_python="3.12")
    with pytest.raises(ValueError, match="kind"):
        new_manifest("a", kind="other", requires_python="")


PROJECT = "[project]\nname = 'a'\nversion = '1'\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("[project]\nname = \n", 2, "not TOML", id="syntax"),
        pytest.param("a = 1\n[project", 2, "not TOML", id="syntax at the end"),
        pytest.param("a = 1\n<<<<<<< HEAD\nb = 1\n", 2, "the mark of a merge", id="a merge"),
        pytest.param("a = 1\na = 2", 2, "not TOML", id="a key twice"),
        pytest.param("x = " + "[" * 100_000, 0, "not TOML", id="nested deeply"),
        pytest.param("project = 1", 1, "project must be a table", id="project is a number"),
        pytest.param("[project]\nversion='1'", 1, "project.name is missing", id="no name"),
        pytest.param("[project]\nname='-a'", 2, "project.name is '-a'", id="bad name"),
        pytest.param("[project]\nname=1", 2, "project.name must be a text", id="name is a number"),
        pytest.param("[project]\nname='a'", 1, "project.version is missing", id="no version"),
        pytest.param("[project]\nname='a'\nversion='x'", 3, "project.version: 'x' is not a version", id="bad version"),
        pytest.param(PROJECT + "requires-python='3.8'", 4, "project.requires-python: '3.8' is not", id="python"),
        pytest.param(PROJECT + "dependencies='a'", 4, "project.dependencies must be an array of texts", id="a text"),
        pytest.param(PROJECT + "dependencies=[\n'a',\n1]", 4, "project.dependencies must be an array", id="a number"),
        pytest.param(PROJECT + "dependencies=[\n'a',\n'b c',\n]", 6, "project.dependencies: 'b c' is not", id="line"),
        pytest.param(PROJECT + "dynamic=['name']", 4, "project.dynamic names 'name'", id="dynamic name"),
        pytest.param(PROJECT + "dynamic=['version']", 3, "project.version is there and in", id="dynamic and static"),
        pytest.param(
            PROJECT + "[project.optional-dependencies]\na_b=[]\nA-B=[]", 6, "'A-B' and 'a_b' are the same", id="extras"
        ),
        pytest.param(PROJECT + "[project.optional-dependencies]\n'b!'=[]", 5, "'b!' is no legal name", id="extra"),
        pytest.param(PROJECT + "scripts={a=1}", 4, "project.scripts.a must be a text", id="script in an inline table"),
        pytest.param(
            PROJECT + "[project.entry-points.console_scripts]\na='b'", 4, "project.entry-points.console", id="scripts"
        ),
        pytest.param("[build-system]\nbuild-backend='b'", 1, "build-system.requires is missing", id="no requires"),
        pytest.param("[build-system]\nrequires=['=']", 2, "build-system.requires: '='", id="bad requires"),
        pytest.param("[dependency-groups]\na='b'", 2, "dependency-groups.a must be an array", id="group"),
        pytest.param("[dependency-groups]\na=[1]", 2, "dependency-groups.a holds", id="a number in a group"),
        pytest.param("[dependency-groups]\na=[{x='b'}]", 2, "dependency-groups.a holds", id="another table"),
        pytest.param(
            "[dependency-groups]\na=[\n{include-group='b'}]", 3, "dependency-groups.a includes a", id="missing group"
        ),
        pytest.param(
            "[dependency-groups]\nb=[{include-group='c'}]\nc=[{include-group='B'}]", 2, "dependency groups", id="circle"
        ),
        pytest.param("[dependency-groups]\na=[{include-group='a'}]", 2, "dependency groups", id="circle of one"),
        pytest.param("[tool.blast.sources]\na={}", 2, "tool.blast.sources.a must have one of", id="no source"),
        pytest.param("[tool.uv.sources]\na={git='x',path='y'}", 2, "tool.uv.sources.a must have", id="two sources"),
        pytest.param("[tool.uv.sources]\na='x'", 2, "tool.uv.sources.a must be a table", id="a text for a source"),
        pytest.param("[tool.uv.sources.a]\npath=1", 2, "tool.uv.sources.a.path must be a text", id="path"),
        pytest.param("[tool.blast]\nindex='x'", 2, "tool.blast.index must be tables", id="index"),
        pytest.param("[[tool.blast.index]]\nname='x'", 1, "an index in tool.blast.index", id="index without url"),
        pytest.param("tool.blast = 2020-01-01", 1, "tool.blast must be a table", id="a date"),
    ],
)
def test_a_mistake_is_shown_with_file_and_line(text: str, line: int, message: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(text, "some/pyproject.toml")
    place = f"some/pyproject.toml:{line}: " if line else "some/pyproject.toml: "
    assert caught.value.message.startswith(place + message), caught.value.message
    assert caught.value.details["line"] == line
    assert caught.value.details["file"] == "some/pyproject.toml"


def test_a_circle_of_groups_is_shown() -> None:
    text = "[dependency-groups]\na=[{include-group='b'}]\nb=[{include-group='c'}]\nc=[{include-group='b'}]"
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(text, "p")
    assert caught.value.reason == "b -> c -> b"


def test_a_long_chain_of_groups_is_an_error_and_not_a_crash() -> None:
    groups = "\n".join(f"g{number}=[{{include-group='g{number + 1}'}}]" for number in range(5000))
    with pytest.raises(InvalidManifest, match="deep"):
        parse_manifest(f"[dependency-groups]\n{groups}\ng5000=[]", "p")


def test_a_diamond_of_groups_is_no_circle() -> None:
    text = "[dependency-groups]\na=[{include-group='b'},{include-group='c'}]\nb=[{include-group='c'}]\nc=['x']"
    assert parse_manifest(text, "p").groups == {"a": ("x", "x"), "b": ("x",), "c": ("x",)}


def test_a_parsed_document_needs_no_text() -> None:
    assert make_manifest({"project": {"name": "a", "version": "1"}}, "p").name == "a"
    with pytest.raises(InvalidManifest) as caught:
        make_manifest({"project": {"name": 1}}, "p")
    assert caught.value.message == "p: project.name must be a text"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="can't be read"):
        read_manifest(str(tmp_path / "missing.toml"))
    (tmp_path / "latin.toml").write_bytes(b"# ok\nname = '\xe9'\n")
    with pytest.raises(InvalidManifest, match=r"latin\.toml:2: not UTF-8"):
        read_manifest(str(tmp_path / "latin.toml"))


@pytest.mark.parametrize(
    ("keys", "value", "line"),
    [
        (("a", "b"), "", 2),
        (("a", "c", "d"), "", 4),
        (("a", "x.y", "z"), "", 8),
        (("a", "list"), "two", 6),
        (("a", "list"), "absent", 5),
        (("a", "nothing"), "", 1),
        (("other",), "", 0),
    ],
)
def test_finds_lines(keys: tuple[str, ...], value: str, line: int) -> None:
    text = """[a]
b = 1
# c.d = 0
c.d = 2
list = ['one',
'two']
[a.'x.y'] # here
"z" = 3
"""
    assert find_line(text, keys, value) == line
