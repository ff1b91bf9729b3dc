"""``blast pip check --files``: installed files against their RECORDs, whoever installed them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


@pytest.fixture
def installed(blast: Blast) -> tuple[Blast, Path]:
    """An environment of copies with three distributions, and its directory of modules."""
    blast("venv")
    blast("pip", "install", "--link-mode", "copy", "alpha", "beta", "gamma")
    (modules,) = (blast.directory / ".venv").glob("lib/python*/site-packages")
    return blast, modules


def _change(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_all_is_as_recorded(installed: tuple[Blast, Path]) -> None:
    blast, _ = installed
    out = blast("pip", "check", "--files").stdout
    assert "No broken requirements found." in out
    assert "all as recorded." in out


@pytest.mark.parametrize("mode", ["fold", "hardlink"])
def test_so_are_links(blast: Blast, mode: str) -> None:
    blast("venv")
    blast("pip", "install", "--link-mode", mode, "alpha")
    assert "all as recorded." in blast("pip", "check", "--files").stdout


def test_what_differs_is_told_and_the_status_is_that_of_integrity(installed: tuple[Blast, Path]) -> None:
    blast, modules = installed
    before = (modules / "alpha" / "__init__.py").read_bytes()
    _change(modules / "alpha" / "__init__.py", before.replace(b"2.0", b"6.6"))
    _change(modules / "beta" / "__init__.py", b"# longer than it was, so far\n")
    (modules / "gamma" / "__init__.py").unlink()
    # Bytecode comes and goes.
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(modules)], check=True)
    done = blast.run("pip", "check", "--files")
    assert done.returncode == 4
    assert "3 files not as recorded" in done.stdout
    assert "alpha 2.0: changed alpha/__init__.py: its sha256 is another" in done.stdout
    assert "beta 1.5: changed beta/__init__.py: it has 29 bytes" in done.stdout
    assert "gamma 0.3: missing gamma/__init__.py: it is not there" in done.stdout
    document = json.loads(blast.run("pip", "check", "--files", "--json").stdout)
    assert [(fault["name"], fault["kind"]) for fault in document["files"]["faults"]] == [
        ("alpha", "changed"),
        ("beta", "changed"),
        ("gamma", "missing"),
    ]
    # Unasked it is not looked at.
    assert blast.run("pip", "check").returncode == 0


def test_ten_are_shown_unless_more_are_asked_for(installed: tuple[Blast, Path]) -> None:
    blast, modules = installed
    record = modules / "alpha-2.0.dist-info" / "RECORD"
    rows = "".join(f"alpha/lost{number}.py,,\n" for number in range(12))
    _change(record, record.read_bytes() + rows.encode())
    out = blast.run("pip", "check", "--files").stdout
    assert out.count("missing alpha/lost") == 10
    assert "and 2 more, which -v shows" in out
    assert blast.run("pip", "check", "--files", "-v").stdout.count("missing alpha/lost") == 12


def test_a_record_that_is_none(installed: tuple[Blast, Path]) -> None:
    blast, modules = installed
    _change(modules / "alpha-2.0.dist-info" / "RECORD", b'"alpha')
    (modules / "beta-1.5.dist-info" / "RECORD").unlink()
    done = blast.run("pip", "check", "--files")
    assert done.returncode == 4
    assert "alpha 2.0: unreadable alpha-2.0.dist-info/RECORD" in done.stdout
    assert "beta 1.5 has no RECORD to compare with." in done.stdout


@pytest.mark.network
def test_what_pip_installed(tmp_path: Path) -> None:
    from blast_cli.testing import Blast

    subprocess.run([sys.executable, "-m", "venv", tmp_path / ".venv"], check=True)
    python = str(tmp_path / ".venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "flask"], check=True)
    blast = Blast(tmp_path, tmp_path / "home")
    assert "all as recorded." in blast("pip", "check", "--files").stdout
    (jinja,) = (tmp_path / ".venv").glob("lib/python*/site-packages/jinja2/lexer.py")
    jinja.write_text(jinja.read_text() + "\n")
    assert blast.run("pip", "check", "--files").returncode == 4
