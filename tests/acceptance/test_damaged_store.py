"""A store that goes away, whole or in parts: the next command notices and repairs what hangs on it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from blast_core import fs

if TYPE_CHECKING:
    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


@pytest.fixture
def synced(project: Blast) -> Blast:
    project("add", "alpha")
    project("sync")
    return project


@pytest.mark.parametrize("part", ["", "t", "store"], ids=["home", "trees", "containers and records"])
def test_sync_repairs_what_hung_on_a_store_that_is_gone(synced: Blast, part: str) -> None:
    fs.remove_tree(str(synced.home / part) if part else str(synced.home))
    synced("sync")
    assert synced.python("import alpha, beta; print(alpha.VERSION)") == "2.0"


def test_run_repairs_it_too(synced: Blast) -> None:
    fs.remove_tree(str(synced.home))
    assert synced("run", "alpha").stdout == "alpha 2.0\n"


def test_going_back_to_a_generation_whose_store_is_gone_is_repaired(synced: Blast) -> None:
    synced("add", "gamma")
    fs.remove_tree(str(synced.home))
    synced("undo")
    synced("sync")
    assert synced.python("import alpha; print(alpha.VERSION)") == "2.0"


def test_a_garbled_database_is_rebuilt(synced: Blast) -> None:
    database = synced.home / "store" / "meta.lmdb"
    database.write_bytes(b"garbage" * 10_000)
    synced("add", "gamma")
    shutil.rmtree(synced.directory / ".venv")
    synced("sync")
    assert synced.python("import alpha, gamma; print(alpha.VERSION)") == "2.0"


def test_a_tool_whose_trees_are_gone_is_made_anew(blast: Blast) -> None:
    assert blast("tool", "run", "alpha").stdout == "alpha 2.0\n"
    fs.remove_tree(str(blast.home / "t"))
    assert blast("tool", "run", "alpha").stdout == "alpha 2.0\n"
