"""TOML documents for tests, and what it means for two to be the same."""

from __future__ import annotations

import struct
from datetime import UTC, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["documents", "same"]

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_KEYS = st.one_of(st.sampled_from(["a", "b", "tool", "project", "", "a.b", '"', "ä", "x y"]), _TEXTS)
_ZONES = st.one_of(
    st.none(), st.just(UTC), st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)
_SCALARS = st.one_of(
    _TEXTS,
    st.integers(-10, 10),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**200), 2**200),
    st.sampled_from([2**63, -(2**63) - 1, 2**63 - 1, 2**71, -(2**71), -(2**71) - 1]),
    st.floats(),
    st.booleans(),
    st.datetimes(timezones=_ZONES),
    st.dates(),
    st.times(),
)


def documents(max_leaves: int = 20) -> SearchStrategy[dict[str, Any]]:
    """Draw any TOML document: nested tables and arrays of every type of value."""
    values = st.recursive(
        _SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(_KEYS, inner, max_size=4),
            st.lists(st.dictionaries(_KEYS, inner, max_size=3), max_size=3),
        ),
        max_leaves=max_leaves,
    )
    return st.dictionaries(_KEYS, values, max_size=6)


def same(one: object, other: object) -> bool:
    """Tell whether two values are one TOML value: equal in type and order of keys, floats in every bit but NaN's."""
    pairs = [(one, other)]
    while pairs:
        left, right = pairs.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, dict) and isinstance(right, dict):
            if list(left) != list(right):
                return False
            pairs += [(left[key], right[key]) for key in left]
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pairs += zip(left, right, strict=True)
        elif isinstance(left, float) and isinstance(right, float):
            if struct.pack("<d", left) != struct.pack("<d", right) and (left == left or right == right):  # noqa: PLR0124 - NaN
                return False
        elif left != right or getattr(left, "tzinfo", None) != getattr(right, "tzinfo", None):
            return False
    return True
