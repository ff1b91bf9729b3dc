"""Specifiers that let a version in which the old one kept out."""

from __future__ import annotations

import pytest

from blast_pm.resolver.loosening import accepts, loosen, loosen_for


@pytest.mark.parametrize(
    ("specifier", "version", "loosened"),
    [
        (">=1,<2", "2.5", ">=1"),
        ("<2", "2.5", ">=2"),
        ("==1.0", "2.5", "==2.5"),
        ("~=1.4", "2.5", "~=2.5"),
        ("~=1.4", "5.dev1", ">=5.dev1"),
        ("~=1.4", "5", ">=5"),
        ("==1.4.*", "2.5.1", "==2.5.*"),
        ("==1.4.*", "5.dev1", ""),
        ("==1.4.*", "5a1", ""),
    ],
)
def test_loosened_as_little_as_possible(specifier: str, version: str, loosened: str) -> None:
    assert loosen(specifier, version) == loosened
    assert accepts(loosened, version)


def test_loosened_for_all_of_several_versions() -> None:
    assert loosen_for("==1.0", ["2.0", "2.5"]) == ">=2.0"
