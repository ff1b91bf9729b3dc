"""Laws of markers, with ``packaging`` as the oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

from blast_core.errors import InvalidRequirement
from blast_core.markers import (
    and_markers,
    evaluate_marker,
    format_marker,
    normalize_marker,
    or_markers,
    parse_marker,
    uses_extra,
)
from blast_core.names import normalize_name
from blast_core.testing_strategies import marker_environments, markers

pytestmark = pytest.mark.property

EXTRAS = st.sampled_from(["", "test", "a-b", "c"])
PIECES = [
    "python_version", "os.name", "extra", "extras", "==", "<", "~=", "in", "not", "not in", "and", "or", "(", ")", " ",
    "  ", "'a'", '"3.8"', "'", "foo", "\t", "os_name == 'a'", "os_name == 'a'", "'\\x41'", "'\u00e9'", "\n", "e",
]  # fmt: skip
NEARLY_MARKERS = st.one_of(markers(), st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=5))


def _theirs(marker: str, environment: dict[str, str], extra: str) -> bool:
    return Marker(marker).evaluate({**environment, "extra": extra})


@given(markers(), marker_environments(), EXTRAS)
def test_markers_hold_where_packaging_says_so(marker: str, environment: dict[str, str], extra: str) -> None:
    extras = (extra,) if extra else ()
    assert evaluate_marker(marker, environment, extras) == _theirs(marker, environment, extra)


@given(markers(), marker_environments(), EXTRAS)
def test_the_written_form_means_the_same_and_is_the_only_one(
    marker: str, environment: dict[str, str], extra: str
) -> None:
    normal = normalize_marker(marker)
    assert normalize_marker(normal) == normal
    assert format_marker(parse_marker(normal)) == normal
    assert parse_marker(normal) == parse_marker(marker)
    assert _theirs(normal, environment, extra) == _theirs(marker, environment, extra)


@given(markers(), markers(), marker_environments(), EXTRAS)
def test_combined_markers_hold_as_their_parts(left: str, right: str, environment: dict[str, str], extra: str) -> None:
    extras = (extra,) if extra else ()
    values = [evaluate_marker(one, environment, extras) for one in (left, right)]
    assert evaluate_marker(and_markers(left, right), environment, extras) == all(values)
    assert evaluate_marker(or_markers(left, right), environment, extras) == any(values)
    assert uses_extra(and_markers(left, right)) == (uses_extra(left) or uses_extra(right))


@given(NEARLY_MARKERS)
def test_a_text_is_a_marker_exactly_where_packaging_says_so(text: str) -> None:
    try:
        parse_marker(text)
    except InvalidRequirement as error:
        position = error.details["position"]
    else:
        # The empty marker always holds; packaging has no such marker.
        assert not text.strip(" \t") or str(Marker(text))
        return
    assert position in range(len(text) + 1)
    try:
        theirs = Marker(text)
    except InvalidMarker:
        return
    # What we reject beyond packaging has no meaning: two texts, or a set that is not asked for a member.
    if "extras" not in text:
        with pytest.raises((UndefinedEnvironmentName, UndefinedComparison)):
            theirs.evaluate()


@given(st.sampled_from(["extras", "dependency_groups"]), st.booleans(), st.sets(st.sampled_from(["a-b", "c", "d"])))
def test_sets_hold_members_as_pep_751_says(variable: str, negated: bool, members: set[str]) -> None:
    marker = f"'A_b' {'not in' if negated else 'in'} {variable}"
    extras, groups = (members, ()) if variable == "extras" else ((), members)
    theirs = Marker(marker).evaluate({variable: frozenset(members)}, context="lock_file")
    assert evaluate_marker(marker, {}, extras, groups=groups) == theirs
    assert normalize_name("A_b") in normalize_marker(marker)
