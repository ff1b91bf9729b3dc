"""Files of variables are read as python-dotenv reads them, and mistakes have a line."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from dotenv import dotenv_values
from hypothesis import assume, given
from hypothesis import strategies as st

from blast_core.errors import UsageError
from blast_project.env_files import add_variables, expand_variables, parse_env_file, program_variables, read_env_files

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "A=1",
    "A=1\nB=2\n",
    "export A=1\nexport  B = 2",
    "  A = spaced  \nB=\nC=''\nD=\"\"",
    "# comment\nA=1 # behind\nB=1#not\nC='#'  # behind\nD=#",
    "A='single $B \\n \\' \\\\'\nB=\"double \\n \\t \\\" \\\\ \\x \\$\"",
    "A=\"two\nlines\"\nB='two\nmore'\nC=3",
    "A=1\r\nB=2\r\n",
    "B=base\nA=${B}/x ${NONE} ${NONE:-default} ${B:-no} $B $",
    'B=base\nA="${B} $B"',
    "A=a b c",
    "A=a=b",
    "A=1\nA=2\nB=${A}",
    "a.b-c=1\n'quoted'=2",
    "A=\\n\\t\n",
    "\n\n  \nA=1",
    "A=ü\nB='é'",
    "A=${B\nC=1",
    "NAME",
]


@pytest.mark.parametrize("text", TEXTS)
def test_as_python_dotenv(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A", "B", "C", "NONE"):
        monkeypatch.delenv(name, raising=False)
    theirs = {name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}
    assert parse_env_file(text, "x.env", {}) == theirs


_VALUES = st.text(st.sampled_from("ab =#'\"\\$\t{}é"), max_size=8)


@pytest.mark.property
@given(st.lists(st.tuples(st.sampled_from(["A", "B", "export C"]), _VALUES), max_size=3))
def test_what_both_take_is_the_same(rows: list[tuple[str, str]]) -> None:
    text = "".join(f"{name}={value}\n" for name, value in rows)
    assume("${" not in text or "'" not in text)
    try:
        ours = parse_env_file(text, "x.env", {})
    except UsageError:
        return
    theirs = dotenv_values(stream=io.StringIO(text))
    assert ours == {name: value for name, value in theirs.items() if value is not None}


@pytest.mark.parametrize(
    ("text", "line"), [("A=1\n= 2", 2), ("A b=1", 1), ("A='open", 1), ("\n\nA='x' y", 3), ("'A=1", 1), ("A=1\nif x", 2)]
)
def test_what_is_no_assignment_has_a_line(text: str, line: int) -> None:
    with pytest.raises(UsageError, match=f"x.env:{line}: "):
        parse_env_file(text, "x.env", {})


def test_later_files_win_and_see_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("A=1\nB=one\n")
    (tmp_path / "two").write_text("B=two ${A} ${HOME}\n")
    found = read_env_files([str(tmp_path / "one"), str(tmp_path / "two")], {"HOME": "/h"})
    assert found == {"A": "1", "B": "two 1 /h"}
    with pytest.raises(UsageError, match="can't be read"):
        read_env_files([str(tmp_path / "three")], {})
    (tmp_path / "two").write_bytes(b"A=\xff\n")
    with pytest.raises(UsageError, match="can't be read") as caught:
        read_env_files([str(tmp_path / "two")], {})
    assert caught.value.reason == "it is not UTF-8"


def test_variables_of_the_environment_go_before_files_and_those_before_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\n")
    tool = {"env-file": ".env", "env": {"A": "table", "C": "${A} table", "D": True, "E": {"value": 1, "force": True}}}
    found = program_variables({"B": "own", "E": "own"}, str(tmp_path), tool, [])
    assert found == {"A": "file", "B": "own", "C": "file table", "D": "true", "E": "1"}
    assert "A" in program_variables({}, str(tmp_path), tool, [], use_files=False)
    assert program_variables({}, str(tmp_path), tool, [], use_files=False)["A"] == "table"


def test_single_quotes_keep_names_as_a_shell_does() -> None:
    assert parse_env_file("A='${B} $B'\n", "x.env", {"B": "1"}) == {"A": "${B} $B"}


def test_expanding() -> None:
    assert expand_variables("${A}-${B:-b}-${A:-b}-${C}-$A-${", {"A": "1", "C": ""}) == "1-b-1--$A-${"
    variables = {"A": "1"}
    add_variables(variables, [("B", "${A}2"), ("A", "new"), ("C", {"value": "${B}", "force": False})], force=True)
    assert variables == {"A": "new", "B": "12", "C": "12"}
