"""The NumPy twins: hand-made cases; the law that they equal the scalar functions is a property test."""

from __future__ import annotations

import numpy as np
import pytest

from blast_core.errors import InvalidRequirement, InvalidVersion
from blast_core.version import SpecifierSet, version_key
from blast_core.version.vector import (
    compare_versions,
    encode_versions,
    filter_versions,
    prerelease_versions,
    sort_versions,
)

HUGE = "1" + "0" * 4000
NASTY = [
    "1.0", "0", "0.0.0", "1", "1.2.3.4.5.6", "1.2.3.4.5.6.7", "1.0.0.0.0.0.0.1", "223.223", "224", "1.999", "1.1000",
    "01.002.3", "1.0rc1", "v1.0", "1.0\n", "1!2", "1.0.dev256", "1.0+256", "10.20.30", "2024.12.31", "1.0.post65536",
]  # fmt: skip


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([], id="none"),
        pytest.param(["1.0"], id="one"),
        pytest.param([text for text in NASTY if "\n" not in text], id="plain and odd"),
        pytest.param(NASTY, id="a line end among them"),
        pytest.param([*NASTY, HUGE], id="one too wide for an array"),
        pytest.param(["1.0\x85"], id="white space that is not ASCII"),
    ],
)
def test_encodes_what_the_scalar_twin_encodes(texts: list[str]) -> None:
    keys = encode_versions(texts)
    assert keys.tolist() == [version_key(text) for text in texts]
    assert sort_versions(keys).tolist() == sorted(range(len(texts)), key=lambda index: version_key(texts[index]))


@pytest.mark.parametrize("text", ["", "1..2", ".1", "1.", "1.0x", "1\n2", "\u0661", "1.0\x00", "/", "1:0"], ids=repr)
def test_rejects_what_the_scalar_twin_rejects(text: str) -> None:
    for texts in ([text], ["1.0", text], [text, "2.0"]):
        with pytest.raises(InvalidVersion):
            encode_versions(texts)


def test_one_huge_version_does_not_widen_every_row() -> None:
    keys = encode_versions(["1.0"] * 1000 + [HUGE])
    assert keys.dtype == object
    assert filter_versions("<2", keys).sum() == 1000
    assert compare_versions(keys[:2], keys[-2:]).tolist() == [0, -1]
    assert not prerelease_versions(keys).any()
    assert filter_versions(f"=={HUGE}", keys).tolist() == [False] * 1000 + [True]


def test_compares_with_broadcasting() -> None:
    keys = encode_versions(["1.0rc1", "1.0", "1.0.post1"])
    assert compare_versions(keys, encode_versions(["1"])).tolist() == [-1, 0, 1]


@pytest.mark.parametrize("prereleases", [None, True, False])
@pytest.mark.parametrize("text", ["", ">=1,<2", "==1.0+a", "!=1.0+a", "==1.*", ">1a1", "===1.0", "!=1.1", ">9"])
def test_filters_as_the_scalar_twin(text: str, prereleases: bool | None) -> None:
    versions = ["1.0", "1.0+a", "1.0+a.0", "1.1rc1", "1.1", "2.0.dev1", "2.0", "9.1rc1"]
    chosen = filter_versions(text, encode_versions(versions), texts=versions, prereleases=prereleases)
    assert [versions[index] for index in np.flatnonzero(chosen)] == SpecifierSet(text).filter(versions, prereleases)


def test_filter_of_nothing_is_empty() -> None:
    assert filter_versions(">=1", encode_versions([])).tolist() == []


def test_identity_needs_the_spellings() -> None:
    with pytest.raises(ValueError, match="spellings"):
        filter_versions("===1.0", encode_versions(["1.0"]))


def test_filter_rejects_what_is_no_specifier() -> None:
    with pytest.raises(InvalidRequirement):
        filter_versions("1.0", encode_versions(["1.0"]))
