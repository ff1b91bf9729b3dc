"""Environment markers: parse them once, evaluate them often.

What a comparison means where the specification leaves room is what ``packaging.markers`` 26 decides: the four
variables that hold versions compare as versions where the right side makes a specifier, else as text; and text knows
no order, so ``<`` and ``>`` are never true of it.
"""

from __future__ import annotations

from blast_core.errors import InvalidRequirement
from blast_core.marker_syntax import (
    ALWAYS,
    BLANK,
    SETS,
    Combination,
    Comparison,
    Marker,
    combine_markers,
    format_marker,
    parse_marker,
)
from blast_core.version.specifiers import match_single

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = [
    "ALWAYS",
    "Combination",
    "Comparison",
    "Marker",
    "and_markers",
    "evaluate_marker",
    "evaluate_tree",
    "format_marker",
    "iter_comparisons",
    "normalize_marker",
    "or_markers",
    "parse_marker",
    "uses_extra",
]

_VERSIONS = frozenset(("python_version", "python_full_version", "implementation_version", "platform_release"))
_EQUALITIES = frozenset(("==", "<=", ">="))
_NOT_IDENTITY = frozenset("; )\t\n\r\f\v")


def normalize_marker(text: str) -> str:
    """Return the one written form of a marker.

    Raises:
        InvalidRequirement: it is not a marker.
    """
    return format_marker(parse_marker(text))


def evaluate_marker(
    marker: str,
    environment: Mapping[str, str],
    extras: Collection[str] = (),
    *,
    groups: Collection[str] = (),
) -> bool:
    """Tell whether a marker holds.

    Args:
        marker: a marker; "" always holds.
        environment: the variables of PEP 508 that the marker uses.
        extras: normalised names of the extras asked for: what ``extra`` and ``extras`` are compared with.
        groups: normalised names of the dependency groups asked for.

    Raises:
        InvalidRequirement: it is not a marker, compares what has no comparison, or uses a variable that
            ``environment`` lacks.

    Spec: PEP 508, PEP 685, PEP 751. Cost: some 1 us a comparison.
    """
    return not marker or evaluate_tree(parse_marker(marker), environment, extras, groups)


def evaluate_tree(
    marker: Marker, environment: Mapping[str, str], extras: Collection[str] = (), groups: Collection[str] = ()
) -> bool:
    """Tell whether a parsed marker holds; see ``evaluate_marker``."""
    if isinstance(marker, Comparison):
        return _compare(marker, environment, extras, groups)
    if marker.kind == "and":
        return all(evaluate_tree(part, environment, extras, groups) for part in marker.parts)
    return any(evaluate_tree(part, environment, extras, groups) for part in marker.parts)


def _compare(
    comparison: Comparison, environment: Mapping[str, str], extras: Collection[str], groups: Collection[str]
) -> bool:
    operator, variable, value, is_reversed = comparison
    if variable == "extra":
        return _compare_extra(comparison, extras)
    if variable in SETS:
        return (value in (extras if variable == "extras" else groups)) == (operator == "in")
    actual = environment.get(variable)
    if actual is None:
        raise InvalidRequirement(
            f"the marker {format_marker(comparison)!r} can't be evaluated",
            reason=f"the environment has no {variable}",
            variable=variable,
        )
    if actual.endswith("+") and variable == "python_full_version":
        # A CPython built from an untagged checkout says 3.14.0a1+, which is no version.
        actual += "local"
    left, right = (value, actual) if is_reversed else (actual, value)
    if variable in _VERSIONS:
        holds = _compare_versions(operator, left, right)
        if holds is not None:
            return holds
    return _compare_text(comparison, left, right)


def _compare_versions(operator: str, left: str, right: str) -> bool | None:
    """Compare as versions, or return None where the right side makes no specifier."""
    if operator in {"in", "not in"}:
        return None
    if operator == "===":
        # The one operator whose right side may hold a comma.
        wanted = right.strip()
        return None if _NOT_IDENTITY.intersection(wanted) else left.lower() == wanted.lower()
    return match_single(operator + right, left)


def _compare_text(comparison: Comparison, left: str, right: str) -> bool:
    operator = comparison.operator
    if operator in _EQUALITIES:
        return left == right
    if operator == "!=":
        return left != right
    if operator in {"in", "not in"}:
        return (left in right) == (operator == "in")
    if operator in {"<", ">"}:
        return False
    raise InvalidRequirement(
        f"the marker {format_marker(comparison)!r} can't be evaluated",
        reason=f"{operator} compares versions, and {left!r} or {right!r} is none",
        hint="use ==, !=, in or not in",
    )


def _compare_extra(comparison: Comparison, extras: Collection[str]) -> bool:
    """Compare ``extra`` with the extras asked for; without any it is the empty text."""
    operator, _, value, is_reversed = comparison
    names = extras or ("",)
    if operator in {"in", "not in"}:
        found = any(value in name if is_reversed else name in value for name in names)
        return found == (operator == "in")
    if operator == "!=":
        return value not in names
    return any(_compare_text(comparison, name, value) for name in names)


def and_markers(left: str, right: str) -> str:
    """Return the marker that holds where both do; "" always holds."""
    if not left or not right or left == right:
        return left or right
    return format_marker(combine_markers("and", (parse_marker(left), parse_marker(right))))


def or_markers(left: str, right: str) -> str:
    """Return the marker that holds where one of the two does; "" always holds."""
    if not left.strip(BLANK) or not right.strip(BLANK):
        return ""
    return format_marker(combine_markers("or", (parse_marker(left), parse_marker(right))))


def uses_extra(marker: str) -> bool:
    """Tell whether a marker asks for an extra by ``extra``."""
    return "extra" in marker and any(one.variable == "extra" for one in iter_comparisons(parse_marker(marker)))


def iter_comparisons(marker: Marker) -> Iterator[Comparison]:
    """Yield the comparisons of a marker, from left to right."""
    if isinstance(marker, Comparison):
        yield marker
        return
    for part in marker.parts:
        yield from iter_comparisons(part)
