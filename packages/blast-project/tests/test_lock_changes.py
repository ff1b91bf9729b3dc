"""What differs between two locks, target by target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.model import (
    NO_HASH,
    Lock,
    LockedDependency,
    LockedFile,
    LockedPackage,
    LockedSource,
    canonical_lock,
)
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpl.targets import named_lock_target
from blast_core.markers import evaluate_marker
from blast_project.lock_changes import compare_locks, compare_requirements
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_REGISTRY = LockedSource("registry", "", "", "", "")
_TARGETS = ("linux-x86_64-py311", "linux-x86_64-py312", "windows-x86_64-py311", "windows-x86_64-py312")


def _package(name: str, version: str, mask: int, source: LockedSource = _REGISTRY) -> LockedPackage:
    wheel = f"{name}-{version}-py3-none-any.whl"
    files = (LockedFile(wheel, "main", wheel, "0" * 63 + "1", 1, ""),) if source.kind == "registry" else ()
    return LockedPackage(name, version, source, files, (), (), "", mask, 1)


def _lock(*packages: LockedPackage, targets: Sequence[str] = _TARGETS) -> DplLockFile:
    locked = tuple(filter(None, map(named_lock_target, targets)))
    lock = Lock(packages, locked, ("default",), "", NO_HASH, NO_HASH, ("main",))
    return DplLockFile.from_bytes(build_lock(canonical_lock(lock)))


def _changes(before: DplLockFile, after: DplLockFile) -> list[tuple[str, ...]]:
    return [tuple(change) for change in compare_locks(before, after)]


def test_what_is_new_gone_or_moved() -> None:
    before = _lock(_package("gone", "1", 15), _package("moved", "1", 15), _package("same", "1", 15))
    after = _lock(_package("moved", "2", 15), _package("new", "1", 15), _package("same", "1", 15))
    assert _changes(before, after) == [("gone", "1", "", ""), ("moved", "1", "2", ""), ("new", "", "1", "")]


def test_what_differs_on_some_targets_says_where() -> None:
    before = _lock(_package("a", "1", 15), _package("b", "1", 3))
    after = _lock(_package("a", "1", 5), _package("a", "2", 10), _package("b", "2", 3))
    assert _changes(before, after) == [("a", "1", "2", 'python_version >= "3.12"'), ("b", "1", "2", "")]


def test_what_comes_on_a_platform_says_where() -> None:
    before, after = _lock(_package("a", "1", 3)), _lock(_package("a", "1", 15))
    assert _changes(before, after) == [("a", "", "1", 'sys_platform == "win32"')]


def test_targets_are_compared_by_name() -> None:
    before = _lock(_package("a", "1", 1), _package("a", "2", 2), targets=_TARGETS[1::-1])
    after = _lock(_package("a", "2", 5), _package("a", "1", 10))
    assert _changes(before, after) == []


def test_versions_that_only_new_targets_have_are_new() -> None:
    before = _lock(_package("a", "2", 1), targets=_TARGETS[1:2])
    after = _lock(_package("a", "1", 5), _package("a", "2", 10))
    ((name, old, new, where),) = _changes(before, after)
    assert (name, old, new) == ("a", "", "1")
    assert where


def test_without_a_common_target_versions_are_compared() -> None:
    before = _lock(_package("a", "1", 1), _package("b", "1", 1), targets=["macos-arm64-py312"])
    after = _lock(_package("a", "1", 15), _package("b", "2", 15))
    assert _changes(before, after) == [("b", "1", "2", "")]


def test_another_commit_is_a_change_and_the_project_itself_is_none() -> None:
    def locked(commit: str, version: str) -> DplLockFile:
        git = LockedSource("git", "https://index.invalid/a.git", commit * 40, "", "")
        own = LockedSource("workspace", ".", "", "", "")
        return _lock(_package("a", "1", 15, git), _package("demo", version, 15, own))

    assert _changes(locked("1", "1"), locked("2", "2")) == [("a", "1 (11111111)", "1 (22222222)", "")]


_VERSIONS = st.lists(st.sampled_from(["", "1", "2", "3"]), min_size=4, max_size=4)


@given(_VERSIONS, _VERSIONS)
def test_every_target_finds_its_change(before: list[str], after: list[str]) -> None:
    def lock(versions: list[str]) -> DplLockFile:
        masks = {text: sum(1 << bit for bit, one in enumerate(versions) if one == text) for text in set(versions)}
        rows = [_package("a", text, mask) for text, mask in masks.items() if text]
        return _lock(*rows, _package("z", "1", 15))

    changes = compare_locks(lock(before), lock(after))
    for bit, name in enumerate(_TARGETS):
        target = named_lock_target(name)
        assert target is not None
        environment = {"python_full_version": f"{target.python_version}.1", **dict(target.markers)}
        told = {(one.before, one.after) for one in changes if evaluate_marker(one.where, environment)}
        expected = (before[bit], after[bit])
        if expected[0] != expected[1]:
            assert expected in told
        elif expected[0]:
            assert told == set()


def test_requirements_that_came_and_went(tmp_path: Path) -> None:
    bench = Workbench.make(tmp_path)
    project = bench.write_manifest("dependencies = ['a>1', 'b']", more="[dependency-groups]\ndev = ['c[x]']\n")
    own = LockedSource("workspace", ".", "", "", "")
    lock = _lock(_package("demo", "1", 15, own), _package("a", "1", 15))
    assert compare_requirements(project, lock) == (("a>1", "b", "c[x] (group dev)"), ())


def test_requirements_with_sources_and_those_of_members_are_known(tmp_path: Path) -> None:
    bench = Workbench.make(tmp_path)
    member = bench.root / "packages" / "one"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text("[project]\nname = 'one'\nversion = '1'\n[dependency-groups]\ndev = ['c']\n")
    sources = "sources = { a = { path = 'a' } }\nworkspace = { members = ['packages/*'] }\n"
    project = bench.write_manifest("dependencies = ['a']", more=f"[tool.blast]\n{sources}")
    own = _package("demo", "1", 15, LockedSource("workspace", ".", "", "", ""))._replace(
        dependencies=(LockedDependency("a", "", (), ""),),
        extras=(
            ("package:one", (LockedDependency("one", "", (), ""),)),
            ("package:one:group:dev", (LockedDependency("c", "", (), ""),)),
        ),
    )
    lock = _lock(own, *(_package(name, "1", 15) for name in ("a", "c", "one")))
    assert compare_requirements(project, lock) == ((), ())
