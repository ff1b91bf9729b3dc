"""Link modes by manifest and option: what is asked for holds, stays, and travels."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InvalidManifest
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.environment.manager import VenvManager
from blast_project.link_modes import manifest_modes
from blast_project.operations import SyncOptions, sync_here
from blast_project.settings import settle_mode
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_project.syncing import SyncResult

_BOTH = 'dependencies = ["alpha", "beta"]\n'


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    for name in ("alpha", "beta"):
        files = {f"{name}/__init__.py": f"def main():\n    print({name!r})\n".encode()}
        make_wheel(directory, name, "1.0", files=files, entry_points=f"[console_scripts]\nrun-{name} = {name}:main\n")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    bench = Workbench.make(tmp_path, index.url)
    bench.write_manifest(_BOTH)
    return bench


def sync(bench: Workbench, link_mode: str = "") -> SyncResult:
    with bench.session(link_mode=link_mode) as session:
        return sync_here(session, SyncOptions())


def is_link(bench: Workbench, name: str) -> bool:
    generation = VenvManager(str(bench.root / ".venv")).current()
    assert generation is not None
    return (bench.root / ".venv" / generation.site_packages / name).is_symlink()


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ({}, ""),
        ({"link-mode": "copy"}, "copy"),
        ({"link-mode": "auto"}, "fold"),
        ({"link-mode-package": {"Num.Py": "copy", "b": "auto"}}, "fold,num-py=copy"),
        ({"link-mode": "clone", "link-mode-package": {"a": "fold", "b": "clone"}}, "clone,a=fold"),
    ],
)
def test_the_manifest_names_modes(tool: dict[str, object], text: str) -> None:
    assert manifest_modes(tool) == text


@pytest.mark.parametrize(
    "tool", [{"link-mode": "magic"}, {"link-mode": 3}, {"link-mode-package": {"a": "b"}}, {"link-mode-package": "copy"}]
)
def test_other_modes_are_refused(tool: dict[str, object]) -> None:
    with pytest.raises(InvalidManifest):
        manifest_modes(tool)


def test_nothing_and_auto_are_the_default() -> None:
    assert settle_mode("") == settle_mode("auto") == "fold"


def test_one_distribution_has_another_mode_until_the_manifest_says_otherwise(bench: Workbench) -> None:
    bench.write_manifest(_BOTH + '[tool.blast.link-mode-package]\nbeta = "copy"\n')
    assert sync(bench).link_mode == "fold,beta=copy"
    assert (is_link(bench, "alpha"), is_link(bench, "beta")) == (True, False)
    assert not sync(bench).changed
    bench.write_manifest(_BOTH + '[tool.blast]\nlink-mode = "hardlink"\nlink-mode-package = {alpha = "fold"}\n')
    assert sync(bench).changed
    assert (is_link(bench, "alpha"), is_link(bench, "beta")) == (True, False)
    assert sync(bench, "copy").link_mode == "copy"
    assert not is_link(bench, "alpha")


def test_a_mode_stays_until_another_is_named(bench: Workbench) -> None:
    assert sync(bench).link_mode == "fold"
    assert sync(bench, "hardlink").changed
    again = sync(bench)
    assert (again.changed, again.link_mode) == (False, "hardlink")
    back = sync(bench, "auto")
    assert (back.changed, back.link_mode) == (True, "fold")
    assert not sync(bench).changed


def test_copies_run_elsewhere_without_store_and_project(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, "copy")
    elsewhere = tmp_path / "image" / "env"
    elsewhere.parent.mkdir()
    subprocess.run(["cp", "-r", bench.root / ".venv", elsewhere], check=True)
    bench.home.rename(tmp_path / "no store")
    bench.root.rename(tmp_path / "no project")
    done = subprocess.run([elsewhere / "bin/run-alpha"], capture_output=True, text=True, check=True)
    assert done.stdout == "alpha\n"
    line = [str(elsewhere / "bin/python"), "-c", "import beta, sys; beta.main(); print(sys.prefix, beta.__file__)"]
    beta, places = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    assert beta == "beta"
    assert [place.startswith(str(elsewhere)) for place in places.split()] == [True, True]
    leading_out = [
        target
        for directory, names, files in os.walk(elsewhere)
        for name in (*names, *files)
        if os.path.isabs(target := _target(os.path.join(directory, name))) and not name.startswith("python")
    ]
    assert leading_out == []


def _target(path: str) -> str:
    return os.readlink(path) if os.path.islink(path) else ""
