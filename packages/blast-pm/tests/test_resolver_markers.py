"""Markers on one target."""

from __future__ import annotations

import pytest

from blast_core.markers import evaluate_marker
from blast_pm.resolver.markers import TargetMarkers
from blast_pm.resolver.testing import make_target, requirements

TARGET = make_target()
ENVIRONMENT = TARGET.marker_environment
MARKERS = [
    "",
    'extra == "x"',
    "extra == 'x' and sys_platform == 'linux'",
    "sys_platform == 'linux' and extra == 'x'",
    "sys_platform == 'linux' or extra == 'x'",
    "(extra == 'x' or extra == 'y') and python_version >= '3.8'",
    "extra != 'x'",
    "'x' == extra",
    "python_version < '3.8'",
]


@pytest.mark.parametrize("marker", MARKERS)
def test_answers_as_the_evaluation_does_each_time(marker: str) -> None:
    markers = TargetMarkers([TARGET])
    for _ in range(2):
        assert markers.holds(marker) == evaluate_marker(marker, ENVIRONMENT)
        assert markers.holds_with(marker, "x") == evaluate_marker(marker, ENVIRONMENT, ("x",))
        assert markers.mentions_extra(marker) == ("extra" in marker)


def test_parts_metadata_into_base_and_extras() -> None:
    markers = TargetMarkers([TARGET])
    rows = requirements(
        "a",
        "b; extra == 'x'",
        "c; extra == 'y'",
        "d; sys_platform == 'win32'",
        "e; sys_platform == 'linux' or extra == 'x'",
    )
    assert [row.name for row, _ in markers.base_rows(rows)] == ["a", "e"]
    assert [row.name for row, _ in markers.extra_rows(rows, "x")] == ["b"]
    assert markers.extra_rows(rows, "nope") == []


@pytest.mark.parametrize(
    ("requires", "fits"),
    [(">=3.6", 1), (">=3.6.*", 1), ("<3", 0), ("<3.*", 0), (">=3.6,", 1), (">=nope", 1)],
)
def test_a_requires_python_of_an_old_release_rules_out_no_more_than_it_says(requires: str, fits: int) -> None:
    """Installers always took them; one such release made the whole resolution fail."""
    assert TargetMarkers([TARGET]).runs_on(requires) == fits
