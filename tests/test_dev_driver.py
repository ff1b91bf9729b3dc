"""``dev.py``: it starts on any Python, says what is wrong, and counts what the tests did."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dev

_TOP = Path(__file__).resolve().parents[1]
_DRIVER = _TOP / "dev.py"


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, _DRIVER, *arguments], capture_output=True, text=True, check=False)


def test_keeps_to_syntax_that_an_old_python_reads() -> None:
    ast.parse(_DRIVER.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_needs_the_standard_library_alone() -> None:
    tree = ast.parse(_DRIVER.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_lists_its_verbs() -> None:
    shown = _run("--help")
    assert shown.returncode == 0
    assert [verb for verb in dev.VERBS if f"\n    {verb} " not in shown.stdout] == []


def test_an_unknown_verb_is_an_error() -> None:
    assert _run("tset").returncode == 2


def test_an_old_python_goes_on_with_a_newer_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    newer = tmp_path / "python3.13"
    newer.write_text("#!/bin/sh\nexit 0\n")
    newer.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dev.find_newer_python() == str(newer)


def test_an_old_python_alone_ends_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(dev, "OLDEST", (99, 0))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer; this is .*Start it with one"):
        dev.require_new_python()


def test_counts_what_the_report_says(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text('<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>')
    assert dev.read_counts(report) == {"passed": 3, "failed": 3, "skipped": 3}
    assert dev.read_counts(tmp_path / "none.xml") == {"passed": 0, "failed": 0, "skipped": 0}


def _workspace(top: Path, dependencies: str = "") -> Path:
    """Make a workspace of one package and return its manifest."""
    (top / "packages" / "a").mkdir(parents=True)
    manifest = top / "packages" / "a" / "pyproject.toml"
    manifest.write_text(f'[project]\nname = "a"\ndependencies = [{dependencies}]\n')
    root = (
        '[tool.blast.workspace]\nmembers = ["packages/*"]\n[dependency-groups]\ndev = [{include-group = "docs"}, "x"]\n'
    )
    (top / "pyproject.toml").write_text(f'{root}docs = ["y"]\n')
    return manifest


def _blast(monkeypatch: pytest.MonkeyPatch, top: Path, answers: str) -> Path:
    """Put a program in the bootstrap's place that notes its words and answers as a shell's `case` says."""
    program = Path(dev.python_in(top / "bootstrap"))
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$*" >> "{top}/words"\ncase "$*" in {answers} esac\n')
    program.chmod(0o755)
    monkeypatch.setattr(dev, "BOOTSTRAP", top / "bootstrap")
    monkeypatch.setattr(dev, "make_bootstrap", lambda: None)
    monkeypatch.setattr(dev.Setup, "is_hosted", True)
    monkeypatch.setattr(dev.Setup, "was_stale", False)
    monkeypatch.delenv("BLAST_DEV_PIP", raising=False)
    return top / "words"


def test_a_changed_package_is_installed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    manifest = _workspace(tmp_path)
    monkeypatch.setattr(dev, "TOP", tmp_path)
    before = dev.digest_fallback()
    assert dev.digest_fallback() == before
    manifest.write_text('[project]\nname = "b"\n')
    changed = dev.digest_fallback()
    root = tmp_path / "pyproject.toml"
    root.write_text(root.read_text().replace('"x"', '"x", "z"'))
    assert len({before, changed, dev.digest_fallback()}) == 3


def test_the_bootstrap_has_what_the_packages_need_but_one_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _workspace(tmp_path, '"a==1", "abc>=2", "b; sys_platform == \'win32\'"')
    monkeypatch.setattr(dev, "TOP", tmp_path)
    assert dev.read_runtime() == ["abc>=2", "b; sys_platform == 'win32'"]
    assert dev.read_groups() == ["x", "y"]


def test_the_tools_run_through_blast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = _blast(monkeypatch, tmp_path, "*) ;;")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "elsewhere")
    dev.install_packages()
    assert dev.run_module("pytest", "-q") == dev.check_lock() == 0
    assert words.read_text().splitlines() == [
        f"-m blast_cli sync --python {sys.executable} --compile-bytecode --locked",
        "-m blast_cli run python -m pytest -q",
        "-m blast_cli lock --check",
    ]
    environment = dev.make_environment(MORE="1")
    assert environment["MORE"] == "1"
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & environment.keys()


def test_a_stale_lock_is_made_anew_and_told_by_the_checks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _blast(monkeypatch, tmp_path, "*--locked | *--check) exit 1 ;;")
    dev.install_packages()
    assert dev.Setup.is_hosted
    assert dev.check_lock() == 1


@pytest.mark.parametrize("answers", ["*) exit 1 ;;", "*--check) ;; *) exit 1 ;;"])
def test_pip_stands_in_loudly_where_blast_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], answers: str
) -> None:
    _blast(monkeypatch, tmp_path, answers)
    fallback = tmp_path / "venv"
    monkeypatch.setattr(dev, "FALLBACK", fallback)
    monkeypatch.setattr(dev, "digest_fallback", lambda: "standing")
    fallback.mkdir()
    (fallback / "blast-stamp").write_text("standing")
    dev.install_packages()
    assert "*** LEFT OUT: Blast managing its own repository" in capsys.readouterr().out
    assert dev.check_lock() == 0
    assert dev.python_line("-m", "pytest") == [dev.python_in(fallback), "-m", "pytest"]
    environment = dev.make_environment()
    assert environment["VIRTUAL_ENV"] == str(fallback)
    assert environment["PATH"].split(os.pathsep)[0] == str(fallback / dev.SCRIPTS)


def test_the_lock_of_this_repository_answers_to_its_manifests(tmp_path: Path) -> None:
    environment = {**os.environ, "BLAST_HOME": str(tmp_path)}
    line = [sys.executable, "-m", "blast_cli", "lock", "--check", "--offline"]
    run = subprocess.run(line, cwd=_TOP, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert not (_TOP / "pylock.toml").exists()


def test_the_lock_of_this_repository_answers_for_the_machines_of_ci() -> None:
    text = (_TOP / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    rows = {name: line for line in text.splitlines() for name, colon, _ in [line.strip().partition(": [")] if colon}
    machines = {"ubuntu-latest": "linux-x86_64", "macos-latest": "macos-arm64", "windows-latest": "windows-x86_64"}
    platforms = [machines[word] for word in rows["os"].partition("[")[2].rstrip("]").split(", ")]
    minors = [word.strip('"').replace(".", "") for word in rows["python"].partition("[")[2].rstrip("]").split(", ")]
    settings = tomllib.loads((_TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["blast"]
    assert settings["targets"] == [f"{platform}-py{minor}" for platform in platforms for minor in minors]


def test_quick_names_markers_that_exist() -> None:
    options = tomllib.loads((_TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    markers = {line.partition(":")[0] for line in options["markers"]}
    assert set(dev.QUICK.replace("not ", "").split(" and ")) <= markers
