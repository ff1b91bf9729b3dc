"""Editing a manifest without a TOML parser: never another result than with one, and done where a text is plain."""

from __future__ import annotations

from typing import Any

import pytest

from blast_compat.manifest_edit import add_requirements, remove_requirements
from blast_compat.manifest_plain import add_plainly, remove_plainly
from blast_compat.pyproject import parse_manifest
from blast_core.errors import InvalidRequirement

PLAIN = """\
[build-system]
requires = ["hatchling>=1.26"]

[project]
name = "demo"
version = "1.0"
authors = [{name = "A {}", email = "a@example.org"}]
classifiers = [
    "Private",
]
dependencies = [
    "alpha>=1",  # why
    # the next one
    'beta; python_version < "4"',
] # end

[project.optional-dependencies]
plot = []

[dependency-groups]
dev = ["pytest", "mypy"]
"""
PLACES: tuple[dict[str, Any], ...] = ({}, {"extra": "plot"}, {"group": "dev"})


def _both(text: str, **place: Any) -> str:
    """Add and remove both ways, which have to agree, and return what came of adding."""
    manifest = parse_manifest(text, "p")
    plain = add_plainly(text, manifest, ["gamma>=2", "alpha==3"], **place)
    assert plain is not None
    assert plain[0] == add_requirements(text, ["gamma>=2", "alpha==3"], **place)
    assert plain[1] == parse_manifest(plain[0], "p")
    shorter = remove_plainly(*plain, ["Alpha", "pytest"], **place)
    assert shorter is not None
    assert (shorter[0], shorter[2]) == remove_requirements(plain[0], ["Alpha", "pytest"], **place)
    assert shorter[1] == parse_manifest(shorter[0], "p")
    return plain[0]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_as_with_a_parser(place: dict[str, str]) -> None:
    assert _both(PLAIN, **place) != PLAIN


@pytest.mark.parametrize(
    "array", ["[]", "[ ]", "[\n]", "['a','b',]", '[\n"b", "a"]', "[ # c\n# d\n'a' # e\n, # f\n]", '["c", "a"]   ']
)
def test_arrays(array: str) -> None:
    _both(f'[project]\nname = "demo"\nversion = "1"\ndependencies={array}')


def test_what_stands_already_changes_nothing() -> None:
    manifest = parse_manifest(PLAIN, "p")
    assert add_plainly(PLAIN, manifest, ["alpha>=1"]) == (PLAIN, manifest)
    assert remove_plainly(PLAIN, manifest, ["other"]) == (PLAIN, manifest, ())


HEAD = '[project]\nname = "demo"\nversion = "1"\n'


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD + 'description = """\n[project]\ndependencies = ["a"]\n"""\ndependencies = ["a"]\n',
        HEAD + "description = '''\ndependencies = [\"a\"]\n'''\ndependencies = ['a']\n",
        HEAD + '"dependencies" = ["a"]\n[tool.x]\ndependencies = ["a"]\n',
        HEAD + 'dependencies = ["\\u0061"]\n',
        HEAD.replace("[project]", "[ project ]") + 'dependencies = ["a"]\n',
        (HEAD + 'dependencies = ["a"]\n').replace("\n", "\r\n"),
        'project.name = "demo"\nproject.version = "1"\nproject.dependencies = ["a"]\n',
        'project = {name = "demo", version = "1", dependencies = ["a"]}\n',
        '[dependency-groups]\ndev = ["a"]\nall = [{include-group = "dev"}]\n',
    ],
)
def test_what_is_not_plain_is_left_alone(text: str) -> None:
    manifest = parse_manifest(text, "p")
    place = {"group": "dev"} if "groups" in text else {}
    assert add_plainly(text, manifest, ["b"], **place) is None
    assert remove_plainly(text, manifest, ["a"], **place) is None


def test_an_inline_table_over_lines_is_left_alone() -> None:
    """TOML 1.1 allows them, and there a line may look like the key that is meant."""
    text = HEAD + 'readme = {file = "}",\ndependencies = ["a"],\n}\ndependencies = ["a"]\n'
    plain = HEAD + 'dependencies = ["a"]\n'
    assert add_plainly(text, parse_manifest(plain, "p"), ["b"]) is None


def test_other_requirements_than_are_known_are_left_alone() -> None:
    manifest = parse_manifest(PLAIN, "p")._replace(dependencies=("alpha",))
    assert add_plainly(PLAIN, manifest, ["gamma"]) is None


def test_a_spelling_that_needs_escapes_is_left_alone() -> None:
    manifest = parse_manifest(PLAIN, "p")
    line = "gamma; python_version < '4' and os_name == \"posix\""
    assert add_plainly(PLAIN, manifest, [line]) is None


def test_no_requirement_is_refused() -> None:
    with pytest.raises(InvalidRequirement):
        add_plainly(PLAIN, parse_manifest(PLAIN, "p"), ["=1"])
