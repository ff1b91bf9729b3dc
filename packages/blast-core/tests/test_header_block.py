"""METADATA's header is what the email package reads, because that is what every other tool reads it with."""

from __future__ import annotations

import email.parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_core.archive.headers import parse_headers

_PIECES = st.sampled_from(
    ["Name", "name", "Version", ":", ": ", " ", "\t", "\n", "\n\n", "\r\n", "\r", "x", "1.0", "é", "\x0b", "\x85",
     "\u2028", "a b", "=", "-", "From ", "\x7f", "\x1c"]
)  # fmt: skip


def read_with_email(content: bytes) -> list[tuple[str, list[str]]]:
    """Return the fields in order of their first occurrence; what continues a line is stripped, as ours is."""
    message = email.parser.HeaderParser().parsestr(content.decode(errors="replace"))
    names = dict.fromkeys(name.lower() for name in message)
    return [(name, [_stripped(value) for value in message.get_all(name, [])]) for name in names]


def _stripped(value: str) -> str:
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.strip() for line in lines).strip()


def read_with_ours(content: bytes) -> list[tuple[str, list[str]]]:
    headers = parse_headers(content)
    names = dict.fromkeys(name for name, _ in headers.fields)
    return [(name, [_stripped(value) for value in headers.get_all(name)]) for name in names]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"Name: a\nVersion: 1\n\nName: b\n", id="plain"),
        pytest.param(b"Name: a\na/b = x:y\nVersion: 1\n", id="a name with blanks ends it"),
        pytest.param(b"Name: a\nVersion : 1\n", id="a blank before the colon ends it"),
        pytest.param(b"Name: a\nV\xc3\xa9rsion: 1\nVersion: 2\n", id="a name outside ASCII ends it"),
        pytest.param(b"Name: a\nnothing\nVersion: 1\n", id="a line without a colon ends it"),
        pytest.param(b"Name: a\rVersion: 1\n", id="a lone carriage return ends a line"),
        pytest.param(b"Name: a\r\rVersion: 1\n", id="two of them end the header"),
        pytest.param(b"Name: a\n: x\nVersion: 1\n", id="a field without a name is passed over"),
        pytest.param(b"Name: a\n: x\n more\nFrom b\n less\nVersion: 1\n", id="and what continues it"),
        pytest.param(b" more\nName: a\n", id="a continuation of nothing"),
        pytest.param(b"Summary: a\n b\n\tc\nName: d\n", id="continued"),
        pytest.param(b"\nName: a\n", id="an empty first line"),
        pytest.param(b"Summary: a\x0bb\x85\nName: d\n", id="only these end lines"),
    ],
)
def test_the_header_is_the_one_that_email_reads(content: bytes) -> None:
    assert read_with_ours(content) == read_with_email(content)


def test_a_value_over_very_many_lines_takes_no_longer_than_its_bytes() -> None:
    """Joined line by line, 8 MiB of them would be copied for hours."""
    headers = parse_headers(b"Name: a\nSummary: b\n" + b" x\n" * 2_500_000 + b"Version: 1\n")
    assert headers.get("version") == "1"
    assert len(headers.get("summary")) == 5_000_001


@pytest.mark.property
@given(st.lists(_PIECES, max_size=20).map("".join))
def test_any_header_is_the_one_that_email_reads(text: str) -> None:
    content = f"Metadata-Version: 2.1\n{text}".encode()
    assert read_with_ours(content) == read_with_email(content)
