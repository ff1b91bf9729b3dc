"""Laws of editing a manifest: the list says what was meant, and every line that is not the list's stays."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_compat.pyproject import add_requirements, parse_manifest, remove_requirements
from blast_core.names import normalize_name
from blast_core.requirements import parse_requirement

pytestmark = pytest.mark.property

NAMES = st.sampled_from(["a", "B", "b_c", "zope.x", "Django"])
REQUIREMENTS = st.builds(
    "{}{}".format, NAMES, st.sampled_from(["", ">=1", "[x]<2", "; os_name == 'nt'", ' ; extra=="y"'])
)
BLANKS = st.sampled_from(["", " ", "  ", "\n", "\n  ", "\n\n    ", "  # own ] ' \" line\n", "\n  # one\n  # two\n\t"])


@st.composite
def _arrays(draw: st.DrawFn) -> str:
    """An array in any style, comments and all."""
    parts = ["[", draw(BLANKS)]
    for requirement in draw(st.lists(REQUIREMENTS, max_size=4, unique_by=lambda one: parse_requirement(one).name)):
        quote = '"' if '"' not in requirement else "'"
        quote = quote if quote not in requirement else ("'''" if quote == "'" else '"""')
        parts += [quote, requirement, quote, draw(BLANKS), ",", draw(BLANKS)]
    return "".join([*parts, "]"])


def _document(array: str) -> str:
    return f"# head\n[project]\nname = 'x'\nversion = '1' # v\ndependencies = {array} # why\n\n[tool.z] # tail\nk = 1\n"


def _dependencies(text: str) -> list[str]:
    found: list[str] = tomllib.loads(text)["project"]["dependencies"]
    return found


def _comments(text: str) -> int:
    return text.count("#")


@given(_arrays(), st.lists(REQUIREMENTS, min_size=1, max_size=3, unique_by=lambda one: parse_requirement(one).name))
def test_adding_says_what_was_meant_and_keeps_the_rest(array: str, added: list[str]) -> None:
    before = _document(array)
    after = add_requirements(before, added)
    names = [parse_requirement(one).name for one in added]
    kept = [one for one in _dependencies(before) if parse_requirement(one).name not in names]
    assert sorted(_dependencies(after)) == sorted(kept + [one.strip() for one in added])
    assert [one for one in _dependencies(after) if one in kept] == kept
    assert after.startswith("# head\n[project]\nname = 'x'\nversion = '1' # v\ndependencies = [")
    assert after.endswith("] # why\n\n[tool.z] # tail\nk = 1\n")
    assert _comments(after) == _comments(before)
    assert add_requirements(after, added) == after
    assert parse_manifest(after, "p").dependencies == tuple(_dependencies(after))


@given(_arrays(), st.sets(NAMES, min_size=1))
def test_removing_takes_what_was_meant_and_keeps_the_rest(array: str, names: set[str]) -> None:
    before = _document(array)
    after, removed = remove_requirements(before, names)
    wanted = {normalize_name(name) for name in names}
    assert list(removed) == [one for one in _dependencies(before) if parse_requirement(one).name in wanted]
    assert _dependencies(after) == [one for one in _dependencies(before) if one not in removed]
    assert after.endswith("] # why\n\n[tool.z] # tail\nk = 1\n")
    if not removed:
        assert after == before


@given(_arrays(), REQUIREMENTS)
def test_removing_what_was_added_gives_the_list_back(array: str, requirement: str) -> None:
    before = _document(array)
    name = parse_requirement(requirement).name
    without, _ = remove_requirements(before, [name])
    again, removed = remove_requirements(add_requirements(without, [requirement]), [name])
    assert removed == (requirement.strip(),)
    assert _dependencies(again) == _dependencies(without)
    assert _comments(again) == _comments(without)
