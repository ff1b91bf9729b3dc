"""Which versions and files count, through the command: beside uv, on one loopback index with times of upload."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOW = datetime.now(UTC)
_AGES = {"1.0": 400, "1.5": 200, "2.0": 40, "2.1rc1": 20, "2.1": 3}


def _when(days: float) -> str:
    return (_NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    """An index where every file has a time, but those of ``undated``; ``app`` needs all of them."""
    directory = tmp_path_factory.mktemp("dated")
    times = {}
    for version, days in _AGES.items():
        for name, requires in (("app", ["lib>=1"]), ("lib", [])):
            path = make_wheel(directory, name, version, requires)
            times[os.path.basename(path)] = _when(days)
    late = make_wheel(directory, "lib", "1.5", build="2")
    times[os.path.basename(late)] = _when(1)
    times[os.path.basename(make_sdist(directory, "source", "2.0"))] = _when(100)
    times[os.path.basename(make_wheel(directory, "source", "1.0"))] = _when(300)
    times[os.path.basename(make_sdist(directory, "source", "1.0"))] = _when(300)
    make_wheel(directory, "undated", "1.0")
    with StaticIndex(directory, upload_times=times) as server:
        yield server


@pytest.fixture
def command(tmp_path: Path, dated: StaticIndex) -> Blast:
    directory = tmp_path / "here"
    directory.mkdir()
    return Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": dated.url, "TZ": "UTC"})


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("uv is not installed: the equality with it is NOT checked")
    return found


def _pins(text: str) -> dict[str, str]:
    rows = [line.partition("==") for line in text.splitlines() if "==" in line]
    return {name.strip(): version.split()[0] for name, _, version in rows}


def _both(command: Blast, url: str, asked: str, *options: str) -> tuple[dict[str, str] | None, dict[str, str] | None]:
    """Return what Blast and uv compile; None where there is no solution."""
    (command.directory / "r.in").write_text(asked.replace(" ", "\n") + "\n")
    ours = command.run("pip", "compile", "r.in", "--no-annotate", *options)
    plain = ("--no-header", "--no-annotate", "-q", "--no-config", "--no-cache", "--python", sys.executable)
    theirs = subprocess.run(
        [_uv(), "pip", "compile", "r.in", "--index-url", url, *plain, *options],
        cwd=command.directory,
        env={"PATH": os.environ["PATH"], "TZ": "UTC", "HOME": str(command.directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ours.returncode in {0, 1}, ours.stderr
    assert theirs.returncode in {0, 1}, theirs.stderr
    return (
        _pins(ours.stdout) if ours.returncode == 0 else None,
        _pins(theirs.stdout) if theirs.returncode == 0 else None,
    )


@pytest.mark.parametrize(
    ("asked", "options", "expected"),
    [
        ("app", (), {"app": "2.1", "lib": "2.1"}),
        ("app", ("--exclude-newer", _when(30)), {"app": "2.0", "lib": "2.0"}),
        ("app", ("--exclude-newer", _when(300)[:10]), {"app": "1.0", "lib": "1.0"}),
        ("app", ("--exclude-newer", "10 days"), {"app": "2.0", "lib": "2.0"}),
        ("app", ("--exclude-newer", "P100D"), {"app": "1.5", "lib": "1.5"}),
        ("app", ("--exclude-newer", _when(800)), None),
        ("app", ("--exclude-newer", "10 days", "--exclude-newer-package", "lib=false"), {"app": "2.0", "lib": "2.1"}),
        ("app", ("--exclude-newer-package", "lib=100 days"), {"app": "2.1", "lib": "1.5"}),
        ("undated", ("--exclude-newer", "1 day"), None),
        ("undated", ("--exclude-newer", "1 day", "--exclude-newer-package", "undated=false"), {"undated": "1.0"}),
        ("app", ("--resolution", "lowest"), {"app": "1.0", "lib": "1.0"}),
        ("app>1", ("--resolution", "lowest-direct"), {"app": "1.5", "lib": "2.1"}),
        ("app", ("--prerelease", "allow", "--exclude-newer", "10 days"), {"app": "2.1rc1", "lib": "2.1rc1"}),
        ("app lib>=2.1rc1", ("--exclude-newer", "10 days"), {"app": "2.0", "lib": "2.1rc1"}),
        ("lib>2.0,<2.1", (), None),
        (
            "app",
            ("--prerelease-package", "lib=allow", "--exclude-newer", "10 days"),
            {"app": "2.0", "lib": "2.1rc1"},
        ),
        ("source", ("--only-binary", ":all:"), {"source": "1.0"}),
        ("source", ("--no-build",), {"source": "1.0"}),
        ("source", (), {"source": "2.0"}),
        ("app", ("--no-binary", "lib"), None),
    ],
)
def test_compiles_to_what_uv_compiles_to(
    command: Blast, dated: StaticIndex, asked: str, options: tuple[str, ...], expected: dict[str, str] | None
) -> None:
    ours, theirs = _both(command, dated.url, asked, *options)
    assert theirs == expected
    assert ours == expected


def test_a_wrong_moment_is_wrong_usage(command: Blast) -> None:
    (command.directory / "r.in").write_text("app\n")
    done = command.run("pip", "compile", "r.in", "--exclude-newer", "10 fortnights")
    assert done.returncode == 2
    assert "--exclude-newer: '10 fortnights' is no date" in done.stderr


def test_variables_say_the_same(command: Blast) -> None:
    (command.directory / "r.in").write_text("app\nsource\n")
    found = _pins(
        command("pip", "compile", "r.in", BLAST_EXCLUDE_NEWER="10 days", BLAST_NO_BUILD="1").stdout,
    )
    assert found == {"app": "2.0", "lib": "2.0", "source": "1.0"}
    found = _pins(command("pip", "compile", "r.in", BLAST_RESOLUTION="lowest", BLAST_RESOLVER="resolvelib").stdout)
    assert found["app"] == "1.0"


def test_the_project_around_counts_for_the_pip_interface(command: Blast) -> None:
    (command.directory / "r.in").write_text("app\n")
    (command.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\n[tool.blast]\nexclude-newer = "10 days"\n'
    )
    assert _pins(command("pip", "compile", "r.in").stdout)["app"] == "2.0"
    assert _pins(command("pip", "compile", "r.in", "--exclude-newer", "false").stdout)["app"] == "2.1"


def test_an_index_without_times_is_named(command: Blast) -> None:
    words = "the index 'default' gives no times of upload, so exclude-newer leaves nothing of undated"
    (command.directory / "r.in").write_text("undated\n")
    for _ in range(2):
        done = command.run("pip", "compile", "r.in", "--exclude-newer", "1 day")
        assert done.returncode == 1
        assert words in done.stderr
    (command.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\ndependencies = ["undated"]\n[tool.blast]\nexclude-newer = "1 day"\n'
    )
    assert words in command.run("lock").stderr


def test_runs_and_additions_obey(command: Blast) -> None:
    show = "import app, lib; print(app.VERSION, lib.VERSION)"
    python = ("--", "python", "-c", show)
    options = ("--exclude-newer", "100 days", "--exclude-newer-package", "lib=false")
    assert command("run", "--no-project", "--with", "app", *options, *python).stdout == "1.5 2.1\n"
    command("init", "--name", "demo")
    command("add", "app", *options)
    assert '"app>=1.5"' in (command.directory / "pyproject.toml").read_text()
    assert command("run", *options, *python).stdout == "1.5 2.1\n"
    manifest = command.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text() + '\n[tool.blast]\nexclude-newer = "100 days"\n')
    assert command("run", "--with", "source", "--no-build", *python).stdout == "1.5 1.5\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["app!=2.1", "--pre"], {"app": "2.1rc1", "lib": "2.1"}),
        (["source", "--only-binary :all:"], {"source": "1.0"}),
        (["source", "--only-binary source", "app"], {"source": "1.0", "app": "2.1", "lib": "2.1"}),
        (["app", "--no-binary lib"], None),
    ],
)
def test_lines_of_a_requirements_file_say_the_same(
    command: Blast, lines: list[str], expected: dict[str, str] | None
) -> None:
    (command.directory / "r.in").write_text("\n".join(lines) + "\n")
    done = command.run("pip", "compile", "r.in")
    assert done.returncode == (0 if expected else 1), done.stderr
    assert _pins(done.stdout) == (expected or {})
