"""Points in time as people write them for ``exclude-newer``: an instant, a date, or how long ago.

    2025-03-01T12:00:00Z    an instant (RFC 3339); without an offset it is UTC
    2025-03-01              that whole day, in UTC: the instant is the following midnight
    7 days, 2w, 24h, P7D    so long before now (words, short words, ISO 8601)

Instants are kept as text in UTC that sorts as they do: ``2025-03-01T12:00:00``, a fraction without closing zeros, no
``Z``. A day is 24 hours; months and years have no fixed length and are refused.

Spec: RFC 3339; ISO 8601 durations.
"""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["Moment", "instant_text", "parse_moment"]

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 7 * 86400
_UNITS = {
    _WEEK: ("w", "wk", "wks", "week", "weeks"),
    _DAY: ("d", "day", "days"),
    _HOUR: ("h", "hr", "hrs", "hour", "hours"),
    _MINUTE: ("m", "min", "mins", "minute", "minutes"),
    1: ("s", "sec", "secs", "second", "seconds"),
}
_SECONDS = {word: seconds for seconds, words in _UNITS.items() for word in words}
_ISO_DATE = {"W": _WEEK, "D": _DAY}
_ISO_TIME = {"H": _HOUR, "M": _MINUTE, "S": 1}
_LONGEST_S = 100 * 366 * _DAY
_HINT = "write a date such as 2025-03-01, an instant such as 2025-03-01T12:00:00Z, or a time such as '7 days'"


class Moment(NamedTuple):
    """An instant, or how long before now.

    Attributes:
        instant: in UTC, as the module's text says; "" for a moment that moves.
        span_s: seconds before now, 0 for an instant.
    """

    instant: str
    span_s: int = 0

    @property
    def text(self) -> str:
        """The one spelling that equal moments share: ``2025-03-01T12:00:00Z`` or ``PT604800S``."""
        return f"{self.instant}Z" if self.instant else f"PT{self.span_s}S"

    def resolve(self, now_s: float) -> str:
        """Return the instant that is meant, as text.

        One that moves is rounded down, to a whole hour or, where it is less than a day, to a minute: commands that
        follow each other see the same, and nothing younger than asked for gets through.

        Args:
            now_s: seconds since 1970.
        """
        if self.instant:
            return self.instant
        from datetime import UTC, datetime

        step = _HOUR if self.span_s >= _DAY else _MINUTE
        at = int(now_s - self.span_s) // step * step
        return instant_text(datetime.fromtimestamp(max(at, 0), UTC))


def parse_moment(text: str) -> Moment:
    """Read a moment in any of the forms above.

    Raises:
        UsageError: it is none.
    """
    from datetime import UTC, datetime, timedelta

    text = text.strip()
    if text[:1].isdigit() and text[4:5] == "-":
        try:
            found = datetime.fromisoformat(text.upper())
            if len(text) == len("2025-03-01"):
                found += timedelta(days=1)
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise UsageError(f"'{text}' is no date", reason=str(error), hint=_HINT) from error
        return Moment(instant_text(found))
    span = _iso_span(text) if text[:1] in {"P", "p"} else _spoken_span(text)
    if not span:
        raise UsageError(f"'{text}' is no date and no time", reason=_why_not(text), hint=_HINT)
    if span > _LONGEST_S:
        raise UsageError(f"'{text}' is too long ago", reason="it is more than a hundred years", hint=_HINT)
    return Moment("", span)


def instant_text(moment: datetime) -> str:
    """Return a moment in UTC as the module's text says."""
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0")
    return f"{text}.{moment.microsecond:06}".rstrip("0") if moment.microsecond else text


def _spoken_span(text: str) -> int:
    """Read ``7 days``, ``1 week, 2 days``, ``24h``, ``1d12h``; 0 for what is none of them."""
    total = 0
    rest = text.lower().replace(",", " ").strip()
    while rest:
        digits = _leading(rest, str.isdecimal)
        rest = rest[len(digits) :].lstrip()
        unit = _leading(rest, str.isalpha)
        rest = rest[len(unit) :].lstrip()
        if not digits or len(digits) > 9 or unit not in _SECONDS:
            return 0
        total += int(digits) * _SECONDS[unit]
    return total


def _iso_span(text: str) -> int:
    """Read ``P7D``, ``P2W``, ``PT24H``, ``P1DT12H``; 0 for what is none of them."""
    date, marked, time = text[1:].upper().partition("T")
    if marked and not time:
        return 0
    total = 0
    for part, units in ((date, _ISO_DATE), (time, _ISO_TIME)):
        rest = part
        while rest:
            digits = _leading(rest, str.isdecimal)
            unit = rest[len(digits) : len(digits) + 1]
            if not digits or len(digits) > 9 or unit not in units:
                return 0
            total += int(digits) * units[unit]
            rest = rest[len(digits) + 1 :]
    return total


def _leading(text: str, belongs: Callable[[str], bool]) -> str:
    count = 0
    while count < len(text) and text[count].isascii() and belongs(text[count]):
        count += 1
    return text[:count]


def _why_not(text: str) -> str:
    lowered = text.lower()
    calendar = any(word in lowered for word in ("month", "year")) or (
        lowered[:1] == "p" and ("y" in lowered or "m" in lowered.partition("t")[0])
    )
    return "months and years have no fixed length: say days" if calendar else "it is none of the forms that are known"
