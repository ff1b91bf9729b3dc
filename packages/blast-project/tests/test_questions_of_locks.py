"""A lock as a graph, a tree and ways through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_core.errors import UsageError
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.model import (
    NO_HASH,
    Lock,
    LockedDependency,
    LockedFile,
    LockedPackage,
    LockedSource,
    LockTarget,
    canonical_lock,
)
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.requirements import parse_requirement
from blast_project.lock_graph import LockedGraph, find_target
from blast_project.questions import find_locked
from blast_project.selection import GroupSelection
from blast_project.tree import TreeOptions, choose_groups, grow, leaves, text_of, tree_document
from blast_project.tree_page import page_of
from blast_project.why import find_ways, take_ways

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LINUX = LockTarget("linux-x86_64-py312", "3.12", "linux-x86_64", (("os_name", "posix"), ("sys_platform", "linux")))
_WINDOWS = LockTarget("windows-x86_64-py312", "3.12", "windows-x86_64", (("os_name", "nt"), ("sys_platform", "win32")))

_DEFAULT = GroupSelection()


def _rows(lines: Sequence[str]) -> tuple[LockedDependency, ...]:
    rows = (parse_requirement(line) for line in lines)
    return tuple(sorted(LockedDependency(row.name, row.specifier, row.extras, row.marker) for row in rows))


def _package(
    name: str, version: str, needs: Sequence[str] = (), mask: int = 3, **extras: Sequence[str]
) -> LockedPackage:
    is_own = name == "demo"
    kind = LockedSource("workspace", ".", "", "", "") if is_own else LockedSource("registry", "", "", "", "")
    wheel = f"{name}-{version}-py3-none-any.whl"
    files = () if is_own else (LockedFile(wheel, "main", wheel, "0" * 63 + "1", 1, ""),)
    named = {extra.replace("group_", "group:"): lines for extra, lines in extras.items()}
    rows = tuple((extra, _rows(lines)) for extra, lines in sorted(named.items()))
    return LockedPackage(name, version, kind, files, _rows(needs), rows, "", mask, 1)


def _graph(*packages: LockedPackage, targets: int | None = None) -> LockedGraph:
    groups = ("default", "group:dev", "group:docs", "extra:web", "extra:all")
    lock = Lock(packages, (_LINUX, _WINDOWS), groups, "", NO_HASH, NO_HASH, ("main",))
    return LockedGraph(DplLockFile.from_bytes(build_lock(canonical_lock(lock))), targets)


def _demo(targets: int | None = 1) -> LockedGraph:
    return _graph(
        _package(
            "demo",
            "1",
            ["app[fast]>=1"],
            web=["site; extra == 'web'"],
            all=["demo[web]; extra == 'all'"],
            group_dev=["test"],
            group_docs=["lib<9"],
        ),
        _package(
            "app",
            "3",
            ["lib>=2", "win; sys_platform == 'win32'"],
            fast=["speed>1; os_name == 'posix' and extra == 'fast'"],
        ),
        _package("lib", "2", ["app"]),
        _package("speed", "2", mask=1),
        _package("win", "1", mask=2),
        _package("site", "1"),
        _package("test", "1", ["lib"]),
        targets=targets,
    )


def _tree(graph: LockedGraph, *roots: str, selection: GroupSelection = _DEFAULT, **options: object) -> list[str]:
    nodes = [node for name in roots for node in graph.find(name)] or graph.roots()
    rows = grow(graph, nodes, TreeOptions(**options), choose_groups(graph, selection))  # type: ignore[arg-type]
    return text_of(rows, invert=bool(options.get("invert"))).splitlines()


def test_a_tree_has_versions_specifiers_extras_groups_and_circles() -> None:
    assert _tree(_demo()) == [
        "demo 1",
        "├── app[fast] 3 (>=1)",
        "│   ├── lib 2 (>=2)",
        "│   │   └── app 3 (*)",
        '│   └── speed 2 (>1; if os_name == "posix"; extra fast)',
        "├── site 1 (extra web)",
        "└── test 1 (group dev)",
        "    └── lib 2 (*)",
        "(*) what it needs is shown above",
    ]


def test_extras_and_groups_can_be_chosen() -> None:
    everything = _tree(_demo(), selection=GroupSelection(all_groups=True, no_groups=("dev",)), depth=1)
    assert everything == ["demo 1", "├── app[fast] 3 (>=1) …", "├── site 1 (extra web)", "└── lib 2 (<9; group docs) …"]
    some = _tree(_demo(), selection=GroupSelection(extras=("all",), no_dev=True), depth=1)
    assert some == ["demo 1", "└── app[fast] 3 (>=1) …"]
    only = _tree(_demo(), selection=GroupSelection(only_groups=("docs",)), depth=1)
    assert only == ["demo 1", "└── lib 2 (<9; group docs) …"]
    with pytest.raises(UsageError):
        _tree(_demo(), selection=GroupSelection(groups=("nope",)))


def test_another_target_has_another_tree() -> None:
    assert _tree(_demo(2), "app") == [
        "app 3",
        "├── lib 2 (>=2)",
        "│   └── app 3 (*)",
        '└── win 1 (if sys_platform == "win32")',
        "(*) what it needs is shown above",
    ]


def test_what_conflicts_leads_to_its_own_side() -> None:
    cpu, gpu = (
        LockTarget(f"{_LINUX.name}+{name}", "3.12", _LINUX.platform, (*_LINUX.markers, ("variant", f"extra:{name}")))
        for name in ("cpu", "gpu")
    )
    packages = (
        _package("demo", "1", ["app"], cpu=["lib<2; extra == 'cpu'"], gpu=["lib>=2; extra == 'gpu'"]),
        _package("app", "1"),
        _package("lib", "1", mask=1),
        _package("lib", "2", mask=2),
    )
    groups = ("default", "extra:cpu", "extra:gpu")
    lock = Lock(packages, (cpu, gpu), groups, "", NO_HASH, NO_HASH, ("main",))
    graph = LockedGraph(DplLockFile.from_bytes(build_lock(canonical_lock(lock))))
    assert _tree(graph) == ["demo 1", "├── app 1", "├── lib 1 (<2; extra cpu)", "└── lib 2 (>=2; extra gpu)"]
    assert [graph.where(node.mask) for node in graph.find("lib")] == ["'cpu' in extras", "'gpu' in extras"]


def test_a_members_requirements_are_told_as_such_and_shown_where_they_are_meant() -> None:
    own = _package("demo", "1", ["app"])
    rows = {"package:app": ["app"], "package:app:extra:fast": ["app[fast]"], "package:app:group:dev": ["test"]}
    own = own._replace(extras=tuple((name, _rows(lines)) for name, lines in rows.items()))
    packages = (
        own,
        _package("app", "1", fast=["speed; extra == 'fast'"]),
        _package("speed", "2"),
        _package("test", "1"),
    )
    groups = ("default", *rows)
    lock = Lock(packages, (_LINUX, _WINDOWS), groups, "", NO_HASH, NO_HASH, ("main",))
    graph = LockedGraph(DplLockFile.from_bytes(build_lock(canonical_lock(lock))))

    def tree(member: str) -> list[str]:
        return text_of(grow(graph, graph.roots(), TreeOptions(), choose_groups(graph, _DEFAULT, [member]))).splitlines()

    assert tree("") == ["demo 1", "└── app 1"]
    assert tree("app") == [
        "demo 1",
        "├── app 1 (member app)",
        "├── app[fast] 1 (extra fast of app)",
        "│   └── speed 2 (extra fast)",
        "└── test 1 (group dev of app)",
    ]


def test_a_package_can_be_pruned() -> None:
    assert _tree(_demo(), "test", prune=frozenset({"app"})) == ["test 1", "└── lib 2"]


def test_without_dedupe_only_circles_end() -> None:
    lines = _tree(_demo(), dedupe=False)
    assert lines[-4:] == [
        "    └── lib 2",
        "        └── app 3",
        "            └── lib 2 (>=2) (*)",
        "(*) what it needs is shown above",
    ]


def test_an_inverted_tree_leads_to_the_project() -> None:
    assert _tree(_demo(), "speed", invert=True) == [
        "speed 2",
        '└── app 3 (>1; if os_name == "posix"; extra fast)',
        "    └── demo 1 (>=1)",
    ]
    graph = _demo()
    assert [node.name for node in leaves(graph, ())] == ["site", "speed"]


def test_json_has_each_package_once() -> None:
    graph = _demo()
    rows = list(grow(graph, graph.roots(), TreeOptions()))
    document = tree_document(graph, rows)
    assert document["roots"] == [{"name": "demo", "version": "1"}]
    packages = document["packages"]
    assert isinstance(packages, list)
    assert [row["name"] for row in packages] == ["app", "demo", "lib", "site", "speed", "test"]
    assert {edge["name"]: edge["group"] for edge in packages[1]["needs"]}["test"] == "dev"


def test_a_page_needs_nothing_else_and_escapes_names() -> None:
    graph = _graph(_package("demo", "1", ["app>1"]), _package("app", "3"))
    page = page_of("<demo>", tree_document(graph, list(grow(graph, graph.roots(), TreeOptions()))))
    assert "<title>&lt;demo&gt;</title>" in page
    assert "&gt;1" in page
    assert "http" not in page
    assert 'href="#app-3"' in page
    assert len(page) < 4000


# Ways


def _names(ways: object) -> list[list[str]]:
    return [[way[0].source.name, *(edge.target.name for edge in way)] for way in ways]  # type: ignore[attr-defined]


def test_ways_come_shortest_first() -> None:
    graph = _demo()
    (lib,) = graph.find("lib")
    assert _names(find_ways(graph, lib)) == [["demo", "lib"], ["demo", "app", "lib"], ["demo", "test", "lib"]]
    assert take_ways(graph, lib, 2).is_whole is False
    assert take_ways(graph, lib, 3).is_whole is True


def test_a_way_asks_for_the_extra_that_its_next_step_needs() -> None:
    graph = _demo()
    (speed,) = graph.find("speed")
    assert _names(find_ways(graph, speed)) == [["demo", "app", "speed"]]


def test_many_ways_are_found_as_quickly_as_few() -> None:
    """Ladders have 2 ** 40 ways."""
    rungs = 40
    packages = [_package("demo", "1", ["a0", "b0"])]
    for number in range(rungs):
        needs = [f"a{number + 1}", f"b{number + 1}"] if number < rungs - 1 else ["end"]
        packages += [_package(f"a{number}", "1", needs), _package(f"b{number}", "1", needs)]
    graph = _graph(*packages, _package("end", "1"))
    found = take_ways(graph, graph.find("end")[0], 20)
    assert len(found.found) == 20
    assert {len(way) for way in found.found} == {rungs + 1}


_NAMES = [f"p{number}" for number in range(6)]


@given(st.dictionaries(st.sampled_from(_NAMES), st.sets(st.sampled_from(_NAMES), max_size=4)), st.sampled_from(_NAMES))
def test_ways_are_all_simple_paths(needs: Mapping[str, set[str]], wanted: str) -> None:
    packages = [_package(name, "1", sorted(needs.get(name, set()) - {name})) for name in _NAMES]
    graph = _graph(_package("demo", "1", ["p0", "p1"]), *packages)
    found = _names(find_ways(graph, graph.find(wanted)[0]))
    expected: list[list[str]] = []

    def walk(path: list[str]) -> None:
        if path[-1] == wanted:
            expected.append(path)
            return
        for name in ["p0", "p1"] if path[-1] == "demo" else needs.get(path[-1], set()) - {path[-1]}:
            if name not in path:
                walk([*path, name])

    walk(["demo"])
    assert sorted(found) == sorted(expected)
    assert [len(way) for way in found] == sorted(len(way) for way in found)


def test_what_is_not_locked_is_said() -> None:
    graph = _demo()
    with pytest.raises(UsageError) as caught:
        find_locked(graph, "speeed")
    assert caught.value.hint == "did you mean speed?"
    with pytest.raises(UsageError) as caught:
        find_locked(graph, "win")
    assert "--universal" in caught.value.hint


def test_targets_are_found_by_name_and_by_platform() -> None:
    names = ["linux-x86_64-py311", "linux-x86_64-py312", "windows-x86_64-py312", "linux-x86_64-py312+cpu"]
    assert find_target(names, "linux-x86_64") == 0b1011
    assert find_target(names, "windows-x86_64-py312") == 0b100
    assert find_target(names, "linux-x86_64-py312") == 0b1010
    with pytest.raises(UsageError):
        find_target(names, "macos-arm64")
