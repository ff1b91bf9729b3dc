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


def test_a_changed_package_is_installed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "packages" / "a").mkdir(parents=True)
    manifest = tmp_path / "packages" / "a" / "pyproject.toml"
    manifest.write_text("[project]\n")
    root = '[tool.blast.workspace]\nmembers = ["packages/*"]\n[dependency-groups]\ndev = ["x"]\n'
    (tmp_path / "pyproject.toml").write_text(root)
    monkeypatch.setattr(dev, "TOP", tmp_path)
    before = dev.digest_inputs()
    assert dev.digest_inputs() == before
    manifest.write_text('[project]\nname = "a"\n')
    changed = dev.digest_inputs()
    (tmp_path / "pyproject.toml").write_text(root.replace('"x"', '"x", "y"'))
    assert len({before, changed, dev.digest_inputs()}) == 3


def test_tools_see_their_own_environment_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    environment = dev.make_environment(MORE="1")
    assert environment["PATH"].split(os.pathsep)[0] == str(dev.SCRIPTS)
    assert environment["MORE"] == "1"
    assert "PYTHONPATH" not in environment


def test_quick_names_markers_that_exist() -> None:
    options = tomllib.loads((_TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    markers = {line.partition(":")[0] for line in options["markers"]}
    assert set(dev.QUICK.replace("not ", "").split(" and ")) <= markers
