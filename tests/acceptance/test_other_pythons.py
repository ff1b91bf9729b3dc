"""Locks for PyPy and for builds of CPython without a global lock, on a machine that has neither."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


@pytest.fixture
def native(blast: Blast, tmp_path: Path) -> StaticIndex:
    directory = tmp_path / "native"
    directory.mkdir()
    for tag in ("cp311-cp311", "cp313-cp313", "cp313-cp313t", "pp311-pypy311_pp73", "pp310-pypy310_pp73"):
        make_wheel(directory, "native", "1.0", tag=f"{tag}-manylinux_2_17_x86_64")
    make_wheel(directory, "native", "2.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    make_wheel(directory, "onpypy", "1.0")
    (blast.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["native", "onpypy; implementation_name == \'pypy\'"]\n'
        '[tool.blast]\ntargets = ["linux-x86_64-py311", "linux-x86_64-py313", "linux-x86_64-pypy"]\n'
    )
    return StaticIndex(directory)


def test_a_lock_for_pypy_beside_cpython(blast: Blast, native: StaticIndex) -> None:
    with native as server:
        here = blast.at(blast.directory, BLAST_INDEX_URL=server.url)
        here("lock")
        plain = ("export", "--no-hashes", "--no-header", "--no-annotate", "--frozen")
        assert here(*plain, "--target", "linux-x86_64-pypy311").stdout == "native==1.0\nonpypy==1.0\n"
        assert here(*plain, "--target", "linux-x86_64-py311").stdout == "native==2.0\n"
        lines = here(*plain).stdout.splitlines()
        assert any(line.startswith("onpypy==1.0 ;") and "pypy" in line.lower() for line in lines)
        here("sync")
    document = tomllib.loads((blast.directory / "pylock.toml").read_text())
    rows = [row for row in document["packages"] if row["name"] == "native"]
    wheels = {wheel["url"].rpartition("/")[2] for row in rows for wheel in row["wheels"]}
    tags = {name.split("-", 2)[2].removesuffix("-manylinux_2_17_x86_64.whl") for name in wheels}
    # PyPy 3.10 is none of the project's; wheels without a global lock are for whoever has such a Python.
    assert tags == {"cp311-cp311", "cp313-cp313", "cp313-cp313t", "pp311-pypy311_pp73"}


def test_a_build_without_the_global_lock_is_explained(blast: Blast, native: StaticIndex) -> None:
    with native as server:
        here = blast.at(blast.directory, BLAST_INDEX_URL=server.url)
        done = here.run("lock", "--target", "linux-x86_64-py313t")
    assert done.returncode == 2
    assert "'linux-x86_64-py313' stands for both" in done.stderr


def test_an_interpreter_that_is_not_here(blast: Blast) -> None:
    blast("init", "--name", "demo")
    for request in ("pypy3.11", "3.13t"):
        done = blast.run("sync", "--python", request)
        assert done.returncode == 1
        assert "error: " in done.stderr
        assert not (blast.directory / ".venv").exists()
