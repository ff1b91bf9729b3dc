"""A recipe is found for the files, the interpreter and the groups it was kept for, and for no others."""

from __future__ import annotations

import marshal
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from blast_pm.metadata.store import Database
from blast_pm.testing import StaticIndex, make_wheel
from blast_project import recipes
from blast_project.locking import lock_project
from blast_project.operations import SyncOptions, sync_here
from blast_project.recipes import Recipe, find_recipe, keep_recipe, recipe_key
from blast_project.selection import GroupSelection
from blast_project.testing import Workbench, make_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_core.interpreter import Interpreter
    from blast_project.lock_files import LockResult

CONTENTS = {"pyproject.toml": b"[project]\n", "blast.lock": b"DPL1", "pylock.toml": b"lock-version = '1.0'\n"}
RECIPE = Recipe("demo", "", ("alpha",), ("ab" * 32, "cd" * 32))


@pytest.fixture
def interpreter() -> Interpreter:
    return make_interpreter()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(str(tmp_path / "meta.lmdb"))
    yield opened
    opened.close()


@pytest.mark.parametrize("recipe", [RECIPE, RECIPE._replace(wheels=(), requested=(), link_mode="copy")])
def test_what_is_kept_is_found(database: Database, recipe: Recipe) -> None:
    keep_recipe(database, b"key", recipe)
    assert find_recipe(database, b"key") == recipe
    assert find_recipe(database, b"other") is None


def test_the_key_is_of_everything_that_decides(interpreter: Interpreter) -> None:
    key = recipe_key(CONTENTS, interpreter, "")
    others = [
        *(recipe_key({**CONTENTS, name: b"x"}, interpreter, "") for name in CONTENTS),
        *(recipe_key({k: v for k, v in CONTENTS.items() if k != name}, interpreter, "") for name in CONTENTS),
        recipe_key({**CONTENTS, "blast.lock": CONTENTS["pylock.toml"], "pylock.toml": b"DPL1"}, interpreter, ""),
        recipe_key(CONTENTS, interpreter._replace(version="3.12.2"), ""),
        recipe_key(CONTENTS, interpreter._replace(executable="/elsewhere/python"), ""),
        recipe_key(CONTENTS, interpreter._replace(target=interpreter.target._replace(tags=())), ""),
        recipe_key(CONTENTS, interpreter, GroupSelection(no_dev=True).key),
    ]
    assert len({key, *others}) == len(others) + 1
    assert recipe_key(dict(reversed(CONTENTS.items())), interpreter, "") == key


def test_another_format_has_another_key(interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch) -> None:
    key = recipe_key(CONTENTS, interpreter, "")
    monkeypatch.setattr(recipes, "_FORMAT", recipes._FORMAT + 1)
    assert recipe_key(CONTENTS, interpreter, "") != key


@pytest.mark.parametrize("value", [b"", b"nonsense", marshal.dumps(("demo", "")), marshal.dumps(3)])
def test_a_damaged_recipe_is_none(database: Database, value: bytes) -> None:
    database.put("misc", b"key", value)
    assert find_recipe(database, b"key") is None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "alpha", "1.0", ["beta"])
    make_wheel(wheels, "beta", "1.0")
    make_wheel(wheels, "gamma", "1.0")
    with StaticIndex(wheels) as index:
        yield Workbench.make(tmp_path, index.url)


def sync_a_copy(bench: Workbench, directory: Path, options: SyncOptions) -> Workbench:
    """Sync another checkout of the project, with an index that is not there."""
    shutil.copytree(bench.root, directory / "project", ignore=shutil.ignore_patterns(".venv"))
    copy = Workbench(directory / "project", bench.home)
    with copy.session(offline=True) as session:
        sync_here(session, options)
    return copy


def lock_is_asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by one whenever the lock is compared with the manifest."""
    asked: list[str] = []

    def ask(*arguments: Any, **more: Any) -> LockResult:
        asked.append("lock")
        return lock_project(*arguments, **more)

    monkeypatch.setattr("blast_project.operations.lock_project", ask)
    return asked


def test_another_checkout_needs_no_look_at_the_lock(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write_manifest('dependencies = ["alpha"]', more='[dependency-groups]\ndev = ["gamma"]\n')
    with bench.session() as session:
        sync_here(session, SyncOptions())
    asked = lock_is_asked(monkeypatch)
    (tmp_path / "one").mkdir()
    one = sync_a_copy(bench, tmp_path / "one", SyncOptions())
    assert asked == []
    assert list(one.installed()) == list(bench.installed())
    assert len(list(one.installed())) == 3
    (tmp_path / "two").mkdir()
    two = sync_a_copy(bench, tmp_path / "two", SyncOptions(GroupSelection(no_dev=True)))
    assert asked == ["lock"], "another choice of groups is another recipe"
    assert len(list(two.installed())) == 2


def test_an_edited_manifest_is_looked_at(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write_manifest('dependencies = ["alpha"]')
    with bench.session() as session:
        sync_here(session, SyncOptions())
    bench.write_manifest('dependencies = ["beta"]')
    asked = lock_is_asked(monkeypatch)
    with bench.session() as session:
        sync_here(session, SyncOptions())
    assert asked == ["lock"]
    assert list(bench.installed()) == ["beta-1.0.dist-info"]


def test_what_is_not_in_the_store_any_more_is_fetched(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write_manifest('dependencies = ["alpha"]')
    with bench.session() as session:
        sync_here(session, SyncOptions())
    bench_trees = list((bench.home / "t").iterdir())
    bench_trees[0].rename(bench.home / "gone")
    asked = lock_is_asked(monkeypatch)
    with bench.session() as session:
        sync_here(session, SyncOptions())
    assert asked == ["lock"]
    assert bench_trees[0].is_dir()


def test_nothing_is_kept_of_a_frozen_sync(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock need not answer to the manifest then."""
    bench.write_manifest('dependencies = ["alpha"]')
    with bench.session() as session:
        sync_here(session, SyncOptions())
    bench.write_manifest('dependencies = ["alpha", "gamma"]')
    with bench.session() as session:
        sync_here(session, SyncOptions(frozen=True))
    asked = lock_is_asked(monkeypatch)
    with bench.session() as session:
        sync_here(session, SyncOptions())
    assert asked == ["lock"]
    assert len(list(bench.installed())) == 3
