"""A lock that was asked for twice is written back without a database, a parser or a question to the index."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from blast_project.answers import Answer, answer_path, find_answer, question_of
from blast_project.exclusive import exclusive_below

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast
    from blast_pm.testing import StaticIndex

pytestmark = pytest.mark.acceptance

_LOCKS = ("blast.lock", "pylock.toml")
# What the whole replay may import over a bare interpreter; each costs a tenth of a millisecond or more.
_ALLOWED = {
    "__future__",
    "_collections",
    "_struct",
    "blast_cli",
    "blast_cli.bundle",
    "blast_cli.hot",
    "blast_cli.main",
    "blast_cli.outcome",
    "blast_cli.output",
    "blast_cli.replay",
    "blast_core",
    "blast_core._sync_files",
    "blast_core.errors",
    "blast_core.fnv",
    "blast_core.fs",
    "blast_core.home",
    "blast_core.tuples",
    "blast_pm",
    "blast_pm.store",
    "blast_pm.store.locks",
    "blast_project",
    "blast_project.answers",
    "blast_project.environment",
    "blast_project.environment.state",
    "blast_project.exclusive",
    "blast_project.hot_key",
    "blast_project.lock_rules",
    "errno",
    "fcntl",
    "struct",
    "zlib",
}


def forget(blast: Blast) -> None:
    """Remove the lock."""
    for name in _LOCKS:
        (blast.directory / name).unlink(missing_ok=True)


def locks(blast: Blast) -> list[bytes]:
    return [(blast.directory / name).read_bytes() for name in _LOCKS]


@pytest.fixture
def asked(project: Blast) -> Blast:
    """A project without a lock, the answer to which is kept."""
    project("add", "--no-sync", "alpha")
    for _ in range(2):
        forget(project)
        project("lock")
    assert list((project.home / "projects").glob("*.answer"))
    forget(project)
    return project


def is_replayed(blast: Blast, *words: str) -> bool:
    """Lock, and tell whether that was done by writing an answer back."""
    imported = blast.imported("lock", *words)
    return "blast_cli.application" not in imported


def test_imports_of_a_replay(asked: Blast) -> None:
    assert asked.imported("lock") - _ALLOWED == set()


def test_writes_the_same_lock_and_asks_nothing(asked: Blast, index: StaticIndex) -> None:
    asked("lock", "--no-hints")
    whole = locks(asked)
    forget(asked)
    index.forget_requests()
    assert is_replayed(asked)
    assert locks(asked) == whole
    assert index.paths() == []


def test_says_the_same(asked: Blast) -> None:
    replayed = asked("lock").stderr.splitlines()
    forget(asked)
    asked.environ["BLAST_REFRESH_PACKAGE"] = ""  # a variable that the short way doesn't know
    long = asked("lock").stderr.splitlines()
    assert replayed[1:] == long[1:]
    assert [line.partition(" in ")[0] for line in (replayed[0], long[0])] == ["Locked 2 packages"] * 2
    asked.environ.clear()


def test_answers_in_another_directory(asked: Blast, tmp_path: Path) -> None:
    asked("lock")
    other = asked.at(tmp_path / "other" / "place")
    other.directory.mkdir(parents=True)
    (other.directory / "pyproject.toml").write_bytes((asked.directory / "pyproject.toml").read_bytes())
    assert is_replayed(other, "--offline")
    assert locks(other) == locks(asked)


def test_the_next_lock_has_nothing_to_do_and_the_next_change_reaches_little(asked: Blast) -> None:
    asked("lock")
    assert "up to date" in asked("lock").stderr
    assert "locked versions stay" in asked("add", "--no-sync", "gamma", "-v").stderr


def test_another_manifest_is_another_question(asked: Blast) -> None:
    path = asked.directory / "pyproject.toml"
    path.write_text(path.read_text() + "\n# a comment\n")
    assert not is_replayed(asked)


@pytest.mark.parametrize("changed", ["manifest above", "settings", "configuration of pip", "variable"])
def test_what_else_may_decide_sends_it_the_long_way(asked: Blast, tmp_path: Path, changed: str) -> None:
    if changed == "manifest above":
        (asked.directory.parent / "pyproject.toml").write_text("[project]\nname = 'above'\nversion = '1'\n")
    elif changed == "settings":
        (asked.directory / "blast.toml").write_text("")
    elif changed == "configuration of pip":
        asked.environ["XDG_CONFIG_DIRS"] = str(tmp_path / "xdg")
        for _ in range(2):
            asked("lock")
            forget(asked)
        assert is_replayed(asked)
        forget(asked)
        (tmp_path / "xdg/pip").mkdir(parents=True)
        (tmp_path / "xdg/pip/pip.conf").write_text("[global]\nextra-index-url = https://more.invalid/\n")
    else:
        asked.environ["PIP_EXTRA_INDEX_URL"] = "https://more.invalid/"
    assert not is_replayed(asked, "--offline")


def test_a_database_that_was_written_since_is_looked_into(asked: Blast) -> None:
    asked("pip", "compile", "--no-header", str(_requirements(asked)))
    assert not is_replayed(asked)
    forget(asked)
    assert is_replayed(asked)


def _requirements(blast: Blast) -> Path:
    path = blast.directory.parent / "requirements.in"
    path.write_text("delta\n")
    return path


@pytest.mark.parametrize("damage", [b"", b"1234", bytes(100)], ids=("shortened", "short", "nothing"))
def test_a_damaged_answer_is_none(asked: Blast, damage: bytes) -> None:
    (path,) = (asked.home / "projects").glob("*.answer")
    path.write_bytes(damage or path.read_bytes()[:-1])
    assert not is_replayed(asked)
    forget(asked)
    assert is_replayed(asked)


def test_a_standing_lock_is_never_replaced(asked: Blast) -> None:
    (asked.directory / "pylock.toml").write_text('lock-version = "1.0"\ncreated-by = "another"\n')
    assert not is_replayed(asked)


def test_whoever_finds_another_command_at_work_takes_the_long_way(asked: Blast) -> None:
    with exclusive_below(str(asked.home), str(asked.directory)):
        waiting = asked.start("lock")
        time.sleep(0.5)
        assert waiting.poll() is None
        assert not (asked.directory / "blast.lock").exists()
    _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, said
    assert (asked.directory / "blast.lock").exists()


def test_pages_grow_old(tmp_path: Path) -> None:
    now = int(time.time())
    question = question_of(b"[project]", {"HOME": "/home"}, "/usr")
    path = answer_path(str(tmp_path), question)
    os.mkdir(os.path.dirname(path))

    def is_found(fetched: int, expires: int, *, offline: bool = False) -> bool:
        answer = Answer(question, (), fetched, expires, b"rules", 1, (("alpha", "1.0"),), None, b"content")
        with open(path, "wb") as file:
            file.write(answer.dump())
        return find_answer(str(tmp_path), question, offline=offline) is not None

    assert is_found(now - 10, now + 100)
    assert not is_found(now - 100, now - 1)
    assert not is_found(now + 1000, now + 2000), "the clock was put back"
    assert is_found(now - 100, now - 1, offline=True)


def test_another_question_of_the_same_checksum_gets_no_answer(tmp_path: Path) -> None:
    question, other = b"one", b"other"
    path = answer_path(str(tmp_path), question)
    os.mkdir(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(Answer(other, (), 0, 1 << 60, b"", 0, (), None, b"").dump())
    assert find_answer(str(tmp_path), question, offline=True) is None


def test_killed_anywhere_the_next_lock_is_whole(asked: Blast) -> None:
    asked("lock")
    whole, names = locks(asked), sorted(os.listdir(asked.directory))
    # A variable that asks for the fault would send the command the long way.
    program = "import sys; from blast_core import fs; fs.set_fault(sys.argv[1]); from blast_cli.main import main; "
    program += "main(['lock'])"
    seen = set()
    for number in range(1, 100):
        forget(asked)
        command = [sys.executable, "-c", program, f"kill:{number}"]
        done = subprocess.run(
            command, cwd=asked.directory, env=asked.variables(), capture_output=True, text=True, check=False
        )
        if not done.returncode:
            assert "Locked" in done.stderr
            break
        seen.add(tuple(name for name in _LOCKS if (asked.directory / name).exists()))
        asked("lock")
        assert locks(asked) == whole, number
        assert sorted(os.listdir(asked.directory)) == names, number
    assert seen == {(), ("pylock.toml",), _LOCKS}
