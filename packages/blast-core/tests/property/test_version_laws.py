"""Laws of versions and specifiers, with ``packaging`` as the oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier
from packaging.specifiers import SpecifierSet as PackagingSet
from packaging.version import InvalidVersion as PackagingInvalidVersion
from packaging.version import Version

from blast_core.errors import InvalidRequirement, InvalidVersion
from blast_core.testing_strategies import specifier_sets, version_like, versions
from blast_core.version import (
    SpecifierSet,
    check_specifier,
    is_prerelease,
    make_version_table,
    mentions_prerelease,
    normalize_version,
    parse_version,
    specifier_mask,
    version_key,
)
from blast_core.version.vector import (
    compare_versions,
    encode_versions,
    filter_versions,
    prerelease_versions,
    sort_versions,
)

pytestmark = pytest.mark.property

POLICIES = st.sampled_from([None, True, False])
OPERATORS = st.sampled_from(["==", "!=", "~=", "===", "<", "<=", ">", ">=", "=", "", "=<", "~", "!"])
ENDS = st.sampled_from(["", "", ".*", " ", ";", ")"])
NEARLY_SPECIFIERS = st.lists(st.builds("{}{}{}".format, OPERATORS, version_like(), ENDS), max_size=3).map(",".join)


@given(version_like())
def test_a_text_is_a_version_exactly_where_packaging_says_so(text: str) -> None:
    try:
        theirs = Version(text)
    except PackagingInvalidVersion:
        with pytest.raises(InvalidVersion):
            version_key(text)
        return
    assert normalize_version(text) == str(theirs)
    assert is_prerelease(text) == theirs.is_prerelease
    pre, local = theirs.pre, theirs.local or ""
    assert parse_version(text) == (theirs.epoch, theirs.release, pre, theirs.post, theirs.dev, local)
    assert version_key(normalize_version(text)) == version_key(text)


@given(versions(), versions())
def test_keys_compare_as_packaging_compares(left: str, right: str) -> None:
    assert (version_key(left) < version_key(right)) == (Version(left) < Version(right))
    assert (version_key(left) == version_key(right)) == (Version(left) == Version(right))


@given(versions(), versions())
def test_no_key_is_the_beginning_of_another(left: str, right: str) -> None:
    if version_key(left) != version_key(right):
        assert not version_key(left).startswith(version_key(right))


@given(specifier_sets(), st.lists(version_like(), max_size=10), POLICIES, POLICIES)
def test_sets_decide_as_packaging_decides(
    text: str, candidates: list[str], policy: bool | None, configured: bool | None
) -> None:
    ours, theirs = SpecifierSet(text, configured), PackagingSet(text, configured)
    assert ours.prereleases == theirs.prereleases
    assert mentions_prerelease(text) == bool(PackagingSet(text).prereleases)
    for candidate in candidates:
        assert ours.contains(candidate, policy) == theirs.contains(candidate, policy)
    assert ours.filter(candidates, policy) == list(theirs.filter(candidates, policy))
    assert PackagingSet(str(ours)) == PackagingSet(text)


@given(NEARLY_SPECIFIERS)
def test_a_text_is_a_specifier_exactly_where_packaging_says_so(text: str) -> None:
    try:
        PackagingSet(text)
    except InvalidSpecifier:
        with pytest.raises(InvalidRequirement):
            check_specifier(text)
        return
    check_specifier(text)


@given(specifier_sets(), st.lists(versions(), max_size=10))
def test_masks_hold_what_packaging_finds(text: str, candidates: list[str]) -> None:
    table = make_version_table(candidates)
    mask = specifier_mask(text, table)
    theirs = PackagingSet(text)
    assert [bool(mask >> index & 1) for index in range(len(table.texts))] == [
        theirs.contains(candidate, prereleases=True) for candidate in table.texts
    ]
    assert list(table.keys) == sorted(set(map(version_key, candidates)))


@given(st.lists(versions(), max_size=10), specifier_sets(), POLICIES)
def test_scalar_and_vectorised_versions_are_equal(candidates: list[str], text: str, policy: bool | None) -> None:
    """Property 5 scalar/vectorised equivalence, and both = packaging."""
    keys = encode_versions(candidates)
    parsed = [Version(candidate) for candidate in candidates]
    assert keys.tolist() == [version_key(candidate) for candidate in candidates]
    everything = range(len(candidates))
    ascending = sorted(everything, key=lambda index: parsed[index])
    assert sort_versions(keys).tolist() == ascending
    assert sorted(everything, key=lambda index: version_key(candidates[index])) == ascending
    assert compare_versions(keys[:, None], keys[None, :]).tolist() == [
        [(left > right) - (left < right) for right in parsed] for left in parsed
    ]
    assert prerelease_versions(keys).tolist() == [version.is_prerelease for version in parsed]
    chosen = filter_versions(text, keys, texts=candidates, prereleases=policy).tolist()
    vectorised = [candidate for candidate, inside in zip(candidates, chosen, strict=True) if inside]
    assert vectorised == SpecifierSet(text).filter(candidates, policy)
    assert vectorised == list(PackagingSet(text).filter(candidates, policy))
