"""``blast lock`` in all its options, on a loopback index with times of upload; beside uv where uv has the option."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOW = datetime.now(UTC)
_AGES = {"1.0": 400, "1.5": 200, "2.0": 40, "2.1rc1": 20, "2.1": 3}
_PYTHON = ">=3.11"


def _when(days: float) -> str:
    return (_NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    """An index of dated files; ``win`` is needed on Windows only."""
    directory = tmp_path_factory.mktemp("dated")
    times = {}
    for version, days in _AGES.items():
        needs = ["lib>=1", "win; sys_platform == 'win32'"]
        for name, requires in (("app", needs), ("lib", []), ("win", [])):
            path = make_wheel(directory, name, version, requires)
            times[os.path.basename(path)] = _when(days)
    times[os.path.basename(make_wheel(directory, "lib", "1.5", build="2"))] = _when(1)
    times[os.path.basename(make_sdist(directory, "source", "2.0"))] = _when(100)
    times[os.path.basename(make_wheel(directory, "source", "1.0"))] = _when(300)
    make_wheel(directory, "test", "1.0", ["lib"])
    with StaticIndex(directory, upload_times=times) as server:
        yield server


@pytest.fixture
def demo(tmp_path: Path, dated: StaticIndex) -> Blast:
    """The command in a project that needs ``app``."""
    directory = tmp_path / "demo"
    directory.mkdir()
    blast = Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": dated.url, "TZ": "UTC"})
    _write(blast, ["app"])
    return blast


def _write(blast: Blast, needs: list[str], more: str = "") -> None:
    head = f'[project]\nname = "demo"\nversion = "1"\nrequires-python = "{_PYTHON}"\n'
    text = f"{head}dependencies = {json.dumps(needs)}\n{more}"
    (blast.directory / "pyproject.toml").write_text(text)


def _locked(blast: Blast) -> dict[str, str]:
    document = blast.json("lock", "show")
    return {row["name"]: row["version"] for row in document["packages"] if row["name"] != "demo"}


def _files(blast: Blast) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(blast.directory.iterdir()) if path.is_file()}


def _uv_lock(blast: Blast, url: str, *options: str) -> dict[str, str]:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed: the equality with it is NOT checked")
    plain = ("-q", "--no-config", "--no-cache", "--python", sys.executable, "--default-index", url)
    environ = {"PATH": os.environ["PATH"], "TZ": "UTC", "HOME": str(blast.directory)}
    subprocess.run([uv, "lock", *plain, *options], cwd=blast.directory, env=environ, check=True, capture_output=True)
    document = tomllib.loads((blast.directory / "uv.lock").read_text())
    return {row["name"]: row["version"] for row in document["package"] if row["name"] != "demo"}


@pytest.mark.parametrize(
    ("needs", "options", "expected"),
    [
        (["app"], ("--exclude-newer", _when(30)), {"app": "2.0", "lib": "2.0", "win": "2.0"}),
        (["app"], ("--exclude-newer", "100 days"), {"app": "1.5", "lib": "1.5", "win": "1.5"}),
        (
            ["app"],
            ("--exclude-newer", "P100D", "--exclude-newer-package", "lib=false"),
            {"app": "1.5", "lib": "2.1", "win": "1.5"},
        ),
        (["app>1"], ("--resolution", "lowest"), {"app": "1.5", "lib": "1.0", "win": "1.0"}),
        (["app>1"], ("--resolution", "lowest-direct"), {"app": "1.5", "lib": "2.1", "win": "2.1"}),
        (["app<2.1"], ("--prerelease", "allow"), {"app": "2.0", "lib": "2.1", "win": "2.1"}),
        (["app", "lib<2.1"], ("--prerelease-package", "lib=allow"), {"app": "2.1", "lib": "2.0", "win": "2.1"}),
        (["source"], ("--no-build",), {"source": "1.0"}),
        (["source"], ("--no-build-package", "source"), {"source": "1.0"}),
    ],
)
def test_locks_what_uv_locks(
    demo: Blast, dated: StaticIndex, needs: list[str], options: tuple[str, ...], expected: dict[str, str]
) -> None:
    _write(demo, needs)
    demo("lock", *options)
    assert _locked(demo) == expected
    assert _uv_lock(demo, dated.url, *options) == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ('exclude-newer = "100 days"', "1.5"),
        ('resolution = "lowest"', "1.0"),
        ('constraint-dependencies = ["app<2"]', "1.5"),
        ('override-dependencies = ["app==1.0"]', "1.0"),
        ('prerelease-package = { app = "allow" }\nexclude-newer = "10 days"', "2.1rc1"),
        ('resolver = "resolvelib"', "2.1"),
    ],
)
def test_settings_do_what_options_do(demo: Blast, setting: str, expected: str) -> None:
    _write(demo, ["app"], f"[tool.blast]\n{setting}\n")
    demo("lock")
    assert _locked(demo)["app"] == expected
    assert demo("lock", "--check").returncode == 0
    lines = demo("lock", "-v").stderr.splitlines()
    assert sum(line.startswith("The lock is up to date") for line in lines) == 1


def test_settings_of_uv_count_too(demo: Blast) -> None:
    _write(demo, ["app"], '[tool.uv]\nexclude-newer = "100 days"\n')
    demo("lock")
    assert _locked(demo)["app"] == "1.5"


def test_a_mistake_in_a_setting_names_its_line(demo: Blast) -> None:
    _write(demo, ["app"], '[tool.blast]\nexclude-newer = "someday"\n')
    done = demo.run("lock")
    assert done.returncode == 1
    assert "pyproject.toml:7:" in done.stderr
    assert "'someday' is no date" in done.stderr


def test_files_from_after_the_cutoff_are_not_locked(demo: Blast) -> None:
    demo("lock", "--exclude-newer", "100 days")
    package = next(row for row in demo.json("lock", "show", "lib")["packages"] if row["name"] == "lib")
    assert [file["filename"] for file in package["files"]] == ["lib-1.5-py3-none-any.whl"]


def test_both_resolvers_lock_the_same(demo: Blast) -> None:
    demo("lock", "--resolver", "resolvelib")
    first = _locked(demo)
    (demo.directory / "blast.lock").unlink()
    (demo.directory / "pylock.toml").unlink()
    demo("lock")
    assert _locked(demo) == first


# Keeping and leaving versions


def test_a_cutoff_that_goes_keeps_the_versions_as_in_uv(demo: Blast) -> None:
    demo("lock", "--exclude-newer", "100 days")
    demo("lock")
    assert _locked(demo)["app"] == "1.5"
    demo("lock", "--upgrade")
    assert _locked(demo)["app"] == "2.1"


def test_old_versions_are_not_kept_where_the_newest_are_wanted(demo: Blast) -> None:
    demo("lock", "--resolution", "lowest")
    assert _locked(demo)["app"] == "1.0"
    assert "chosen by another rule" in demo("lock").stderr
    assert _locked(demo)["app"] == "2.1"


def test_the_lock_that_answers_to_options_is_no_answer_without_them(demo: Blast) -> None:
    demo("lock", "--exclude-newer", "100 days")
    assert demo("lock", "--check", "--exclude-newer", "P100D").returncode == 0
    assert demo("lock", "--check", BLAST_EXCLUDE_NEWER="2400 hours").returncode == 0
    assert demo.run("lock", "--check").returncode == 1
    assert demo.run("lock", "--check", "--exclude-newer", "101 days").returncode == 1


def test_upgrades_one_package_a_version_or_a_group(demo: Blast) -> None:
    _write(demo, ["app"], '[dependency-groups]\ndev = ["test", "lib"]\n')
    demo("lock", "--exclude-newer", "100 days", "--exclude-newer-package", "test=false")
    demo("lock", "--upgrade-package", "win")
    assert _locked(demo) == {"app": "1.5", "lib": "1.5", "win": "2.1", "test": "1.0"}
    demo("lock", "-P", "app==2.0")
    assert _locked(demo) == {"app": "2.0", "lib": "1.5", "win": "2.1", "test": "1.0"}
    assert demo("lock").stderr.startswith("The lock is up to date")
    demo("lock", "--upgrade-group", "dev")
    assert _locked(demo) == {"app": "2.0", "lib": "2.1", "win": "2.1", "test": "1.0"}
    assert demo.run("lock", "-P", "app==9").returncode == 1
    assert demo.run("lock", "--upgrade-group", "nope").returncode == 2


# Looking without writing


def test_a_dry_run_prints_versions_and_where_they_change(demo: Blast) -> None:
    demo("lock", "--exclude-newer", "100 days")
    before = _files(demo)
    _write(demo, ["app<2; sys_platform == 'win32'", "app; sys_platform != 'win32'", "test"])
    done = demo("lock", "--upgrade", "--dry-run")
    assert done.stderr.splitlines()[0].startswith("Would lock 4 packages")
    assert done.stderr.splitlines()[1:] == [
        ' ~ app 1.5 -> 2.1 (if sys_platform != "win32")',
        " ~ lib 1.5 -> 2.1",
        " + test 1.0",
        " ~ win 1.5 -> 2.1",
    ]
    document = demo.json("lock", "--upgrade", "--dry-run")
    assert document["changes"][0] == {
        "name": "app",
        "before": "1.5",
        "after": "2.1",
        "where": 'sys_platform != "win32"',
    }
    assert {**_files(demo), "pyproject.toml": b""} == {**before, "pyproject.toml": b""}


def test_a_check_says_what_differs_and_writes_nothing(demo: Blast) -> None:
    assert demo.run("lock", "--check").returncode == 1
    assert demo.run("lock", "--check-exists").returncode == 1
    demo("lock")
    assert demo("lock", "--check").returncode == 0
    assert demo("lock", "--check-exists").returncode == 0
    _write(demo, ["app<2", "test"])
    before = _files(demo)
    done = demo.run("lock", "--check")
    assert done.returncode == 1
    for line in ("+ app<2", "+ test", "- app", "~ app 2.1 -> 1.5", "+ test 1.0", "'blast lock' makes it anew"):
        assert line in done.stderr
    error = json.loads(demo.run("lock", "--check", "--json").stdout)["error"]
    assert error["added"] == ["app<2", "test"]
    assert error["removed"] == ["app"]
    assert [row["name"] for row in error["changes"]] == ["app", "test"]
    assert _files(demo) == before


def test_locks_for_the_targets_that_are_named(demo: Blast) -> None:
    demo("lock", "--target", "linux-x86_64-py312")
    document: dict[str, Any] = demo.json("lock", "show")
    assert [target["name"] for target in document["targets"]] == ["linux-x86_64-py312"]
    assert "win" not in _locked(demo)
    assert demo.run("lock", "--target", "nowhere").returncode == 2
    assert demo.run("lock", "--check").returncode == 1


# Installing


def test_what_may_not_be_built_is_not_built(demo: Blast) -> None:
    _write(demo, ["source>1"])
    demo("lock")
    done = demo.run("sync", "--no-build")
    assert done.returncode == 1
    assert "it would have to be built, and no-build forbids it" in done.stderr
    assert not (demo.directory / ".venv").exists() or not list(demo.directory.glob(".venv/lib/*/site-packages/source*"))
    _write(demo, ["source>1"], "[tool.blast]\nno-build = true\n")
    assert demo.run("lock").returncode == 1
    _write(demo, ["source"], "[tool.blast]\nno-build = true\n")
    demo("sync")
    assert _locked(demo) == {"source": "1.0"}


def test_an_option_about_kinds_makes_no_lock_stale(demo: Blast) -> None:
    demo("lock")
    before = _files(demo)
    demo("sync", "--locked", "--no-build")
    assert demo.run("sync", "--locked", "--no-binary-package", "app").returncode == 1
    assert _files(demo) == before


def test_a_further_index_goes_before_the_others(demo: Blast, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    make_wheel(own, "lib", "7.0")
    with StaticIndex(own) as server:
        demo("lock", "--index", f"mine={server.url}")
        assert _locked(demo)["lib"] == "7.0"
        document = demo.json("lock", "show", "lib")
        assert {file["index"] for row in document["packages"] for file in row["files"]} == {"mine"}
        assert demo("lock", "--check", BLAST_INDEX=f"mine={server.url}").returncode == 0
    assert demo.run("lock", "--check").returncode == 1
    assert demo.run("lock", "--index", "ftp://index.invalid/").returncode == 2
