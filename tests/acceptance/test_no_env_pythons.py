"""Any interpreter without an environment: ``+3.12``, ``--matrix`` and programs called ``python``."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast
    from blast_core.interpreter import Interpreter

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(os.name == "nt", reason="programs are started as on POSIX"),
]

SHOW = "import alpha, sys; print('%d.%d' % sys.version_info[:2], alpha.VERSION)"


@pytest.fixture
def minors(pythons: list[Interpreter]) -> list[str]:
    """Two or three minor versions of this machine, their interpreters on PATH under these names."""
    found = {one.version.rpartition(".")[0] for one in pythons} - {"3.6", "3.7", "3.8"}
    if len(found) < 2:
        pytest.skip("one CPython alone on this machine: a choice among several is NOT tried")
    return sorted(found, key=lambda text: int(text.split(".")[1]))[-3:]


@pytest.fixture
def locked(project: Blast, pythons: list[Interpreter], tmp_path: Path) -> Blast:
    """A project for every Python, locked, with interpreters on PATH and none asked for."""
    bin_directory = tmp_path / "interpreters"
    bin_directory.mkdir()
    for one in pythons:
        link = bin_directory / f"python{one.version.rpartition('.')[0]}"
        if not link.exists():
            link.symlink_to(one.executable)
    manifest = project.directory / "pyproject.toml"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join('requires-python = ">=3.9"' if "requires-python" in one else one for one in lines))
    project("add", "--no-sync", "alpha")
    project.environ.update(
        BLAST_PYTHON="", PATH=f"{bin_directory}{os.pathsep}{os.environ['PATH']}", PYENV_ROOT="/nowhere"
    )
    return project


def test_a_version_in_front(locked: Blast, minors: list[str]) -> None:
    (locked.directory / "file.py").write_text(SHOW + "\n")
    for minor in minors:
        for _ in range(2):
            assert locked(f"+{minor}", "file.py").stdout == f"{minor} 2.0\n"
            assert locked(f"+{minor}", "python", "-c", SHOW).stdout == f"{minor} 2.0\n"
        assert "blast_cli.application" not in locked.imported(f"+{minor}", "file.py")
        assert locked(f"+{minor}", "alpha").stdout == "alpha 2.0\n"
        assert locked(f"+{minor}", "--with", "gamma", "python", "-c", "import gamma").stdout == ""
    done = locked.run(f"+{minors[0]}", "-p", minors[1], "file.py")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        f"error: more than one version of Python: {minors[0]} and {minors[1]}",
    )
    assert locked.run("+3.99", "file.py").returncode == 1
    assert locked.run("+", "file.py").returncode == 2
    assert not (locked.directory / ".venv").exists()


def test_a_matrix_keeps_the_command(locked: Blast, minors: list[str]) -> None:
    done = locked("run", "--matrix", ",".join(minors), "python", "-c", SHOW)
    assert done.stdout.splitlines() == [f"{minor} 2.0" for minor in minors]
    assert [line.rpartition(" ")[2] for line in done.stderr.splitlines()[-len(minors) :]] == ["passed"] * len(minors)
    assert locked("run", "--matrix", ",".join(minors), "alpha").stdout == "alpha 2.0\n" * len(minors)
    assert not (locked.directory / ".venv").exists()


def test_a_matrix_stops_at_the_first_failure(locked: Blast, minors: list[str]) -> None:
    number = minors[0].split(".")[1]
    program = f"import sys; print(sys.version_info[1]); sys.exit(5 if sys.version_info[1] == {number} else 0)"
    words = ("run", "--matrix", ",".join(minors))
    done = locked.run(*words, "python", "-c", program)
    assert (done.returncode, done.stdout) == (5, f"{number}\n")
    assert f"{minors[1]}" in done.stderr
    assert "not run" in done.stderr
    done = locked.run(*words, "--keep-going", "python", "-c", program)
    assert (done.returncode, len(done.stdout.splitlines())) == (5, len(minors))
    done = locked.run(*words, "--parallel", "python", "-c", program)
    assert (done.returncode, done.stdout.splitlines()) == (5, [minor.split(".")[1] for minor in minors])
    runs = __import__("json").loads(locked.run(*words, "--keep-going", "--json", "python", "-c", program).stdout)[
        "runs"
    ]
    assert [(row["request"], row["status"]) for row in runs] == [(minors[0], 5), *((minor, 0) for minor in minors[1:])]


def test_a_matrix_that_cannot_be_had_starts_nothing(locked: Blast, minors: list[str]) -> None:
    done = locked.run("run", "--matrix", f"{minors[0]},3.99", "python", "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (1, "")
    assert locked.run("run", "--matrix", f"{minors[0]},{minors[0]}", "python").returncode == 2
    assert locked.run("run", "--matrix", ",", "python").returncode == 2


def test_a_task_of_a_matrix(locked: Blast, minors: list[str]) -> None:
    with (locked.directory / "pyproject.toml").open("a") as file:
        file.write(f'\n[tool.blast.tasks]\nshow = {{ cmd = "python -c \\"{SHOW}\\"" }}\n')
    done = locked("run", "--matrix", ",".join(minors), "show")
    assert done.stdout.splitlines() == [f"{minor} 2.0" for minor in minors]


# Programs called python


@pytest.fixture
def shims(locked: Blast, minors: list[str]) -> Path:
    """The directory with them."""
    made = locked.json("python", "shims")
    assert {"python", "python3", *(f"python{minor}" for minor in minors)} <= set(made["names"])
    assert not made["on_path"]
    return locked.home / "shims"


def _call(blast: Blast, shims: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    variables = blast.variables()
    variables["PATH"] = f"{shims}{os.pathsep}{variables['PATH']}"
    # The script knows where Blast is.
    del variables["PYTHONPATH"]
    return subprocess.run(
        words, cwd=blast.directory, env=variables, capture_output=True, text=True, check=False, input=given
    )


def test_they_act_as_the_interpreter(locked: Blast, shims: Path, minors: list[str]) -> None:
    newest = minors[-1]
    (locked.directory / "file.py").write_text(SHOW + "; print(sys.argv[1:])\n")
    assert _call(locked, shims, f"python{newest}", "file.py", "-c", "x").stdout == f"{newest} 2.0\n['-c', 'x']\n"
    for minor in minors:
        assert _call(locked, shims, f"python{minor}", "-c", SHOW).stdout == f"{minor} 2.0\n"
        assert _call(locked, shims, "python", f"+{minor}", "-c", SHOW).stdout == f"{minor} 2.0\n"
        assert _call(locked, shims, "python3", f"+{minor}", "-X", "dev", "-m", "file").stdout.startswith(f"{minor} 2.0")
    done = _call(locked, shims, f"python{minors[0]}", f"+{minors[1]}", "-c", "pass")
    assert done.returncode == 2
    assert "more than one version" in done.stderr
    assert _call(locked, shims, "python", given="import alpha; print(alpha.VERSION)\n").stdout == "2.0\n"
    assert _call(locked, shims, "python", "-c", "raise SystemExit(9)").returncode == 9
    children = "import subprocess, sys; subprocess.run(['python', '-c', 'import alpha; print(alpha.VERSION)'])"
    assert _call(locked, shims, "python", "-c", children).stdout == "2.0\n"
    assert not (locked.directory / ".venv").exists()


def test_the_project_around_the_script_counts(locked: Blast, shims: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (locked.directory / "file.py").write_text("import alpha; print(alpha.VERSION)\n")
    away = locked.at(elsewhere)
    assert _call(away, shims, "python", str(locked.directory / "file.py")).stdout == "2.0\n"
    assert _call(away, shims, "python", "-W", "error", "../project/file.py").stdout == "2.0\n"
    assert _call(away, shims, "python", "-c", "import alpha").returncode == 1
    assert os.listdir(elsewhere) == []


def test_the_metadata_of_a_script_count(locked: Blast, shims: Path) -> None:
    text = "# /// script\n# dependencies = ['gamma']\n# ///\nimport gamma, sys; print(gamma.VERSION, *sys.argv[1:])\n"
    (locked.directory / "script").write_text(text)
    for _ in range(2):
        assert _call(locked, shims, "python", "script", "-x").stdout == "0.3 -x\n"


def test_nobody_looks_for_an_interpreter_among_them(locked: Blast, shims: Path, minors: list[str]) -> None:
    locked.environ["PATH"] = f"{shims}{os.pathsep}{locked.environ['PATH']}"
    assert str(shims) not in locked("python", "find", minors[0]).stdout
    assert locked("python", "shims", "--dir", "own", minors[0]).returncode == 0
    locked.environ["PATH"] = f"{locked.directory / 'own'}{os.pathsep}{os.environ['PATH']}"
    assert "own" not in locked("python", "find").stdout


def test_they_go_as_they_came(locked: Blast, shims: Path) -> None:
    (shims / "mine").write_text("")
    assert "python3" in locked.json("python", "shims", "--remove")["removed"]
    assert os.listdir(shims) == ["mine"]
    (shims / "python").write_text("somebody's")
    done = locked.run("python", "shims")
    assert done.returncode == 2
    assert (shims / "python").read_text() == "somebody's"


# Tools


def test_a_tool_is_run_without_an_environment(locked: Blast, minors: list[str]) -> None:
    for minor in minors:
        for _ in range(2):
            assert locked("tool", "run", "-p", minor, "alpha").stdout == "alpha 2.0\n"
    assert len(os.listdir(locked.home / "views")) == len(minors)
    assert not (locked.home / "environments").exists()
    copied = locked("tool", "run", "-p", minors[0], "--from", "alpha", "python", "-c", SHOW, BLAST_LINK_MODE="copy")
    assert copied.stdout == f"{minors[0]} 2.0\n"
    assert len(os.listdir(locked.home / "environments")) == 1
