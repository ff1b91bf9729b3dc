"""``__requires__``, ``__index_url__`` and comments: what they say, without anything being executed."""

from __future__ import annotations

import pytest

from blast_compat.script_requires import Declaration, read_comments, read_requires
from blast_core.errors import InvalidManifest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__requires__ = ['foo']", ("foo",)),
        ("__requires__ = ('foo', 'bar>=1')\n__requires__.x = ['baz']", ("foo", "bar>=1")),
        ("__requires__ = 'foo'", ("foo",)),
        ("__requires__ = 'foo\\nbar\\n#baz'", ("foo", "bar")),
        ("__requires__ = []", ()),
        ("x, a = [a, x]\n__requires__ = ['foo @ file:///tmp/foo']", ("foo @ file:///tmp/foo",)),
        # Of a Python that is newer than the one which reads it.
        ("__requires__ = [\n  'foo',\n  'bar',\n]\nmatch! x = 1\n", ("foo", "bar")),
    ],
)
def test_requires(text: str, expected: tuple[str, ...]) -> None:
    assert read_requires(text, "x.py") == Declaration(expected)


def test_dots_and_the_index() -> None:
    text = "__index_url__ = 'https://index.invalid/'\n"
    assert read_requires(f"{text}__requires__ = ['foo', ...]", "x.py") == Declaration(
        ("foo",), "https://index.invalid/", infers=True
    )
    assert read_requires(text, "x.py") == Declaration((), "https://index.invalid/", infers=True)


@pytest.mark.parametrize("text", ["", "x = '__requires__'", "if x:\n    __requires__ = ['foo']", "__requires__: list"])
def test_what_declares_nothing(text: str) -> None:
    assert read_requires(text, "x.py") is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("\n__requires__ = ['a']\n__requires__ = ['b']", "x.py:3: a second __requires__"),
        ("__requires__ = [name]", "x.py:1: __requires__ can't be read"),
        ("__requires__ = ['a', 1]", "x.py:1: __requires__ is no list of requirements"),
        ("__requires__ = {'a': 1}", "x.py:1: __requires__ is no list of requirements"),
        ("__requires__ = ['a b c']", "x.py:1: __requires__ has 'a b c'"),
        ("__index_url__ = 1", "x.py:1: __index_url__ is no address"),
    ],
)
def test_faults_name_the_line(text: str, what: str) -> None:
    with pytest.raises(InvalidManifest, match=what):
        read_requires(text, "x.py")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Requirements:\n# foo\n\n# baz", ("foo",)),
        ("# foo\n# Requirements:\n# foo\n# bar", ("foo", "bar")),
        ("x = 1\n# REQUIREMENTS:\n# foo\n#\n# baz", ("foo",)),
        (
            "# Script Dependencies:\n#     foo>=1  # why\n#     bar; os_name == 'nt'\n",
            ("foo>=1", "bar; os_name == 'nt'"),
        ),
    ],
)
def test_comments(text: str, expected: tuple[str, ...]) -> None:
    assert read_comments(text) == Declaration(expected, kind="comments")


@pytest.mark.parametrize(
    "text",
    ["", "# foo\n# bar", "# Requirements:\nfoo", "# Requirements:\n# foo\n# a C compiler\n", "Requirements:\n# foo"],
)
def test_comments_for_people(text: str) -> None:
    assert read_comments(text) is None
