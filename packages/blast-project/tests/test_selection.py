"""Groups and extras become the lock's bits."""

from __future__ import annotations

import pytest

from blast_core.errors import UsageError
from blast_project.selection import GroupSelection, select_groups

KNOWN = ("default", "group:dev", "group:docs", "extra:plot")


@pytest.mark.parametrize(
    ("selection", "mask"),
    [
        pytest.param(GroupSelection(), 0b0011, id="dev is included"),
        pytest.param(GroupSelection(no_dev=True), 0b0001, id="no dev"),
        pytest.param(GroupSelection(groups=("docs",)), 0b0111, id="a group"),
        pytest.param(GroupSelection(extras=("Plot",)), 0b1011, id="an extra, not normalised"),
        pytest.param(GroupSelection(only_groups=("docs",)), 0b0100, id="only"),
        pytest.param(GroupSelection(all_groups=True, all_extras=True), 0b1111, id="all"),
        pytest.param(GroupSelection(all_groups=True, no_groups=("docs",)), 0b0011, id="all but one"),
    ],
)
def test_selection_gives_the_mask(selection: GroupSelection, mask: int) -> None:
    assert select_groups(KNOWN, selection) == mask


def test_unknown_group_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        select_groups(KNOWN, GroupSelection(groups=("tests",)))
    assert "dev, docs" in caught.value.reason


def test_default_selection_has_an_empty_key() -> None:
    assert GroupSelection().key == ""
    assert GroupSelection(no_dev=True).key != GroupSelection(groups=("a",)).key
