"""Sizes and ages as people write them."""

from __future__ import annotations

import pytest

from blast_cli.commands._amounts import format_age, format_size, parse_age, parse_size
from blast_core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1048576", 1 << 20),
        ("20G", 20 << 30),
        ("1.5 GiB", 3 << 29),
        ("500mb", 500 << 20),
        ("2k", 2048),
        ("7b", 7),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("30d", 30 * 86400), ("12h", 43200), ("2w", 14 * 86400), ("90m", 5400), ("3", 259200)],
)
def test_ages(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "20X", "nan", "inf", "1e400", "G"])
def test_what_is_neither_is_refused(text: str) -> None:
    for parse in (parse_size, parse_age):
        with pytest.raises(UsageError, match="is no"):
            parse(text)


def test_they_are_shown_in_few_digits() -> None:
    assert [format_size(size) for size in (0, 1023, 1024, 150 << 20, 3 << 29, 5000 << 40)] == [
        "0 B", "1023 B", "1.0 KiB", "150 MiB", "1.5 GiB", "5000 TiB",
    ]  # fmt: skip
    assert [format_age(seconds) for seconds in (3, 61, 7200, 86400, 10**6)] == [
        "a moment", "1 minute", "2 hours", "1 day", "11 days",
    ]  # fmt: skip
