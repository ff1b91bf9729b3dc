"""How a project is installed: again, without some of it, as copies, for other platforms, with builds done otherwise."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_sdist, make_wheel
from blast_project.testing_builds import make_backend, source_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("offered")
    for name in ("leaf", "base", "more"):
        make_wheel(directory, name, "1.0")
    for tag, system in (
        ("cp311-cp311-manylinux_2_17_x86_64", "linux-x86_64"),
        ("cp311-cp311-manylinux_2_17_aarch64", "linux-aarch64"),
        ("cp311-cp311-macosx_11_0_arm64", "macos-arm64"),
        ("cp311-cp311-win_amd64", "windows-x86_64"),
    ):
        make_wheel(directory, "native", "1.0", tag=tag, files={"native.py": f"SYSTEM = {system!r}\n".encode()})
    make_wheel(directory, "onwindows", "1.0")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def work(tmp_path: Path, offered: StaticIndex) -> Blast:
    """A workspace: the project top, its member one, and lib, a tree beside."""
    root = tmp_path / "work"
    log = tmp_path / "log"
    more = (
        '[tool.blast.workspace]\nmembers = ["one"]\n'
        '[tool.blast.sources]\none = { workspace = true }\nlib = { path = "../lib", editable = true }\n'
    )
    trees = {
        root: source_tree(log, "top", requires=("base", "one", "lib"), more=more),
        root / "one": source_tree(log, "one", requires=("leaf",)),
        tmp_path / "lib": source_tree(log, "lib", requires=("more",)),
    }
    for directory, files in trees.items():
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            limited = text.replace('version = "1.0"\n', 'version = "1.0"\nrequires-python = ">=3.11"\n', 1)
            path.write_text(limited if name == "pyproject.toml" else text)
    return Blast(root, tmp_path / "home", {"BLAST_INDEX_URL": offered.url})


def installed(blast: Blast) -> set[str]:
    program = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"
    return set(blast.python(program).split())


def builds(work: Blast) -> list[str]:
    return (work.directory.parent / "log").read_text().split()


_ALL = {"top", "one", "lib", "base", "leaf", "more"}


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        (["--no-install-project"], {"top"}),
        (["--no-install-workspace"], {"top", "one"}),
        (["--no-install-local"], {"top", "one", "lib"}),
        (["--no-install-package", "Base", "--no-install-package", "lib"], {"base", "lib"}),
        (["--no-install-package", "top"], {"top"}),
    ],
)
def test_leaves_out_what_is_said(work: Blast, words: list[str], gone: set[str]) -> None:
    work("sync", *words)
    assert installed(work) == _ALL - gone
    assert "up to date" in work("sync", *words).stderr
    work("sync")
    assert installed(work) == _ALL, "the next sync without these words brings the rest"


def test_layers_of_an_image_need_no_source(work: Blast) -> None:
    work("lock")
    os.rename(work.directory / "backend.py", work.directory / "gone.py")
    work("sync", "--frozen", "--no-install-project")
    assert "top" not in installed(work)
    os.rename(work.directory / "gone.py", work.directory / "backend.py")
    work("sync", "--frozen")
    assert "top" in installed(work)


def test_the_project_of_a_member_is_the_member(work: Blast) -> None:
    work("sync", "--package", "one", "--no-install-project")
    assert installed(work) == {"leaf"}
    work("run", "--package", "one", "--no-install-package", "leaf", "python", "-c", "pass")
    assert installed(work) == {"one"}


def test_add_knows_them_too(work: Blast) -> None:
    (work.directory / "pyproject.toml").write_text(
        (work.directory / "pyproject.toml").read_text().replace("'base', ", "")
    )
    work("add", "base", "--bounds", "none", "--no-install-workspace")
    assert installed(work) == _ALL - {"top", "one"}


def test_reinstalls_everything(work: Blast) -> None:
    work("sync")
    before, number = builds(work), work.json("history")["generations"][-1]["number"]
    found = work.json("sync", "--reinstall")
    assert found["changed"]
    assert found["generation"] == number + 1
    assert {row["name"] for row in found["changes"]} == _ALL
    assert sorted(builds(work)[len(before) :]) == ["lib", "one", "top"], "each tree was built once more"
    assert " ~ base 1.0" in work("sync", "--reinstall").stderr


def test_reinstalls_one(work: Blast) -> None:
    work("sync")
    before = builds(work)
    assert [row["name"] for row in work.json("sync", "--reinstall-package", "Base")["changes"]] == ["base"]
    assert builds(work) == before
    assert [row["name"] for row in work.json("sync", "--reinstall-package", "lib")["changes"]] == ["lib"]
    assert builds(work) == [*before, "lib"]


def test_a_reinstall_mends_what_was_damaged(work: Blast) -> None:
    work("sync")
    damaged = next(work.home.glob("t/*/base/__init__.py"))
    sound = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(b"raise SystemExit('damaged')\n")
    work("sync", "--reinstall-package", "leaf")
    assert damaged.read_bytes() != sound
    work("sync", "--reinstall-package", "base")
    assert damaged.read_bytes() == sound
    assert work.python("import base; print('sound')") == "sound"


def test_run_installs_again_where_it_is_told(work: Blast) -> None:
    work("sync")
    before = builds(work)
    work("run", "--reinstall-package", "one", "python", "-c", "pass")
    assert builds(work) == [*before, "one"]


def origin_of(blast: Blast, name: str) -> bool:
    program = f"import importlib.metadata as m; print(m.distribution({name!r}).read_text('direct_url.json'))"
    return bool(json.loads(blast.python(program))["dir_info"].get("editable", False))


def test_copies_in_the_place_of_editable_trees(work: Blast) -> None:
    work("sync", "--no-editable")
    assert installed(work) == _ALL
    assert [origin_of(work, name) for name in ("top", "one", "lib")] == [False] * 3
    assert work.python("import top, one, lib; print(lib.VERSION)") == "1.0"
    work("sync", "--no-editable-package", "lib")
    assert [origin_of(work, name) for name in ("top", "one", "lib")] == [True, True, False]
    work("sync")
    assert [origin_of(work, name) for name in ("top", "one", "lib")] == [True] * 3


@pytest.fixture
def plain(tmp_path: Path, offered: StaticIndex) -> Blast:
    root = tmp_path / "plain"
    root.mkdir()
    (root / "pyproject.toml").write_text(
        '[project]\nname = "plain"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["native", "onwindows; sys_platform == \'win32\'"]\n'
    )
    return Blast(root, tmp_path / "home", {"BLAST_INDEX_URL": offered.url})


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux-aarch64", {"native"}),
        ("aarch64-apple-darwin", {"native"}),
        ("windows", {"native", "onwindows"}),
    ],
)
def test_files_of_another_platform(plain: Blast, platform: str, expected: set[str]) -> None:
    plain("sync", "--python-platform", platform)
    assert installed(plain) == expected
    system = {"aarch64-apple-darwin": "macos-arm64", "windows": "windows-x86_64"}.get(platform, platform)
    assert plain.python("import native; print(native.SYSTEM)") == system
    plain("run", "python", "-c", "import native; assert native.SYSTEM.startswith('linux-x86_64')")
    assert installed(plain) == {"native"}


def test_an_unknown_platform(plain: Blast) -> None:
    done = plain.run("sync", "--python-platform", "plan9")
    assert done.returncode == 2
    assert "no such platform" in done.stderr


def test_what_is_built_here_is_not_for_another_platform(tmp_path: Path) -> None:
    backend = make_backend(tmp_path / "log", "built", "1.0").replace("py3-none-any", "cp311-cp311-linux_x86_64")
    (tmp_path / "files").mkdir()
    manifest = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    files = {"pyproject.toml": manifest.encode(), "backend.py": backend.encode()}
    make_sdist(tmp_path / "files", "built", "1.0", files=files)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "pyproject.toml").write_text(
        '[project]\nname = "w"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["built"]\n'
    )
    with StaticIndex(tmp_path / "files") as server:
        blast = Blast(tmp_path / "work", tmp_path / "home", {"BLAST_INDEX_URL": server.url})
        blast("sync")
        done = blast.run("sync", "--python-platform", "macos-arm64")
    assert done.returncode == 1
    assert "built 1.0 can't be installed for macos-arm64" in done.stderr


@pytest.fixture
def told(tmp_path: Path, offered: StaticIndex) -> Blast:
    """A project whose backends tell which settings they get, and whether they see what the project needs."""
    tell = (
        "import sys, importlib.util; open({!r}, 'a').write(repr((NAME, "
        "sys._getframe(1).f_locals['config_settings'] or {{}}, importlib.util.find_spec('base') is not None)) + '\\n')"
    ).format(str(tmp_path / "told"))
    for name, requires in (("top", ("base", "lib")), ("lib", ("leaf",))):
        directory = tmp_path / name
        more = '[tool.blast.sources]\nlib = { path = "../lib", editable = true }\n' if name == "top" else ""
        for path, text in source_tree(tmp_path / "log", name, requires=requires, more=more).items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text.replace('"1.0"\n', '"1.0"\nrequires-python = ">=3.11"\n', 1))
        (directory / "backend.py").write_text(make_backend(tmp_path / "log", name, "1.0", requires, extra=tell))
    return Blast(tmp_path / "top", tmp_path / "home", {"BLAST_INDEX_URL": offered.url})


def lines_of(blast: Blast) -> list[str]:
    return (blast.directory.parent / "told").read_text().splitlines()


def test_settings_reach_the_backends(told: Blast) -> None:
    told(
        "sync",
        "-C",
        "a=1",
        "--config-setting",
        "b=x",
        "--config-settings",
        "b=y",
        "--config-settings-package",
        "lib:c=2",
    )
    assert sorted(lines_of(told)) == [
        "('lib', {'a': '1', 'b': ['x', 'y'], 'c': '2'}, False)",
        "('top', {'a': '1', 'b': ['x', 'y']}, False)",
    ]
    told("sync")
    assert sorted(lines_of(told)[2:]) == ["('lib', {}, False)", "('top', {}, False)"], "they count for one command"


def test_builds_without_isolation(told: Blast) -> None:
    told("sync", "--no-build-isolation-package", "Lib")
    assert sorted(lines_of(told)) == ["('lib', {}, True)", "('top', {}, False)"]


def test_lock_takes_what_is_about_builds(told: Blast) -> None:
    told("lock", "-C", "a=1", "--no-build-isolation-package", "lib", "--config-settings-package", "lib:c=2")
    assert (told.directory / "blast.lock").exists()


@pytest.mark.parametrize(
    "words", [["-C", "alone"], ["--config-settings-package", "lib"], ["--config-settings-package", "lib:alone"]]
)
def test_what_is_no_setting_is_refused(told: Blast, words: list[str]) -> None:
    done = told.run("sync", *words)
    assert done.returncode == 2
    assert "that is no setting" in done.stderr
