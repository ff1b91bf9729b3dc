"""Points in time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.errors import UsageError
from blast_core.moments import Moment, parse_moment

# Without a zone, as hypothesis wants them.
_FIRST, _LAST = datetime.fromisoformat("1000-01-01"), datetime.fromisoformat("9990-01-01")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-03-01T12:00:00Z", "2025-03-01T12:00:00"),
        ("2025-03-01t12:00:00z", "2025-03-01T12:00:00"),
        ("2025-03-01 12:00:00", "2025-03-01T12:00:00"),
        ("2025-03-01T12:00:00+02:00", "2025-03-01T10:00:00"),
        ("2025-03-01T12:00:00.250000Z", "2025-03-01T12:00:00.25"),
        ("2025-03-01", "2025-03-02T00:00:00"),
        ("2024-02-28", "2024-02-29T00:00:00"),
        ("2024-12-31", "2025-01-01T00:00:00"),
        ("0999-12-31T00:00:00Z", "0999-12-31T00:00:00"),
    ],
)
def test_reads_instants_and_dates(text: str, instant: str) -> None:
    assert parse_moment(text) == Moment(instant)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("7 days", 168),
        ("1 day", 24),
        ("24 hours", 24),
        ("24h", 24),
        ("2w", 336),
        ("1 week, 2 days", 216),
        ("1d12h", 36),
        ("60 minutes", 1),
        ("3600s", 1),
        ("P7D", 168),
        ("p7d", 168),
        ("P2W", 336),
        ("PT24H", 24),
        ("P1DT12H", 36),
        ("PT90M", 1.5),
    ],
)
def test_reads_how_long_ago(text: str, hours: float) -> None:
    assert parse_moment(text) == Moment("", int(hours * 3600))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "7",
        "days",
        "7 fortnights",
        "-7 days",
        "0 days",
        "P",
        "PT",
        "P7",
        "P7X",
        "7 days ago then",
        "2025-13-01",
        "2025-02-30",
        "2025-03-01T25:00:00Z",
        "9999-12-31",
        "²3 days",
        "99999 weeks",
        "9" * 5000 + " days",
    ],
)
def test_refuses_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_moment(text)
    assert "2025-03-01" in caught.value.hint


@pytest.mark.parametrize("text", ["1 month", "2 years", "P1M", "P1Y"])
def test_says_why_months_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_moment(text)
    assert "no fixed length" in caught.value.reason


def test_a_moving_moment_is_rounded_down() -> None:
    now = datetime(2025, 3, 10, 12, 34, 56, 789, UTC).timestamp()
    assert parse_moment("7 days").resolve(now) == "2025-03-03T12:00:00"
    assert parse_moment("90 minutes").resolve(now) == "2025-03-10T11:04:00"
    assert parse_moment("2025-03-01").resolve(now) == "2025-03-02T00:00:00"


def test_equal_moments_have_one_spelling() -> None:
    assert len({parse_moment(text).text for text in ("7 days", "1w", "P7D", "PT168H")}) == 1
    assert len({parse_moment(text).text for text in ("2025-03-01", "2025-03-02T00:00:00Z")}) == 1


@settings(max_examples=200)
@given(st.text("0123456789PTDHWMSdaysweeks-:.Z +,", max_size=30))
def test_any_text_is_a_moment_or_an_error(text: str) -> None:
    try:
        found = parse_moment(text)
    except UsageError:
        return
    assert parse_moment(found.text) == found


@settings(max_examples=200)
@given(st.datetimes(_FIRST, _LAST), st.integers(-840, 840))
def test_instants_sort_as_texts(moment: datetime, offset_minutes: int) -> None:
    zone = timezone(timedelta(minutes=offset_minutes))
    first = parse_moment(moment.replace(tzinfo=zone).isoformat())
    second = parse_moment((moment.replace(tzinfo=zone) + timedelta(microseconds=1)).astimezone(UTC).isoformat())
    assert first.instant < second.instant
