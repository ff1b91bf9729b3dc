"""Of what is declared to conflict at most one is installed, and every legal selection has a variant."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InvalidManifest, UsageError
from blast_project.conflicts import check_selection, group_words, project_variants, variants_of
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from pathlib import Path

    from blast_project.conflicts import Variant


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench.make(tmp_path)


def variants(bench: Workbench, conflicts: str, extras: str = "", groups: str = "") -> tuple[Variant, ...]:
    lines = ["[tool.blast]", f"conflicts = {conflicts}", "[project.optional-dependencies]"]
    lines += extras.splitlines() or ["cpu = ['alpha']", "gpu = ['alpha', 'beta']", "plot = ['gamma']"]
    lines += ["[dependency-groups]", *(groups.splitlines() or ["old = ['alpha<1']", "new = ['alpha>=1']"])]
    return project_variants(bench.write_manifest(more="\n".join(lines)))


def chosen(found: tuple[Variant, ...]) -> list[tuple[str, ...]]:
    return [variant.chosen for variant in found]


CPU_GPU = "[{ extra = 'cpu' }, { extra = 'gpu' }]"
OLD_NEW = "[{ group = 'old' }, { group = 'new' }]"


def test_nothing_declared_is_one_variant(bench: Workbench) -> None:
    found = variants(bench, "[]")
    assert [(variant.name, variant.chosen, variant.refused) for variant in found] == [("", (), frozenset())]


def test_a_set_has_a_variant_for_each_of_its_items(bench: Workbench) -> None:
    found = variants(bench, f"[{CPU_GPU}]")
    assert chosen(found) == [("extra:cpu",), ("extra:gpu",)]
    assert [variant.name for variant in found] == ["cpu", "gpu"]
    assert found[0].refused == {"extra:gpu"}


def test_sets_multiply(bench: Workbench) -> None:
    found = variants(bench, f"[{CPU_GPU}, {OLD_NEW}]")
    assert [variant.name for variant in found] == ["cpu+old", "cpu+new", "gpu+old", "gpu+new"]


def test_what_conflicts_through_a_third_may_stand_together(bench: Workbench) -> None:
    found = variants(bench, "[[{ extra = 'cpu' }, { extra = 'gpu' }], [{ extra = 'gpu' }, { extra = 'plot' }]]")
    assert chosen(found) == [("extra:cpu", "extra:plot"), ("extra:gpu",)]


def test_an_extra_and_a_group_of_one_name_have_different_variants(bench: Workbench) -> None:
    found = variants(bench, "[[{ extra = 'old' }, { group = 'old' }]]", "old = ['beta']")
    assert [variant.name for variant in found] == ["extra:old", "group:old"]


def test_what_includes_an_item_inherits_its_conflicts(bench: Workbench) -> None:
    extras = "cpu = ['alpha']\ngpu = ['beta']\nfull = ['demo[cpu]', 'gamma']\nmore = ['demo[full]']"
    groups = "old = ['alpha']\nnew = ['beta']\ntest = [{ include-group = 'new' }]\nci = ['demo[gpu]']"
    found = variants(bench, f"[{CPU_GPU}, {OLD_NEW}]", extras, groups)
    for variant in found:
        names = set(variant.chosen)
        assert not ({"extra:full", "extra:more", "extra:cpu"} & names and {"extra:gpu", "group:ci"} & names)
        assert not ("group:test" in names and "group:old" in names)


def test_two_items_that_ask_for_the_same_are_not_each_other(bench: Workbench) -> None:
    """They may come from different indexes, as builds of one project for different machines do."""
    found = variants(bench, f"[{CPU_GPU}]", "cpu = ['alpha']\ngpu = ['alpha']\nany = ['alpha']")
    assert chosen(found) == [("extra:cpu",), ("extra:gpu",)]


def test_what_includes_both_sides_can_never_be_installed(bench: Workbench) -> None:
    with pytest.raises(InvalidManifest, match="extra 'full' can never be installed") as caught:
        variants(bench, f"[{CPU_GPU}]", "cpu = []\ngpu = []\nfull = ['demo[cpu,gpu]']")
    assert "'cpu'" in caught.value.reason


def test_a_name_that_there_is_not_is_refused(bench: Workbench) -> None:
    with pytest.raises(InvalidManifest, match="extra 'tpu'"):
        variants(bench, "[[{ extra = 'tpu' }, { extra = 'gpu' }]]")
    with pytest.raises(InvalidManifest, match="the project itself"):
        variants(bench, "[[{ package = 'demo' }, { extra = 'gpu' }]]")
    with pytest.raises(InvalidManifest, match="extra 'gpu' of 'other'"):
        variants(bench, "[[{ package = 'other', extra = 'gpu' }, { extra = 'gpu' }]]")


def test_too_many_ways_are_refused(bench: Workbench) -> None:
    extras = "\n".join(f"x{number} = []" for number in range(14))
    sets = ", ".join(f"[{{ extra = 'x{at}' }}, {{ extra = 'x{at + 1}' }}]" for at in range(0, 14, 2))
    with pytest.raises(InvalidManifest, match="64 ways"):
        variants(bench, f"[{sets}]", extras)


def test_every_legal_selection_has_a_variant_and_no_other(bench: Workbench) -> None:
    found = variants(bench, f"[{CPU_GPU}, {OLD_NEW}, [{{ extra = 'plot' }}, {{ group = 'new' }}]]")
    items = ["extra:cpu", "extra:gpu", "extra:plot", "group:old", "group:new"]
    pairs = [{"extra:cpu", "extra:gpu"}, {"group:old", "group:new"}, {"extra:plot", "group:new"}]
    for size in range(len(items) + 1):
        for selected in combinations(items, size):
            if any(pair <= set(selected) for pair in pairs):
                with pytest.raises(UsageError, match="can't be installed together"):
                    check_selection(selected, found)
            else:
                variant = check_selection(selected, found)
                assert set(selected) <= set(variant.chosen)
    # What a lock remembers of the variants says the same.
    again = variants_of(variant.chosen for variant in found)
    assert [one.refused for one in again] == [one.refused for one in found]


def test_the_error_names_the_declaration(bench: Workbench) -> None:
    found = variants(bench, f"[{CPU_GPU}]")
    with pytest.raises(UsageError) as caught:
        check_selection(["default", "extra:gpu", "extra:cpu"], found)
    assert caught.value.message == "extra 'cpu' and extra 'gpu' can't be installed together"
    assert '{ extra = "cpu" } and { extra = "gpu" }' in caught.value.reason


def test_groups_of_members_have_words() -> None:
    assert group_words("package:core:extra:gpu") == "extra 'gpu' of 'core'"
    assert group_words("package:core") == "'core'"
    assert group_words("group:dev") == "dependency group 'dev'"
