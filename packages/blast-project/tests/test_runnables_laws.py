"""Laws of reading what scripts and notebooks need: any text has an answer or a refusal, a stand-in says the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_compat.imports import find_imports
from blast_compat.script_requires import read_comments, read_requires
from blast_core.errors import InvalidManifest, ProjectError
from blast_project.notebooks import read_notebook
from blast_project.script_key import find_metadata
from blast_project.script_reading import Reading, read_declaration, stand_in

pytestmark = pytest.mark.property

_WORDS = (
    "__requires__", "__index_url__", " = ", "[", "]", "...", "'foo'", '"bar>=1"', ",", "\n", "# Requirements:\n", "# ",
    "foo", "# /// script\n", "# ///\n", '# dependencies = ["x"]\n', "import a.b\n", "from . import x\n", "try:\n ",
    "except ImportError:\n ", "%pip install foo\n", "!ls\n", "'''", "(", "\\\n", "%%bash\n", "\t", "\ufeff", "\0", "é",
)  # fmt: skip
_TEXTS = st.lists(st.one_of(st.sampled_from(_WORDS), st.text(max_size=4)), max_size=14).map("".join)
_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)
_REQUIREMENTS = st.builds(lambda name, rest: name + rest, _NAMES, st.sampled_from(["", ">=1.0", "==2.*", "[x]<3"]))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_CELLS = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "code", "markdown"]), "source": _TEXTS | st.lists(_TEXTS, max_size=3)}
)
_BOOKS = st.fixed_dictionaries({"cells": st.lists(_CELLS, max_size=4)}, optional={"metadata": _JSON})


@settings(max_examples=300, deadline=None)
@given(_TEXTS)
def test_any_text_has_an_answer_or_a_refusal(text: str) -> None:
    try:
        found = read_requires(text, "x.py")
        assert found is None or all(isinstance(line, str) for line in found.requirements)
    except InvalidManifest:
        pass
    comments = read_comments(text)
    assert comments is None or comments.requirements
    try:
        assert all(row and all(name for name in row) for row in find_imports(text, "x.py"))
    except InvalidManifest:
        pass
    try:
        assert read_declaration(text, "x.py").kind in ("", "PEP 723", "__requires__", "comments")
    except ProjectError:
        pass


@settings(max_examples=300, deadline=None)
@given(_BOOKS | _JSON)
def test_any_notebook_has_an_answer_or_a_refusal(document: Any) -> None:
    content = json.dumps(document)
    try:
        book = read_notebook(content.encode(), "x.ipynb")
        # Every line of a cell that is left keeps its number, so no line is lost on the way.
        assert isinstance(book.source, str)
        read_declaration(content, "x.ipynb")
    except ProjectError:
        pass


def test_text_that_is_none_is_refused() -> None:
    content = b'{"cells": [{"cell_type": "code", "source": "# /// script\\n# ///\\nx = \'\\ud800\'"}]}'
    with pytest.raises(InvalidManifest, match="can't be read as a notebook"):
        read_notebook(content, "x.ipynb")


@settings(max_examples=200, deadline=None)
@given(st.lists(_REQUIREMENTS, max_size=4), st.sampled_from(["", "https://index.invalid/simple/"]))
def test_a_stand_in_says_what_was_declared(requirements: list[str], index_url: str) -> None:
    text = f"__requires__ = {requirements!r}\n" + (f"__index_url__ = {index_url!r}\n" if index_url else "")
    reading = read_declaration(text, "x.py")
    assert reading == Reading("__requires__", tuple(requirements), index_url, source=text)
    made = stand_in(reading)
    again = read_declaration(made, "x.py")
    assert (again.kind, again.requirements) == ("PEP 723", tuple(requirements))
    assert find_metadata(made.encode()) != b""
    assert ("index.invalid" in made) is bool(index_url)
