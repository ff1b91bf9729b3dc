"""The state file is believed exactly while nothing changed."""

from __future__ import annotations

import errno
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blast_core import fs
from blast_project.environment import state
from blast_project.environment.state import (
    State,
    is_current,
    is_memo_current,
    look,
    read_state,
    write_memo,
    write_state,
)

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = b"\x01\x02\x03\x04\x05\x06\x07\x08"
SITE = "lib/python3.12/site-packages"
CONTENTS = {"pyproject.toml": b"[project]\n", "blast.lock": b"DPL1"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    environment = tmp_path / ".venv"
    (environment / SITE).mkdir(parents=True)
    (environment / ".blast").mkdir()
    (environment / "bin").mkdir()
    python = environment / "bin/python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    return tmp_path


def write(root: Path, contents: dict[str, bytes] | None = None) -> bool:
    return write_state(str(root), str(root / ".venv"), OPTIONS, State(7, 3, SITE), contents or CONTENTS)


def current(root: Path, options: bytes = OPTIONS) -> State | None:
    return is_current(str(root), str(root / ".venv"), options)


def test_is_current_right_after_writing(root: Path) -> None:
    assert write(root)
    state = current(root)
    assert state is not None
    assert (state.generation, state.packages, state.site_packages) == (7, 3, SITE)
    read = read_state(str(root / ".venv"))
    assert read is not None
    assert read.generation == 7


def test_a_store_that_is_gone_is_seen(root: Path) -> None:
    tree = root / "home" / "t" / "abc"
    tree.mkdir(parents=True)
    (root / ".venv" / SITE / "click").symlink_to(tree / "click")
    assert write(root)
    assert current(root) is not None
    tree.rename(root / "elsewhere")
    assert current(root) is None
    assert not write(root)
    tree.mkdir()
    assert current(root) is None, "another store at the same place"


def test_one_of_two_stores_that_is_gone_is_seen(root: Path) -> None:
    for name in ("home", "site"):
        tree = root / name / "t" / "abc"
        tree.mkdir(parents=True)
        (root / ".venv" / SITE / name).symlink_to(tree / "click")
    assert write(root)
    state = current(root)
    assert state is not None
    assert sorted(state.trees) == [str(root / "home/t/abc"), str(root / "site/t/abc")]
    (root / "site").rename(root / "elsewhere")
    assert current(root) is None


def test_an_environment_that_was_moved_is_not_current(root: Path) -> None:
    write(root)
    moved = root.with_name("moved")
    root.rename(moved)
    assert current(moved) is None
    moved.rename(root)
    assert current(root) is not None


def test_an_environment_is_the_same_through_a_link(root: Path) -> None:
    write(root)
    link = root.with_name("link")
    link.symlink_to(root)
    assert current(link) is not None


@pytest.mark.parametrize("name", ["pyproject.toml", "blast.lock"])
def test_another_content_is_seen_even_with_equal_size_and_mtime(root: Path, name: str) -> None:
    write(root)
    path = root / name
    status = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert current(root) is None


def test_a_new_text_lock_is_seen(root: Path) -> None:
    write(root)
    (root / "pylock.toml").write_text("x = 1\n")
    assert current(root) is None


def test_a_removed_file_is_seen(root: Path) -> None:
    write(root)
    (root / "blast.lock").unlink()
    assert current(root) is None


def test_a_foreign_distribution_is_seen(root: Path) -> None:
    write(root)
    time.sleep(0.02)
    (root / ".venv" / SITE / "alien-1.dist-info").mkdir()
    assert current(root) is None


def test_a_missing_interpreter_is_seen(root: Path) -> None:
    write(root)
    (root / ".venv/bin/python").unlink()
    assert current(root) is None


def test_other_options_are_not_current(root: Path) -> None:
    write(root)
    assert current(root, b"\0" * 8) is None


def test_nothing_is_written_when_a_file_changed_meanwhile(root: Path) -> None:
    assert not write(root, {**CONTENTS, "blast.lock": b"another"})
    assert current(root) is None


def keep(root: Path, contents: dict[str, bytes]) -> None:
    kept = root / ".venv/.blast/generations/7/.meta"
    kept.mkdir(parents=True)
    for name, content in contents.items():
        (kept / name).write_bytes(content)


def test_young_files_are_believed_when_the_generation_keeps_the_same(root: Path) -> None:
    keep(root, CONTENTS)
    for name, content in CONTENTS.items():
        (root / name).write_bytes(content)
    assert write_state(str(root), str(root / ".venv"), OPTIONS, State(7, 3, SITE), None)
    before = (root / ".venv/.blast/state").read_bytes()
    assert current(root) is not None
    time.sleep(0.025)
    assert current(root) is not None
    assert (root / ".venv/.blast/state").read_bytes() != before, "it says now that they are old enough"
    shutil.rmtree(root / ".venv/.blast/generations")
    assert current(root) is not None, "the stamps alone are enough"


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param({}, id="nothing"),
        pytest.param({**CONTENTS, "blast.lock": b"DPL2"}, id="another-lock"),
        pytest.param({"blast.lock": CONTENTS["blast.lock"]}, id="no-manifest"),
    ],
)
def test_young_files_are_not_believed_when_the_generation_keeps_others(root: Path, kept: dict[str, bytes]) -> None:
    keep(root, kept)
    for name, content in CONTENTS.items():
        (root / name).write_bytes(content)
    write_state(str(root), str(root / ".venv"), OPTIONS, State(7, 3, SITE), None)
    assert current(root) is None


def test_what_the_generation_does_not_keep_must_not_be_there(root: Path) -> None:
    keep(root, CONTENTS)
    write_state(str(root), str(root / ".venv"), OPTIONS, State(7, 3, SITE), None)
    (root / "pylock.toml").write_text("x = 1\n")
    write_state(str(root), str(root / ".venv"), OPTIONS, State(7, 3, SITE), None)
    assert current(root) is None


def test_a_look_from_before_saves_reading(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time.sleep(0.025)
    seen = look(str(root))
    monkeypatch.setattr("blast_project.environment.state._read", None)
    assert write_state(str(root), str(root / ".venv"), OPTIONS, State(7, 3, SITE), CONTENTS, seen)
    monkeypatch.undo()
    assert current(root) is not None


@pytest.mark.parametrize("pause_s", [0, 0.025])
def test_a_look_proves_nothing_of_what_changed_since(root: Path, pause_s: float) -> None:
    time.sleep(pause_s)
    seen = look(str(root))
    (root / "blast.lock").write_bytes(b"DPL2")
    assert not write_state(str(root), str(root / ".venv"), OPTIONS, State(7, 3, SITE), CONTENTS, seen)


def test_a_look_at_young_files_proves_nothing(root: Path) -> None:
    (root / "blast.lock").write_bytes(b"DPL1")
    seen = look(str(root))
    assert not seen.is_proof(seen.stamps)


def test_a_state_that_cannot_be_written_anew_is_believed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    keep(root, CONTENTS)
    for name, content in CONTENTS.items():
        (root / name).write_bytes(content)
    write_state(str(root), str(root / ".venv"), OPTIONS, State(7, 3, SITE), None)
    monkeypatch.setattr(fs, "replace_file", refuse)
    time.sleep(0.025)
    assert current(root) is not None


def test_a_time_in_the_future_is_not_believed(root: Path) -> None:
    future = time.time_ns() + 3_600_000_000_000
    os.utime(root / "pyproject.toml", ns=(future, future))
    assert write(root)
    assert current(root) is None


def test_memo_is_believed_while_nothing_changed(root: Path) -> None:
    memo = str(root / "memo" / "one")
    assert not is_memo_current(str(root), memo, OPTIONS)
    assert write_memo(str(root), memo, OPTIONS, CONTENTS)
    assert is_memo_current(str(root), memo, OPTIONS)
    (root / "blast.lock").write_bytes(b"DPL2")
    assert not is_memo_current(str(root), memo, OPTIONS)


def test_a_memo_is_written_without_a_wait_and_believed_for_good_later(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memo = root / "memo" / "one"
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", None)
        for name, content in CONTENTS.items():
            (root / name).write_bytes(content)
        assert write_memo(str(root), str(memo), OPTIONS, CONTENTS)
    before = memo.read_bytes()
    time.sleep(0.025)
    assert is_memo_current(str(root), str(memo), OPTIONS)
    assert memo.read_bytes() != before
    monkeypatch.setattr(state, "_checksum", None)
    assert is_memo_current(str(root), str(memo), OPTIONS)


@pytest.mark.parametrize("name", list(CONTENTS))
def test_a_change_within_the_tick_is_seen_by_its_checksum(
    root: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memo = str(root / "memo" / "one")
    stamps = {f"{root}/{each}": (at, 4, time.time_ns(), time.time_ns()) for at, each in enumerate(CONTENTS)}
    monkeypatch.setattr(state, "_stamp", lambda path: stamps.get(path, (0, -1, 0, 0)))
    assert write_memo(str(root), memo, OPTIONS, CONTENTS)
    assert is_memo_current(str(root), memo, OPTIONS)
    (root / name).write_bytes(CONTENTS[name][::-1])
    assert not is_memo_current(str(root), memo, OPTIONS)


def test_a_memo_of_what_was_read_and_changed_since_is_not_written(root: Path) -> None:
    old = time.time_ns() - 60_000_000_000
    os.utime(root / "pyproject.toml", ns=(old, old))
    time.sleep(0.025)
    assert not write_memo(str(root), str(root / "memo"), OPTIONS, {**CONTENTS, "pyproject.toml": b"[other]\n"})


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_none_or_the_same_answer(root: Path, data: st.DataObject) -> None:
    write(root)
    path = root / ".venv/.blast/state"
    content = bytearray(path.read_bytes())
    cut = data.draw(st.integers(0, len(content)))
    if data.draw(st.booleans()):
        content = content[:cut]
    elif cut < len(content):
        content[cut] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    state = current(root)
    # The generation's number and count are only for show; all that decides is checked against the files.
    assert state is None or state.site_packages == SITE


def test_links_are_followed_until_each_store_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of hundreds of links tells where a store is, if it is known how many there are."""
    site = tmp_path / ".venv" / "site"
    site.mkdir(parents=True)
    for number in range(9):
        tree = tmp_path / ("one" if number % 2 else "two") / str(number)
        (tree / "p").mkdir(parents=True)
        (site / f"p{number}").symlink_to(tree / "p")
    read: list[str] = []
    readlink = os.readlink

    def counted(path: str) -> str:
        read.append(path)
        return readlink(path)

    monkeypatch.setattr(os, "readlink", counted)
    for stores, count in ((1, 1), (-1, 9)):
        read.clear()
        found = state._find_trees(str(site), stores)
        assert len(found) == (1 if stores == 1 else 2)
        assert len(read) == count
