"""Words of a task's command: as a POSIX shell splits them, and no word more."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_core.errors import UsageError
from blast_project.tasks.words import Values, join_words, replace_names, split_commands, split_words

_PLAIN = st.text(st.sampled_from("ab \t'\"\\-=/.*?#~[]()é"), max_size=20)
_ANY = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@pytest.mark.property
@given(_PLAIN)
def test_words_are_those_of_shlex(text: str) -> None:
    text = f"x {text}"
    try:
        expected = shlex.split(text)
    except ValueError:
        # A backslash at the end stands for itself here.
        if not text.endswith("\\"):
            with pytest.raises(UsageError, match="quote"):
                split_words(text, Values({}), {})
        return
    assert split_words(text, Values({}), {}) == expected


@pytest.mark.property
@given(st.lists(_ANY, min_size=1, max_size=5))
def test_quoted_words_come_back(words: list[str]) -> None:
    assert join_words(words) == shlex.join(words)
    assert split_words(f"x {shlex.join(words)}", Values({}), {}) == ["x", *words]


@pytest.mark.property
@given(_ANY, st.lists(_ANY, max_size=4))
def test_what_is_put_in_never_falls_apart(value: str, rest: list[str]) -> None:
    values = Values({"name": value}, tuple(rest), ("many",))
    variables = {"NAME": value}
    assert split_words('x {name} a{name}b \'{name}\' "{name}" $NAME "${NAME}" {args}', values, variables) == [
        *("x", value, f"a{value}b", value, value, value, value),
        *rest,
    ]
    assert shlex.split(replace_names("x {name} {args}", values, quote=True)) == ["x", value, *rest]


def test_a_name_for_many_words_is_many_alone_and_one_within() -> None:
    values = Values({"files": shlex.join(["a b", "{args}"])}, ("rest",), ("files",))
    assert split_words("x {files} y{files}", values, {}) == ["x", "a b", "{args}", "y'a b' '{args}'"]


def test_commands_and_their_own_variables() -> None:
    found = split_commands("A=1 B='2 3' x a=b && y", Values({}), {})
    assert [tuple(command) for command in found] == [((("A", "1"), ("B", "2 3")), ("x", "a=b")), ((), ("y",))]
    for text in ("", "&&", "x &&", "A=1"):
        with pytest.raises(UsageError, match="names no command"):
            split_commands(text, Values({}), {})
    with pytest.raises(UsageError, match="more than a command"):
        split_words("x && y", Values({}), {})
