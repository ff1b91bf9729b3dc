"""Where some sources say nothing, another does: a negated marker holds exactly where the marker does not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_core.errors import InvalidManifest
from blast_core.markers import evaluate_marker
from blast_project.source_markers import negate_marker
from blast_project.testing import make_target

ENVIRONMENTS = [
    make_target(
        sys_platform=platform, python_version=minor, python_full_version=f"{minor}.2", os_name=name
    ).marker_environment
    for platform, minor, name in itertools.product(("linux", "win32"), ("3.9", "3.10", "3.12"), ("posix", "nt"))
]

comparisons = st.one_of(
    st.builds(
        "python_version {} '{}'".format,
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.sampled_from(["3.9", "3.10", "3.12", "3.13"]),
    ),
    st.builds("python_version ~= '{}'".format, st.sampled_from(["3.9", "3.10"])),
    st.builds("python_full_version ~= '{}'".format, st.sampled_from(["3.9.1", "3.12.0", "3.10.3"])),
    st.builds("'{}' {} python_version".format, st.just("3.10"), st.sampled_from(["<", "<=", ">", ">="])),
    st.builds(
        "sys_platform {} '{}'".format,
        st.sampled_from(["==", "!=", "in", "not in"]),
        st.sampled_from(["linux", "win32", "linux win32"]),
    ),
    st.builds("os_name == '{}'".format, st.sampled_from(["posix", "nt"])),
)
markers = st.recursive(
    comparisons,
    lambda parts: st.one_of(
        st.builds("({}) and ({})".format, parts, parts), st.builds("({}) or ({})".format, parts, parts)
    ),
    max_leaves=8,
)


@pytest.mark.property
@given(markers)
def test_one_of_the_two_holds_and_never_both(marker: str) -> None:
    negated = negate_marker(marker)
    for environment in ENVIRONMENTS:
        assert evaluate_marker(marker, environment) != evaluate_marker(negated, environment)


@pytest.mark.parametrize("marker", ["python_version === '3.9'", "platform_release >= '6'", "sys_platform < 'm'"])
def test_what_has_no_opposite_is_told(marker: str) -> None:
    with pytest.raises(InvalidManifest, match="can't be turned round"):
        negate_marker(marker)
