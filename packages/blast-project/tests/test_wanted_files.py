"""From a lock to the one file per package that an interpreter installs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InstallError, StaleLock
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.model import Lock, LockedFile, LockedPackage, LockedSource
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpl.targets import lock_target
from blast_pm.metadata.store import Database
from blast_project.testing import make_target
from blast_project.wanted import best_sdist, is_sdist, select_wanted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_core.interpreter import Target

TARGET = make_target()
REGISTRY = LockedSource("registry", "", "", "", "")


def locked(name: str, *filenames: str, kind: str = "registry", groups: int = 1) -> LockedPackage:
    files = tuple(LockedFile(one, "default", f"x/{one}", f"{at:064x}", 10, "") for at, one in enumerate(filenames, 1))
    source = LockedSource(kind, "." if kind != "registry" else "", "", "", "")
    return LockedPackage(name, "1.0", source, files, (), (), "", 1, groups)


def reader(*packages: LockedPackage, target: Target = TARGET) -> DplLockFile:
    lock = Lock(packages, (lock_target(target),), ("default", "group:dev"), "", bytes(32), bytes(32), ("default",))
    return DplLockFile.from_bytes(build_lock(lock))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(str(tmp_path / "meta.lmdb"))
    yield opened
    opened.close()


def chosen(lock: DplLockFile, database: Database, target: Target = TARGET, mask: int = 1) -> list[str]:
    return [row.filename for row in select_wanted(lock, b"h" * 32, target, mask, database).files]


def test_the_best_wheel_is_chosen(database: Database) -> None:
    names = ("a-1.0.tar.gz", "a-1.0-py3-none-any.whl", "a-1.0-cp312-cp312-linux_x86_64.whl", "a-1.0-cp311-x-y.whl")
    assert chosen(reader(locked("a", *names)), database) == ["a-1.0-cp312-cp312-linux_x86_64.whl"]


def test_a_source_distribution_is_the_last_resort(database: Database) -> None:
    assert chosen(reader(locked("a", "a-1.0-cp311-cp311-win32.whl", "a-1.0.tar.gz")), database) == ["a-1.0.tar.gz"]


def test_a_package_without_a_fitting_file_is_named_with_what_there_is(database: Database) -> None:
    with pytest.raises(InstallError) as caught:
        chosen(reader(locked("a", "a-1.0-cp311-cp311-win32.whl")), database)
    assert "a 1.0 has no file for linux-x86_64-py312" in caught.value.message
    assert "a-1.0-cp311-cp311-win32.whl" in caught.value.reason


def test_the_project_itself_is_not_fetched(database: Database) -> None:
    lock = reader(
        locked("demo", kind="editable"), locked("tool", kind="workspace"), locked("z", "z-1.0-py3-none-any.whl")
    )
    assert chosen(lock, database) == ["z-1.0-py3-none-any.whl"]


def test_groups_choose(database: Database) -> None:
    lock = reader(locked("a", "a-1.0-py3-none-any.whl"), locked("b", "b-1.0-py3-none-any.whl", groups=2))
    assert [len(chosen(lock, database, mask=mask)) for mask in (0, 1, 2, 3)] == [0, 1, 1, 2]


def test_another_target_is_refused(database: Database) -> None:
    other = make_target("linux-x86_64-py313", python_version="3.13", python_full_version="3.13.0")
    with pytest.raises(StaleLock, match="linux-x86_64-py313") as caught:
        chosen(reader(locked("a", "a-1.0-py3-none-any.whl")), database, other)
    assert caught.value.reason == "it was made for linux-x86_64 (Python 3.12)"
    assert "[tool.blast] targets" in caught.value.hint


def test_the_choice_is_remembered_for_an_interpreter_not_for_a_target(database: Database) -> None:
    """PyPy and CPython 3.12 on one machine are one target by name, but take different wheels."""
    lock = reader(locked("a", "a-1.0-cp312-cp312-linux_x86_64.whl", "a-1.0-py3-none-any.whl"))
    assert chosen(lock, database) == chosen(lock, database) == ["a-1.0-cp312-cp312-linux_x86_64.whl"]
    assert chosen(lock, database, TARGET._replace(tags=("py3-none-any",))) == ["a-1.0-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a-1.tar.gz", True),
        ("a-1.zip", True),
        ("a-1-py3-none-any.whl", False),
        ("a-1.tar.bz2", False),
        ("a-1.exe", False),
    ],
)
def test_source_distributions_by_name(filename: str, expected: bool) -> None:
    from blast_pm.index.model import IndexFile

    assert is_sdist(filename) is expected
    file = IndexFile(filename, "", "", 0, "", None, "", None, "default")
    assert (best_sdist([file]) is file) is expected


def test_a_build_without_the_global_lock_takes_wheels_of_its_own(database: Database) -> None:
    free = TARGET._replace(tags=("cp313-cp313t-manylinux_2_17_x86_64", "py3-none-any"))
    both = locked("a", "a-1-cp313-cp313-manylinux_2_17_x86_64.whl", "a-1-cp313-cp313t-manylinux_2_17_x86_64.whl")
    assert chosen(reader(both), database, free) == ["a-1-cp313-cp313t-manylinux_2_17_x86_64.whl"]
    other = reader(locked("b", "b-1-cp313-cp313-manylinux_2_17_x86_64.whl"))
    with pytest.raises(InstallError) as caught:
        select_wanted(other, b"i" * 32, free, 1, database)
    assert caught.value.reason.endswith("a build without the global lock, which takes wheels for cp313t")


def test_a_python_that_nobody_locks_for_unasked_is_told_how(database: Database) -> None:
    markers = {**TARGET.marker_environment, "implementation_name": "pypy"}
    pypy = TARGET._replace(name="linux-x86_64-pypy311", marker_environment=markers)
    with pytest.raises(StaleLock) as caught:
        chosen(reader(locked("a", "a-1-py3-none-any.whl")), database, pypy)
    assert 'targets = ["linux-x86_64", "linux-x86_64-pypy311"]' in caught.value.hint
