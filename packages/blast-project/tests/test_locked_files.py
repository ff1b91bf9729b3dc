"""What a lock says of files is remembered beside them: the second lock looks at none, and is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_compat.locks import pylock_rules
from blast_pm.metadata import file_table
from blast_pm.testing import StaticIndex, make_sdist, make_wheel
from blast_project import locked_files
from blast_project.locking import lock_project
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_project.lock_files import LockResult


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    make_wheel(directory, "alpha", "1.0", ["beta", "gamma; sys_platform == 'win32'"])
    for tag in (
        "cp311-cp311-win_amd64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp27-cp27m-linux_x86_64",
        "py3-none-any",
    ):
        make_wheel(directory, "beta", "1.0", tag=tag, requires_python=">=3.9")
    make_sdist(directory, "beta", "1.0")
    make_wheel(directory, "gamma", "1.0", tag="cp312-cp312-win_amd64")
    make_wheel(directory, "gamma", "1.0", tag="cp312-cp312-manylinux_2_17_x86_64")
    make_wheel(directory, "gamma", "1.0")
    make_wheel(directory, "forked", "1.0", requires_python="<3.12")
    make_wheel(directory, "forked", "2.0", requires_python=">=3.12")
    return directory


@pytest.fixture
def index(wheels: Path) -> Iterator[StaticIndex]:
    times = {file.name: f"2025-01-02T03:04:{number:02}.123456Z" for number, file in enumerate(sorted(wheels.iterdir()))}
    with StaticIndex(wheels, upload_times=times) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    bench = Workbench.make(tmp_path, index.url)
    bench.write_manifest("dependencies = ['alpha', 'forked']", more="[dependency-groups]\ndev = ['gamma']")
    return bench


def lock(bench: Workbench, **options: object) -> LockResult:
    with bench.session() as session:
        given = {"hints": False, "delta": False, **options}
        return lock_project(session, bench.project(), session.find_interpreter(), **given)  # type: ignore[arg-type]


def _refuse(*_: object) -> None:
    raise AssertionError("a file was looked at")


def test_the_second_lock_looks_at_no_file(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = lock(bench)
    again = lock(bench)
    assert again == first
    with monkeypatch.context() as patched:
        patched.setattr(file_table, "_to_file", _refuse)
        patched.setattr(pylock_rules, "is_standard_file", _refuse)
        patched.setattr(locked_files, "pack_files", _refuse)
        assert lock(bench) == first
    assert first.reader().to_lock() == again.reader().to_lock()


def test_other_targets_and_groups_choose_their_own(bench: Workbench) -> None:
    everything = lock(bench)
    linux = lock(bench, targets=["linux-x86_64"])
    names = [file.filename for entry in linux.reader().entries() for file in entry.files]
    assert "gamma-1.0-cp312-cp312-win_amd64.whl" not in names
    assert "beta-1.0-cp312-cp312-manylinux_2_17_x86_64.whl" in names
    assert lock(bench) == everything
    assert lock(bench, targets=["linux-x86_64"]) == linux


def test_files_that_moved_are_told_anew(bench: Workbench, wheels: Path, tmp_path: Path) -> None:
    first = lock(bench)
    with StaticIndex(wheels, absolute=True) as other:
        (tmp_path / "other").mkdir()
        moved = Workbench.make(tmp_path / "other", other.url, bench.home)
        moved.write_manifest("dependencies = ['alpha', 'forked']", more="[dependency-groups]\ndev = ['gamma']")
        found = lock(moved)
        assert found.text is not None
        assert other.origin.encode() in found.text
        assert lock(moved) == found
    assert lock(bench) == first


def test_a_page_that_changed_is_looked_at(bench: Workbench, wheels: Path, index: StaticIndex) -> None:
    first = lock(bench)
    extra = make_wheel(wheels, "gamma", "1.0", tag="py3-none-win_arm64")
    index.reload()
    try:
        with bench.session(refresh=True) as session:
            found = lock_project(session, bench.project(), session.find_interpreter(), hints=False)
    finally:
        (wheels / extra).unlink()
        index.reload()
    assert b"py3-none-win_arm64" in (found.text or b"")
    assert found.content != first.content
