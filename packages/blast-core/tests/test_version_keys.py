"""Versions: what is one, how they order, how they are written."""

from __future__ import annotations

import itertools
import pickle

import pytest
from packaging.version import InvalidVersion as PackagingInvalidVersion
from packaging.version import Version

from blast_core.errors import BlastError, InvalidVersion
from blast_core.version import (
    PackedVersion,
    is_prerelease,
    make_version_table,
    normalize_version,
    parse_version,
    prerelease_mask,
    version_key,
)

# Ascending, as PEP 440 and packaging's own tests order them.
ASCENDING = [
    "0.dev0",
    "0",
    "0.0.0.1",
    "1.0.dev456",
    "1.0a1.dev1",
    "1.0a1",
    "1.0a2.dev456",
    "1.0a12.dev456",
    "1.0a12",
    "1.0b1.dev456",
    "1.0b2",
    "1.0b2.post345.dev456",
    "1.0b2.post345",
    "1.0rc1.dev456",
    "1.0rc1",
    "1.0",
    "1.0+abc.5",
    "1.0+abc.7",
    "1.0+5",
    "1.0+5.abc",
    "1.0+10",
    "1.0.post0.dev0",
    "1.0.post0",
    "1.0.post456.dev34",
    "1.0.post456",
    "1.0.0.1",
    "1.1.dev1",
    "1.1",
    "1.223",
    "1.224",
    "1.255",
    "1.256",
    "1.65535",
    "1.65536",
    "2024.1.1",
    "20240101",
    "1" + "0" * 71,
    "1" + "0" * 72,
    "1" + "0" * 4000,
    "1!0.1",
    "1!1",
    "223!0",
    "224!0",
    "1" + "0" * 90 + "!0",
]


def test_keys_order_versions_as_pep_440_does() -> None:
    keys = [version_key(text) for text in ASCENDING]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_keys_order_a_whole_family_as_packaging_does() -> None:
    parts = itertools.product(
        ["0", "1", "1.0", "1.0.1", "1.1"],
        ["", "a0", "b1", "rc0"],
        ["", ".post0", "-1"],
        ["", ".dev0", "dev1"],
        ["", "+a", "+1", "+1.a", "+a.1"],
    )
    family = ["".join(part) for part in parts]
    ours = sorted(family, key=version_key)
    assert ours == sorted(family, key=Version)
    for left, right in itertools.pairwise(ours):
        assert (version_key(left) == version_key(right)) == (Version(left) == Version(right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", "1.0.0"),
        ("0", "0.0"),
        ("1.0", "v1.0"),
        ("1.0", " \t1.0\n"),
        ("1.0", "0!1.0"),
        ("1.0", "01.00"),
        ("1.0rc1", "1.0-C_1"),
        ("1.0a0", "1.0.Alpha"),
        ("1.0b2", "1.0_BETA.2"),
        ("1.0rc3", "1.0preview3"),
        ("1.0.post4", "1.0-4"),
        ("1.0.post0", "1.0.r"),
        ("1.0.post1", "1.0rev-1"),
        ("1.0.dev0", "1.0-dev"),
        ("1.0a0.post1", "1.0a.-1"),
        ("1.0a1", "1.0a-1"),
        ("1.0.dev0", "1.0.dev."),
        ("1.0+ubuntu.1", "1.0+Ubuntu_01"),
    ],
)
def test_equal_spellings_have_equal_keys(left: str, right: str) -> None:
    assert version_key(left) == version_key(right)
    assert Version(left) == Version(right)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".", "1.", ".1", "1..2", "1.0.", "a1", "1.0x", "1.0+", "1.0+a..b", "1.0+a+b", "1.0+\u00e9", "!1",
        "1!", "1!!2", "1!v2", "vv1", "v 1", "1 .0", "1.0-", "1.0.-1", "1.0--1", "1.0postpost", "1.0dev1a1",
        "\u0661.0", "1.0po\u017ft1", "1_0", "1,0", "1.0*", "1.*", "+1", "-1", "1.0a1b1", "1.0\x00", "1" * 5000,
        "1.0rc" + "9" * 5000, "1" * 5000 + "!1", "1.0+" + "1" * 5000,
    ],
    ids=repr,
)  # fmt: skip
def test_rejects_what_is_no_version(text: str) -> None:
    # packaging lets int()'s complaint about the digits through as a plain ValueError.
    with pytest.raises((PackagingInvalidVersion, ValueError)):
        Version(text)
    for read in (version_key, normalize_version, parse_version, is_prerelease, PackedVersion):
        with pytest.raises(InvalidVersion):
            read(text)


def test_error_names_the_version_and_what_to_write() -> None:
    with pytest.raises(InvalidVersion) as caught:
        version_key("one")
    assert caught.value.message == "'one' is not a version"
    assert caught.value.hint
    assert isinstance(caught.value, BlastError)
    assert pickle.loads(pickle.dumps(caught.value)).details == {"version": "one"}


def test_error_about_a_long_text_stays_short() -> None:
    with pytest.raises(InvalidVersion) as caught:
        version_key("x" * 10_000)
    assert len(caught.value.message) < 120


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("1.0", "1.0"),
        ("v1.00.0", "1.0.0"),
        ("1!1-ALPHA.1_POST-2.DEV+Ab_01-c", "1!1a1.post2.dev0+ab.1.c"),
        ("0!1", "1"),
        ("1.0-1", "1.0.post1"),
    ],
)
def test_writes_the_normal_form(text: str, normal: str) -> None:
    assert normalize_version(text) == normal == str(Version(text))
    assert str(PackedVersion(text)) == normal


def test_fields_are_those_of_packaging() -> None:
    assert parse_version("1!2.0.0rc3.post4.dev5+a.6") == (1, (2, 0, 0), ("rc", 3), 4, 5, "a.6")
    assert parse_version("1.0") == (0, (1, 0), None, None, None, "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.0", False), ("1.0a1", True), ("1.0.dev1", True), ("1.0.post1", False), ("1.0.post1.dev2", True),
     ("1.0+a", False), ("1.0rc1+a", True)],
)  # fmt: skip
def test_tells_prereleases(text: str, expected: bool) -> None:
    assert is_prerelease(text) is expected
    assert PackedVersion(text).is_prerelease is expected


def test_key_never_ends_in_the_padding_of_numpy() -> None:
    assert all(not version_key(text).endswith(b"\0") for text in [*ASCENDING, "1.0.dev256", "1.0.dev65536", "1+256"])


def test_packed_versions_compare_hash_and_show() -> None:
    old, new = PackedVersion("1.0rc1"), PackedVersion("1.0")
    assert old < new
    assert old <= new
    assert new > old
    assert new >= old
    assert old != new
    assert new == PackedVersion("1")
    assert new != "1.0"
    assert len({new, PackedVersion("1.0.0"), old}) == 2
    assert repr(old) == "PackedVersion('1.0rc1')"
    assert new.fields.release == (1, 0)


def test_table_sorts_merges_and_drops() -> None:
    table = make_version_table(["2.0", "1.0", "nonsense", "1.0.0", "2.0rc1", "1.0"])
    assert table.texts == ("1.0", "2.0rc1", "2.0")
    assert table.keys == tuple(version_key(text) for text in table.texts)
    assert prerelease_mask(table) == 0b010


def test_table_of_nothing_is_empty() -> None:
    assert make_version_table([]) == ((), ())


def test_caches_stay_bounded() -> None:
    from blast_core.version import keys

    for number in range(2 * keys._SUFFIX_LIMIT):
        version_key(f"1.0.dev{number}")
    version_key("1.0rc" + "1" * 4000)
    assert len(keys._suffixes) <= keys._SUFFIX_LIMIT
