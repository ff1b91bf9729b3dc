"""Laws of requirements, with ``packaging`` as the oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement as PackagingInvalidRequirement
from packaging.requirements import Requirement as PackagingRequirement
from packaging.specifiers import SpecifierSet

from blast_core.errors import InvalidRequirement
from blast_core.markers import parse_marker
from blast_core.names import normalize_name
from blast_core.requirements import format_requirement, parse_requirement
from blast_core.testing_strategies import requirements

pytestmark = pytest.mark.property

PIECES = [
    "a", "b-c", "x_y", "[", "]", ",", "a,b", "(", ")", ">=1", "==1.*", "<2", " ", " ", "\t", "@", "https://index.invalid/a",
    ";", "os_name == 'a'", "extra=='x'", "-", ".", "1", "=", "===a", "\u00e9",
]  # fmt: skip
NEARLY_REQUIREMENTS = st.one_of(
    requirements(), st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=6)
)


@given(requirements())
def test_a_requirement_says_what_packaging_reads(text: str) -> None:
    ours, theirs = parse_requirement(text), PackagingRequirement(text)
    assert ours.name == normalize_name(theirs.name)
    assert ours.extras == tuple(sorted({normalize_name(extra) for extra in theirs.extras}))
    assert ours.url == (theirs.url or "")
    assert SpecifierSet(ours.specifier) == theirs.specifier
    assert parse_marker(ours.marker) == parse_marker(str(theirs.marker or ""))


@given(requirements())
def test_writing_and_reading_gives_the_same_requirement(text: str) -> None:
    requirement = parse_requirement(text)
    written = format_requirement(requirement)
    assert parse_requirement(written) == requirement
    assert format_requirement(parse_requirement(written)) == written
    theirs = PackagingRequirement(text)
    # packaging keeps redundant parentheses in a marker; all else must be equal.
    ours = PackagingRequirement(written)
    theirs.marker = ours.marker = None
    assert ours == theirs


@given(NEARLY_REQUIREMENTS)
def test_a_text_is_a_requirement_exactly_where_packaging_says_so(text: str) -> None:
    try:
        theirs = PackagingRequirement(text)
    except PackagingInvalidRequirement:
        with pytest.raises(InvalidRequirement) as caught:
            parse_requirement(text)
        assert caught.value.details["position"] in range(len(text) + 1)
        return
    # PEP 508 lets a name end in a letter or digit; packaging takes an underscore, too. Nor does it
    # let a line end stand between an operator and its version.
    if (
        text.replace("\t", " ").isprintable()
        and not theirs.name.endswith("_")
        and not any(extra.endswith("_") for extra in theirs.extras)
    ):
        parse_requirement(text)
