"""Packages of a workspace by name: ``--package`` and ``--all-packages`` of the commands that take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("offered")
    for name in ("forroot", "forone", "fortwo", "fordev", "more"):
        make_wheel(directory, name, "1.0")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def work(tmp_path: Path, offered: StaticIndex) -> Blast:
    root = tmp_path / "work"
    (root / "libs").mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        '[project]\nname = "top"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["forroot"]\n'
        '[tool.blast.workspace]\nmembers = ["libs/*"]\n'
    )
    for name, needs in (("one", "forone"), ("two", "fortwo")):
        (root / "libs" / name).mkdir()
        (root / "libs" / name / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["{needs}"]\n'
            '[dependency-groups]\ndev = ["fordev"]\n'
        )
    return Blast(root, tmp_path / "home", {"BLAST_INDEX_URL": offered.url})


def installed(blast: Blast) -> set[str]:
    program = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"
    return set(blast.python(program).split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"forroot"}),
        (["--package", "one"], {"forone", "fordev"}),
        (["--package", "one", "--package", "Top", "--no-dev"], {"forone", "forroot"}),
        (["--all-packages"], {"forroot", "forone", "fortwo", "fordev"}),
        (["--all-packages", "--no-dev"], {"forroot", "forone", "fortwo"}),
    ],
)
def test_sync_installs_for_those_packages(work: Blast, words: list[str], expected: set[str]) -> None:
    work("sync", *words)
    assert installed(work) == expected
    assert "up to date" in work("sync", *words).stderr


def test_goes_from_one_to_another(work: Blast) -> None:
    work("sync", "--package", "one")
    work("sync", "--package", "two")
    assert installed(work) == {"fortwo", "fordev"}
    work("sync")
    assert installed(work) == {"forroot"}


def test_run_brings_what_the_package_needs(work: Blast) -> None:
    work("sync")
    work("run", "--package", "two", "python", "-c", "import fortwo")
    assert "fortwo" in installed(work)
    done = work("run", "--package", "one", "--with", "more", "python", "-c", "import forone, more; print('fine')")
    assert done.stdout == "fine\n"


def test_add_and_remove_edit_that_manifest(work: Blast) -> None:
    root = (work.directory / "pyproject.toml").read_text()
    work("add", "--package", "two", "more", "--bounds", "none")
    manifest = work.directory / "libs" / "two" / "pyproject.toml"
    assert '"more"' in manifest.read_text()
    assert "more" in installed(work)
    work("remove", "--package", "two", "more")
    assert '"more"' not in manifest.read_text()
    assert (work.directory / "pyproject.toml").read_text() == root


@pytest.mark.parametrize(
    "command", [["sync"], ["run", "python"], ["add", "more"], ["remove", "more"], ["export"], ["version"]]
)
def test_an_unknown_package_is_named(work: Blast, command: list[str]) -> None:
    done = work.run(command[0], "--package", "three", *command[1:])
    assert done.returncode == 2
    assert "'three'" in done.stderr
    assert "top, one, two" in done.stderr


def test_undo_takes_back_what_changed_in_a_member(work: Blast) -> None:
    manifest = work.directory / "libs" / "one" / "pyproject.toml"
    before = manifest.read_text()
    work("add", "more", "--package", "one")
    after = manifest.read_text()
    assert after != before
    assert "libs/one/pyproject.toml" in work("undo").stderr
    assert manifest.read_text() == before
    assert "more" not in work("sync", "--package", "one").stderr
    work("rollback", "2")
    assert manifest.read_text() == after
    manifest.write_text(f"{after}# mine\n")
    refused = work.run("undo")
    assert refused.returncode == 1
    assert "libs/one/pyproject.toml changed" in refused.stderr
    work("undo", "--force")
    assert manifest.read_text() == before


def test_what_undo_left_is_looked_at_again(work: Blast) -> None:
    """A member's manifest is none of the files by which the quick way knows that nothing changed."""
    work("add", "more")
    work("undo")
    manifest = work.directory / "libs" / "one" / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('"forone"', '"forone", "more"'))
    assert "Would sync" in work("sync", "--dry-run", "--package", "one").stderr
    work("sync")
    assert "more" in (work.directory / "pylock.toml").read_text()


def test_outside_of_workspaces(tmp_path: Path, offered: StaticIndex) -> None:
    directory = tmp_path / "alone"
    directory.mkdir()
    (directory / "pyproject.toml").write_text('[project]\nname = "alone"\nversion = "1"\ndependencies = ["more"]\n')
    blast = Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": offered.url})
    blast("sync", "--package", "alone")
    assert installed(blast) == {"more"}
    blast("sync", "--all-packages")
    assert blast.run("sync", "--package", "other").returncode == 2
