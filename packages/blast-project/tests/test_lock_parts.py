"""What is kept of a lock's files is used by the next lock, and changes nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpl.sections import Sections
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.lock_files import LockResult, publish_lock
from blast_project.lock_parts import find_parts
from blast_project.locking import lock_project
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HASH = slice(96, 128)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    for name in "abcdefghij":
        make_wheel(directory, name, "1.0")
    make_wheel(directory, "all", "1.0", list("abcdefgh"))
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    return Workbench.make(tmp_path, index.url)


def lock(bench: Workbench, *lines: str, publish: bool = True, delta: bool = True) -> LockResult:
    bench.write_manifest(f"dependencies = {list(lines)!r}")
    with bench.session() as session:
        result = lock_project(session, bench.project(), session.find_interpreter(), hints=False, delta=delta)
    if publish:
        publish_lock(str(bench.root), result)
    return result


def parts(bench: Workbench) -> list[Path]:
    return list((bench.home / "projects").glob("*.parts"))


def has_parts(bench: Workbench, lock: bytes) -> bool:
    with DplLockFile.open(str(bench.root / "blast.lock")) as standing:
        everywhere = (1 << len(standing.targets)) - 1
    return find_parts(str(bench.home), lock).files("a", "1.0", everywhere) is not None


def test_files_of_the_old_lock_are_not_decoded(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(bench, "all")
    decoded: list[int] = []
    read = Sections.files

    def count(self: Sections, first: int, number: int) -> tuple[object, ...]:
        decoded.append(number)
        return read(self, first, number)

    monkeypatch.setattr(Sections, "files", count)
    found = lock(bench, "all", "i")
    assert sum(decoded) == 0
    full = lock(bench, "all", "i", publish=False, delta=False)
    assert (found.content, found.text) == (full.content, full.text)
    again = lock(bench, "all", "i", "j")
    assert sum(decoded) == 0, "what a change leaves alone is kept once more"
    assert again.visited == 1


@pytest.mark.parametrize("damage", [None, b"", b"1234", b"shortened"], ids=("lost", "empty", "short", "shortened"))
def test_without_them_it_is_the_same(bench: Workbench, damage: bytes | None) -> None:
    lock(bench, "all")
    (path,) = parts(bench)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] if damage == b"shortened" else damage)
    found = lock(bench, "all", "i")
    full = lock(bench, "all", "i", publish=False, delta=False)
    assert (found.content, found.text) == (full.content, full.text)


def test_those_of_another_lock_are_not_taken(bench: Workbench) -> None:
    one = lock(bench, "a").content[_HASH]
    assert has_parts(bench, one)
    (path,) = parts(bench)
    other = bytes(32)
    path.rename(path.with_name(f"{other[:8].hex()}.parts"))
    assert not has_parts(bench, other)


def test_a_few_are_kept(bench: Workbench) -> None:
    for number in range(len("abcdefghij")):
        lock(bench, *"abcdefghij"[: number + 1])
    assert len(parts(bench)) == 8


def test_those_in_use_stay(bench: Workbench) -> None:
    first = lock(bench, "all").content[_HASH]
    base = [(path, path.read_bytes()) for path in (bench.root / "blast.lock", bench.root / "pylock.toml")]
    for letter in "abcdefghij":
        for path, content in base:
            path.write_bytes(content)
        lock(bench, "all", letter)
    assert has_parts(bench, first)


def test_there_and_back_loses_nothing(bench: Workbench) -> None:
    first = lock(bench, "all").content[_HASH]
    for letter in "ijij":
        lock(bench, "all", letter)
        assert lock(bench, "all").content[_HASH] == first
        assert has_parts(bench, first)
