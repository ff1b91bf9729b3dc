"""What composing decided before is made again without a look at a plan, and nothing else comes of it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from blast_core import fs
from blast_core.errors import InstallError
from blast_pm.install import compose as composing
from blast_pm.install.compose import ComposeReport, compose
from blast_pm.install.decisions import load_decision
from blast_pm.install.testing import WheelStore, running_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from blast_pm.store.cache import StoredDistribution

_HERE = running_interpreter()
_NAMESPACE = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


class Memory:
    """Keeps decisions in memory, and counts."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}
        self.found = 0

    def get(self, key: bytes) -> bytes | None:
        value = self.kept.get(key)
        self.found += value is not None
        return value

    def put(self, key: bytes, value: bytes) -> None:
        self.kept[key] = value


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WheelStore]:
    with WheelStore(tmp_path) as store:
        yield store


@pytest.fixture
def distributions(store: WheelStore) -> list[StoredDistribution]:
    """Of every kind: packages, modules, data, programs, a namespace, and two that overlap harmlessly."""
    return [
        store.make(
            "a",
            {"a/__init__.py": "", "a/sub/x.txt": "x", "one.py": "1", "{data}/data/share/a/f.txt": "f"},
            entry_points="[console_scripts]\ngo = a:main\n",
        ),
        store.make(
            "b", {"g/__init__.py": _NAMESPACE, "g/b/__init__.py": "", "tests/__init__.py": "", "b.pth": "import os\n"}
        ),
        store.make("c", {"g/__init__.py": _NAMESPACE + "# c\n", "g/c/__init__.py": "", "tests/__init__.py": "# c\n"}),
        store.make(
            "d", {"{data}/headers/d.h": "", "{data}/scripts/run": "#!python\nprint()\n", "certifi/cacert.pem": ""}
        ),
    ]


def make(
    path: Path, rows: Sequence[StoredDistribution], memory: Memory | None, mode: str = "fold", **options: object
) -> tuple[dict[str, object], ComposeReport]:
    """Compose, and return all that lies there, links by where they lead, with the report."""
    report = compose(str(path), _HERE, rows, link_mode=mode, memos=memory, **options)  # type: ignore[arg-type]
    found: dict[str, object] = {}
    for directory, folders, names in os.walk(path):
        for name in (*folders, *names):
            here = os.path.join(directory, name)
            status = os.lstat(here)
            below = os.path.relpath(here, path)
            if os.path.islink(here):
                found[below] = os.readlink(here)
            elif os.path.isdir(here):
                found[below] = "directory"
            else:
                with open(here, "rb") as file:
                    found[below] = (file.read(), status.st_mode & 0o777, status.st_nlink > 1)
    return found, report


@pytest.mark.parametrize("mode", ["fold", "hardlink", "copy", "fold,a=copy"])
def test_the_same_comes_of_it_without_a_plan(
    tmp_path: Path, distributions: list[StoredDistribution], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory()
    options = {"requested": {"a", "d"}, "direct_urls": {"c": b'{"url": "file:///c"}'}}
    plain = make(tmp_path / "plain", distributions, None, mode, **options)
    assert make(tmp_path / "first", distributions, memory, mode, **options) == plain
    assert (memory.found, len(memory.kept)) == (0, 1)

    def refuse(_: bytes) -> None:
        raise AssertionError

    monkeypatch.setattr(composing, "read_plan", refuse)
    monkeypatch.setattr(composing, "merge_plans", refuse)
    again = make(tmp_path / "again", list(reversed(distributions)), memory, mode, **options)
    assert again == plain
    assert again[1].startup == (("b", "b.pth"),)
    assert again[1].notes


@pytest.mark.parametrize(
    "changed",
    [
        {"mode": "hardlink"},
        {"requested": {"a"}},
        {"direct_urls": {"a": b"{}"}},
        {"allow_overwrite": True},
        {"rows": 3},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_question_is_decided_anew(
    tmp_path: Path, distributions: list[StoredDistribution], changed: dict[str, object]
) -> None:
    memory = Memory()
    make(tmp_path / "first", distributions, memory)
    rows = distributions[: int(str(changed.pop("rows", 4)))]
    make(tmp_path / "second", rows, memory, **changed)  # type: ignore[arg-type]
    assert (memory.found, len(memory.kept)) == (0, 2)


def test_what_the_store_lost_is_made_again(
    store: WheelStore, tmp_path: Path, distributions: list[StoredDistribution]
) -> None:
    memory = Memory()
    plain = make(tmp_path / "first", distributions, memory)
    shutil.rmtree(os.path.join(store.home, "i1"))
    assert make(tmp_path / "second", distributions, memory) == plain
    assert memory.found == 1


def test_files_that_run_at_startup_are_refused_still(tmp_path: Path, distributions: list[StoredDistribution]) -> None:
    memory = Memory()
    make(tmp_path / "first", distributions, memory)
    with pytest.raises(InstallError, match="b was refused"):
        make(tmp_path / "second", distributions, memory, allow_startup=False)
    assert not (tmp_path / "second").exists()


def test_refused_links_are_seen_to(
    tmp_path: Path, distributions: list[StoredDistribution], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory()
    make(tmp_path / "first", distributions, memory)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(fs, "link_directory", refuse)
    found, report = make(tmp_path / "second", distributions, memory)
    assert found[f"{_HERE.site_packages}/a"] == "directory"
    assert "directories are real" in report.notes[0]
    assert len(memory.kept) == 1, "what was decided for want of links is not kept"


@pytest.mark.parametrize("value", [b"", b"nothing", b"\xe9\x01\x00\x00\x00", b"(\x00\x00\x00\x00"])
def test_a_damaged_decision_is_none(value: bytes) -> None:
    assert load_decision(value) is None
