"""Names and passwords are read from netrc, and never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_compat.netrc import find_netrc, parse_netrc, read_netrc
from blast_core.errors import UsageError
from blast_core.pip_configuration import NetrcEntry

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
# a comment
machine One.Invalid login me password se#cret
machine two.invalid
    login "some one" password "with \\" quote"   # after
macdef init
cd /machine
password oops

default login anonymous password guest
"""


def test_reads_machines_macros_comments_quotes_and_default() -> None:
    assert parse_netrc(TEXT) == (
        NetrcEntry("one.invalid", "me", "se#cret"),
        NetrcEntry("two.invalid", "some one", 'with " quote'),
        NetrcEntry("", "anonymous", "guest"),
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("login me\n", "line 1", id="login-before-machine"),
        pytest.param("machine a login\n", "line 1", id="no-value"),
        pytest.param("\nmachine a loggin me password hidden\n", "line 2", id="unknown-word"),
        pytest.param('machine a password "hidden\n', "line 1", id="open-quote"),
    ],
)
def test_broken_file_names_the_line_and_no_secret(text: str, line: str) -> None:
    with pytest.raises(UsageError, match=line) as caught:
        parse_netrc(text)
    assert "hidden" not in str(caught.value.to_dict())


def test_password_is_not_in_the_repr() -> None:
    assert "secret" not in repr(NetrcEntry("h", "me", "secret"))


def test_finds_the_file_that_the_variable_or_home_names(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine a login b password c\n")
    (tmp_path / "other").write_text("")
    assert find_netrc({"HOME": str(tmp_path)}) == str(tmp_path / ".netrc")
    assert find_netrc({"HOME": str(tmp_path), "NETRC": str(tmp_path / "other")}) == str(tmp_path / "other")
    assert find_netrc({"HOME": str(tmp_path), "NETRC": str(tmp_path / "none")}) == ""
    assert find_netrc({}) == ""
    assert read_netrc(str(tmp_path / ".netrc")) == (NetrcEntry("a", "b", "c"),)
    assert read_netrc(str(tmp_path / "none")) == ()
