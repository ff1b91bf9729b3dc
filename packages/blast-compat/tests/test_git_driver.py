"""Locks in git: the driver is installed into real repositories, and real merges are run."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from blake3 import blake3

from blast_compat.locks.git_driver import install_git_driver, main, show_lock
from blast_compat.locks.merge import merge_locks
from blast_compat.locks.pylock import read_pylock, write_pylock
from blast_core.errors import FormatError, UsageError
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.model import (
    NO_HASH,
    Lock,
    LockedDependency,
    LockedFile,
    LockedPackage,
    LockedSource,
    LockTarget,
)
from blast_core.formats.dpl.reader import DplLockFile

if TYPE_CHECKING:
    from pathlib import Path

TARGET = LockTarget("linux-x86_64-py312", "3.12", "linux-x86_64", (("sys_platform", "linux"),))


def need(name: str) -> LockedDependency:
    return LockedDependency(name, "", (), "")


def package(name: str, version: str = "1.0", *needs: str, groups: int = 1) -> LockedPackage:
    filename = f"{name}-{version}-py3-none-any.whl"
    file = LockedFile(filename, "default", f"aa/{filename}", blake3(filename.encode()).hexdigest(), 10, "")
    source = LockedSource("registry", "", "", "", "")
    return LockedPackage(name, version, source, (file,), tuple(map(need, needs)), (), "", 1, groups)


def lock_of(*packages: LockedPackage, inputs: int = 0, groups: tuple[str, ...] = ("default", "group:dev")) -> Lock:
    """Return the lock of a project whose own entry needs every package that it names."""
    own = LockedPackage(
        "own",
        "0",
        LockedSource("editable", ".", "", "", ""),
        (),
        tuple(need(each.name) for each in packages),
        (),
        ">=3.11",
        1,
        1,
    )
    return Lock((*packages, own), (TARGET,), groups, ">=3.11", bytes([inputs]) * 32, NO_HASH, ("default",))


def file_url(file: LockedFile) -> str:
    return f"https://index.invalid/files/{file.path}"


def git(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.invalid",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.invalid",
    }
    return subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=check)


def commit(folder: Path, lock: Lock, message: str) -> None:
    text = write_pylock(lock, file_url)
    (folder / "pylock.toml").write_text(text)
    (folder / "blast.lock").write_bytes(build_lock(lock._replace(text_hash=blake3(text.encode()).digest())))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    install_git_driver(str(tmp_path))
    return tmp_path


def branch_and_merge(folder: Path, base: Lock, ours: Lock, theirs: Lock) -> subprocess.CompletedProcess[str]:
    commit(folder, base, "base")
    git(folder, "checkout", "-q", "-b", "other")
    commit(folder, theirs, "theirs")
    git(folder, "checkout", "-q", "main")
    commit(folder, ours, "ours")
    return git(folder, "merge", "-q", "other", "-m", "merge", check=False)


BASE = lock_of(package("alpha"), package("beta"), inputs=1)


def test_two_branches_that_add_packages_merge(repository: Path) -> None:
    ours = lock_of(package("alpha"), package("beta"), package("gamma"), inputs=2)
    theirs = lock_of(package("alpha", "2.0", "delta"), package("beta"), package("delta"), inputs=3)
    merged = branch_and_merge(repository, BASE, ours, theirs)
    assert merged.returncode == 0, merged.stdout + merged.stderr
    expected = lock_of(package("alpha", "2.0", "delta"), package("beta"), package("delta"), package("gamma"))
    text = (repository / "pylock.toml").read_text()
    assert text == write_pylock(expected, file_url)
    with DplLockFile.open(str(repository / "blast.lock")) as opened:
        opened.verify()
        assert opened.to_lock().packages == read_pylock(text).packages
        # The binary was merged without sight of the text, so it must not claim to be made from it.
        assert opened.text_hash not in (blake3(text.encode()).digest(), NO_HASH)
        assert opened.input_hash == NO_HASH


def test_a_conflict_leaves_marks_at_the_package_alone(repository: Path) -> None:
    ours = lock_of(package("alpha", "2.0"), package("beta"), package("gamma"), inputs=2)
    theirs = lock_of(package("alpha", "3.0"), package("beta"), package("delta"), inputs=3)
    merged = branch_and_merge(repository, BASE, ours, theirs)
    assert merged.returncode == 1
    status = git(repository, "status", "--porcelain").stdout
    assert "UU pylock.toml\n" in status
    assert "UU blast.lock\n" in status
    text = (repository / "pylock.toml").read_text()
    assert text.count("<<<<<<< ours") == text.count("=======") == text.count(">>>>>>> theirs")
    kept = [line for line in text.splitlines() if line.startswith("name = ")]
    assert kept == [f'name = "{name}"' for name in ("alpha", "beta", "delta", "gamma", "own")]
    with pytest.raises(FormatError, match="line 9 is the mark of a merge conflict"):
        read_pylock(text)
    assert (repository / "blast.lock").read_bytes()[:4] == b"DPL1"


def test_a_conflict_solved_by_hand_reads_again(repository: Path) -> None:
    ours = lock_of(package("alpha", "2.0"), package("beta"), inputs=2)
    branch_and_merge(repository, BASE, ours, lock_of(package("alpha", "3.0"), package("beta"), inputs=3))
    lines: list[str] = []
    keep = True
    for line in (repository / "pylock.toml").read_text().splitlines():
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
            keep = not line.startswith("<<<<<<<")
        elif keep:
            lines.append(line)
    solved = read_pylock("\n".join(lines) + "\n")
    assert next((each.name, each.version) for each in solved.packages) == ("alpha", "3.0")


def test_git_shows_a_lock_as_text(repository: Path) -> None:
    commit(repository, BASE, "base")
    changed = lock_of(package("alpha", "1.1"), package("beta"), inputs=1)
    (repository / "blast.lock").write_bytes(build_lock(changed))
    shown = git(repository, "diff", "blast.lock").stdout
    assert "\n-alpha 1.0\n" in shown
    assert "\n+alpha 1.1\n" in shown
    assert "beta" not in "".join(line for line in shown.splitlines() if line[:1] in "+-")


def test_a_damaged_lock_is_shown_as_such(repository: Path) -> None:
    commit(repository, BASE, "base")
    (repository / "blast.lock").write_bytes(b"rubbish")
    assert "+not a sound lock: " in git(repository, "diff", "blast.lock").stdout
    assert show_lock(str(repository / "blast.lock")).startswith("not a sound lock: ")


def test_a_text_of_another_tool_is_merged_by_line(repository: Path) -> None:
    text = 'lock-version = "1.0"\n# a\n# b\n# c\n# d\ncreated-by = "other"\npackages = []\n'
    for branch, old, new in (("main", "", ""), ("other", '"1.0"', '"1.1"'), ("main", '"other"', '"mine"')):
        if branch == "other":
            git(repository, "checkout", "-q", "-b", "other")
        elif old:
            git(repository, "checkout", "-q", "main")
        (repository / "pylock.toml").write_text(text.replace(old, new) if old else text)
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "-m", f"{branch}{new}")
    assert git(repository, "merge", "-q", "other", "-m", "merge", check=False).returncode == 0
    assert (repository / "pylock.toml").read_text() == text.replace('"1.0"', '"1.1"').replace('"other"', '"mine"')


def test_installing_twice_changes_nothing_and_leaves_the_rest(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    attributes = tmp_path / ".gitattributes"
    attributes.write_bytes(b"*.png binary")
    assert len(install_git_driver(str(tmp_path))) == 2
    content, config = attributes.read_bytes(), (tmp_path / ".git" / "config").read_bytes()
    assert content.startswith(b"*.png binary\nblast.lock ")
    assert install_git_driver(str(tmp_path)) == ()
    assert (attributes.read_bytes(), (tmp_path / ".git" / "config").read_bytes()) == (content, config)


def test_refuses_to_install_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="git refuses"):
        install_git_driver(str(tmp_path))


def test_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge"]) == 2
    assert "usage" in capsys.readouterr().err


def versions(lock: Lock) -> dict[str, str]:
    return {each.name: each.version for each in lock.packages if each.name != "own"}


def test_a_package_removed_on_one_side_is_gone() -> None:
    merged = merge_locks(BASE, lock_of(package("alpha")), BASE)
    assert (versions(merged.lock), merged.conflicts) == ({"alpha": "1.0"}, ())


def test_a_removed_package_that_the_other_side_came_to_need_is_kept() -> None:
    theirs = lock_of(package("alpha"), package("beta"), package("gamma", "1.0", "beta"))
    theirs = theirs._replace(
        packages=tuple(
            each._replace(dependencies=tuple(map(need, ("alpha", "gamma")))) if each.name == "own" else each
            for each in theirs.packages
        )
    )
    merged = merge_locks(BASE, lock_of(package("alpha")), theirs)
    assert versions(merged.lock) == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    build_lock(merged.lock)


def test_groups_that_both_sides_add_get_bits_of_their_own() -> None:
    ours = lock_of(
        package("alpha"), package("beta"), package("gamma", groups=4), groups=("default", "group:dev", "group:a")
    )
    theirs = lock_of(package("alpha", groups=5), package("beta"), groups=("default", "group:dev", "group:b"))
    lock, conflicts = merge_locks(BASE, ours, theirs)
    assert conflicts == ()
    assert lock.groups == ("default", "group:dev", "group:a", "group:b")
    masks = {each.name: each.group_mask for each in lock.packages}
    assert masks == {"alpha": 0b1001, "beta": 1, "gamma": 0b100, "own": 1}


def test_sides_without_an_ancestor_are_united() -> None:
    merged = merge_locks(None, lock_of(package("alpha")), lock_of(package("beta")))
    assert (versions(merged.lock), merged.conflicts) == ({"alpha": "1.0", "beta": "1.0"}, ())
    clash = merge_locks(None, lock_of(package("alpha")), lock_of(package("alpha", "2.0")))
    assert (versions(clash.lock), clash.conflicts) == ({"alpha": "1.0"}, ("alpha",))


def test_merging_with_oneself_or_the_ancestor_changes_nothing() -> None:
    other = lock_of(package("alpha", "2.0"), package("gamma"), inputs=7)
    for base, ours, theirs in ((BASE, other, other), (BASE, other, BASE), (BASE, BASE, other)):
        lock, conflicts = merge_locks(base, ours, theirs)
        assert conflicts == ()
        assert lock.packages == other.packages
    assert merge_locks(BASE, other, other).lock.input_hash == bytes([7]) * 32


def test_a_requires_python_changed_twice_is_a_conflict() -> None:
    ours, theirs = (BASE._replace(requires_python=text) for text in (">=3.12", ">=3.13"))
    assert merge_locks(BASE, ours, theirs).conflicts == ("requires-python",)
    assert merge_locks(BASE, ours, theirs, "theirs").lock.requires_python == ">=3.13"
