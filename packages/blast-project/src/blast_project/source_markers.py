"""The part of a marker's world that none of some other markers covers: where a source says nothing."""

from __future__ import annotations

from blast_core.errors import InvalidManifest
from blast_core.marker_syntax import Combination, Comparison, combine_markers, format_marker, parse_marker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.marker_syntax import Marker

__all__ = ["negate_marker"]

_OPPOSITES = {"==": "!=", "!=": "==", "in": "not in", "not in": "in"}
_ORDERED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_VERSIONS = frozenset(("python_version", "python_full_version", "implementation_version"))


def negate_marker(text: str) -> str:
    """Return the marker that holds exactly where ``text`` does not.

    Raises:
        InvalidManifest: the marker compares in a way that has no opposite (``===``, an order of texts).
        InvalidRequirement: it is no marker.

    Spec: PEP 508 has no ``not``, so every comparison is turned round (De Morgan).
    """
    return format_marker(_negate(parse_marker(text)))


def _negate(marker: Marker) -> Marker:
    if isinstance(marker, Combination):
        return combine_markers("or" if marker.kind == "and" else "and", map(_negate, marker.parts))
    operator = marker.operator
    if operator in _OPPOSITES:
        return marker._replace(operator=_OPPOSITES[operator])
    if marker.variable in _VERSIONS and operator in _ORDERED:
        return marker._replace(operator=_ORDERED[operator])
    if marker.variable in _VERSIONS and operator == "~=" and not marker.reversed:
        # ~=1.2.3 is >=1.2.3, ==1.2.* (PEP 440).
        series = marker.value.rpartition(".")[0] + ".*"
        older = Comparison("<", marker.variable, marker.value, reversed=False)
        return combine_markers("or", (older, Comparison("!=", marker.variable, series, reversed=False)))
    raise InvalidManifest(
        f"the marker {format_marker(marker)!r} of a source can't be turned round",
        reason="it is not clear where the other source counts",
        hint="give every other source of the requirement a marker of its own",
    )
