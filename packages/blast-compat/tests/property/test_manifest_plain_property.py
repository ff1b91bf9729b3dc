"""Random manifests: whatever is edited without a parser comes out as with one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_compat.manifest_edit import add_requirements, remove_requirements
from blast_compat.manifest_plain import add_plainly, remove_plainly
from blast_compat.pyproject import parse_manifest
from blast_core.errors import InvalidManifest

NAMES = st.sampled_from(["alpha", "Beta", "gamma_x", "delta"])
REQUIREMENTS = st.builds(
    "{}{}{}".format, NAMES, st.sampled_from(["", ">=1", "[x]~=2.0"]), st.sampled_from(["", "; os_name == 'a'"])
)
BLANKS = st.sampled_from(["", " ", "\n", "\n    ", "\n\n", " # it's [a] \"comment\n", "\n# other ]\n\t"])
ELEMENTS = st.builds(
    lambda quote, text: f"{quote}{text}{quote}",
    st.sampled_from(['"', "'", '"""']),
    REQUIREMENTS,
).filter(lambda text: not (text[0] == "'" and text.count("'") > 2))
OTHERS = [
    "",
    "# dependencies = []\n",
    'keywords = ["a",\n"dependencies = [", # [project]\n]\n',
    "readme = {text = 'dependencies = []', content-type = \"{\"}\n",
    'urls = {a = "}"}\n',
    'description = """\n[project]\ndependencies = []\n"""\n',
    "authors = [{name = 'x'},\n{name = \"y\"}]\n",
]


@st.composite
def arrays(draw: st.DrawFn) -> str:
    parts = ["["]
    for element in draw(st.lists(ELEMENTS, max_size=4)):
        parts += [draw(BLANKS), element, draw(BLANKS), ","]
    return "".join([*parts, draw(BLANKS), "]", draw(st.sampled_from(["", " ", " # end"]))])


@st.composite
def manifests(draw: st.DrawFn) -> str:
    lists = "".join(
        [
            draw(st.sampled_from(OTHERS)),
            draw(st.sampled_from(["dependencies", '"dependencies"', "  dependencies", "'dependencies'"])),
            draw(st.sampled_from([" = ", "=", " =  "])) + draw(arrays()) + "\n",
        ]
    )
    head = draw(st.sampled_from(["[project]", "[project] # all", "[ project ]"]))
    project = f'{head}\nname = "demo"\nversion = "1"\n{lists}'
    extras = f"[project.optional-dependencies]\ndev = {draw(arrays())}\nother = {draw(arrays())}\n"
    includes = draw(st.sampled_from(["", 'all = [{include-group = "dev"}]\n']))
    groups = f"[dependency-groups]\ndev = {draw(arrays())}\n{includes}"
    tables = draw(st.permutations([project, draw(st.sampled_from(["", extras])), draw(st.sampled_from(["", groups]))]))
    text = "".join(tables)
    return text.replace("\n", "\r\n") if draw(st.integers(0, 9)) == 0 else text


@pytest.mark.property
@settings(max_examples=300)
@given(
    manifests(), st.lists(REQUIREMENTS, max_size=2), NAMES, st.sampled_from([{}, {"extra": "dev"}, {"group": "dev"}])
)
def test_as_with_a_parser(text: str, reqs: list[str], name: str, place: dict[str, Any]) -> None:
    try:
        manifest = parse_manifest(text, "p")
    except InvalidManifest:
        return
    added = add_plainly(text, manifest, reqs, **place)
    if added is not None:
        assert added[0] == add_requirements(text, reqs, **place)
        assert added[1] == parse_manifest(added[0], "p")
    removed = remove_plainly(text, manifest, [name], **place)
    if removed is not None:
        assert (removed[0], removed[2]) == remove_requirements(text, [name], **place)
        assert removed[1] == parse_manifest(removed[0], "p")
