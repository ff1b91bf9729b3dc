"""Lines of progress: what a person wants to know, on every terminal, never wider nor higher than it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_cli.progress_lines import Style, Work, progress_lines

UTF = Style.for_encoding("utf-8")
ASCII = Style.for_encoding("ascii")
HALF = Work("numpy 2.4.6", 20 << 20, 5 << 20, 2.0)


def test_a_download_shows_bytes_rate_and_time_left() -> None:
    head, line = progress_lines("Preparing 1 of 4 packages", 2.3, [HALF], width=100, height=24, style=UTF)
    assert head.endswith("Preparing 1 of 4 packages (2 s)")
    assert line.split() == ["numpy", "2.4.6", "25%", "20.0", "MiB", "2.5", "MiB/s", "0:06", "━" * 5 + "─" * 15]


def test_a_size_that_is_unknown_leaves_bytes_and_rate() -> None:
    _, line = progress_lines("", 0.6, [HALF._replace(total=0)], width=100, height=24, style=UTF)
    assert line.split() == ["numpy", "2.4.6", "5.0", "MiB", "2.5", "MiB/s"]


@pytest.mark.parametrize(
    ("width", "words"),
    [(79, 9), (56, 8), (44, 7), (38, 5), (19, 3)],
    ids=["all of it", "no bar", "no time left", "no rate", "the part alone"],
)
def test_a_narrow_terminal_shows_the_most_telling(width: int, words: int) -> None:
    _, line = progress_lines("", 0.6, [HALF], width=width, height=24, style=UTF)
    assert len(line.split()) == words
    assert len(line) <= width


def test_what_does_not_fit_is_counted() -> None:
    work = [HALF._replace(label=f"p{number}") for number in range(50)]
    lines = progress_lines("Preparing", 0.5, work, width=80, height=10, style=UTF)
    assert len(lines) == 9
    assert lines[-1] == "  and 43 more"


def test_a_terminal_of_letters_gets_letters() -> None:
    assert all(line.isascii() for line in progress_lines("Resolving", 0.7, [HALF], width=80, height=24, style=ASCII))


@pytest.mark.property
@given(
    step=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=120),
    seconds=st.floats(0, 1e6),
    work=st.lists(
        st.builds(
            Work,
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90),
            st.integers(0, 1 << 50),
            st.integers(0, 1 << 50),
            st.floats(0, 1e6),
        ),
        max_size=40,
    ),
    width=st.integers(1, 200),
    height=st.integers(1, 60),
)
def test_lines_fit_on_every_terminal(step: str, seconds: float, work: list[Work], width: int, height: int) -> None:
    lines = progress_lines(step, seconds, work, width=width, height=height, style=UTF)
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= max(height, 3)
