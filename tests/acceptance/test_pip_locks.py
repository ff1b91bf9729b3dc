"""``blast pip install -r`` and ``pip sync`` of locks: what they say, into environments of Blast's and of others."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast
    from blast_pm.testing import StaticIndex

pytestmark = pytest.mark.acceptance

POETRY = """\
[tool.poetry]
name = "demo"
version = "1"
description = ""
authors = []
package-mode = false
[tool.poetry.dependencies]
python = ">=3.9"
alpha = "*"
gamma = {version = "*", optional = true}
[tool.poetry.extras]
more = ["gamma"]
[tool.poetry.group.dev]
optional = true
[tool.poetry.group.dev.dependencies]
delta = "*"
"""


def _poetry(blast: Blast, wheels: Path) -> None:
    rows = []
    for name, version, group, extra in (
        ("alpha", "1.1", "main", ""),
        ("beta", "1.0", "main", ""),
        ("gamma", "0.3", "main", 'extra == \\"more\\"'),
        ("delta", "1.0", "dev", ""),
    ):
        filename = f"{name}-{version}-py3-none-any.whl"
        digest = hashlib.sha256((wheels / filename).read_bytes()).hexdigest()
        rows.append(
            f'[[package]]\nname = "{name}"\nversion = "{version}"\ndescription = ""\npython-versions = "*"\n'
            f'optional = {"true" if extra else "false"}\ngroups = ["{group}"]\n'
            + (f'markers = "{extra}"\n' if extra else "")
            + f'files = [{{file = "{filename}", hash = "sha256:{digest}"}}]\n'
        )
    rows.append('[extras]\nmore = ["gamma"]\n')
    rows.append('[metadata]\nlock-version = "2.1"\npython-versions = ">=3.9"\ncontent-hash = "x"\n')
    (blast.directory / "pyproject.toml").write_text(POETRY)
    (blast.directory / "poetry.lock").write_text("\n".join(rows))


def _versions(blast: Blast) -> dict[str, str]:
    return {row["name"]: row["version"] for row in blast.json("pip", "list")["packages"]}


def test_a_lock_of_poetry_with_its_groups_and_extras(blast: Blast, wheels: Path) -> None:
    _poetry(blast, wheels)
    blast("venv")
    blast("pip", "install", "space-one")
    blast("pip", "install", "-r", "poetry.lock")
    assert _versions(blast) == {"alpha": "1.1", "beta": "1.0", "space-one": "1.0"}
    assert blast("pip", "install", "-r", "poetry.lock", "--json").stdout.count('"changed": false') == 1
    blast("pip", "install", "-r", "poetry.lock", "--extra", "more", "--group", "dev")
    assert _versions(blast) == {"alpha": "1.1", "beta": "1.0", "gamma": "0.3", "delta": "1.0", "space-one": "1.0"}
    blast("pip", "sync", "poetry.lock")
    assert _versions(blast) == {"alpha": "1.1", "beta": "1.0"}
    blast("undo")
    assert "delta" in _versions(blast)
    assert blast.python("import alpha; print(alpha.VERSION)") == "1.1"


def test_into_an_environment_of_pips(blast: Blast, wheels: Path) -> None:
    _poetry(blast, wheels)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", blast.directory / ".venv"], check=True)
    blast("pip", "install", "gamma", "beta==1.5")
    done = blast("pip", "sync", "poetry.lock", "--dry-run")
    assert "- gamma 0.3" in done.stderr
    assert _versions(blast) == {"beta": "1.5", "gamma": "0.3"}
    blast("pip", "sync", "poetry.lock")
    assert _versions(blast) == {"alpha": "1.1", "beta": "1.0"}
    assert "up to date" in blast("pip", "sync", "poetry.lock").stderr


def test_the_standard_lock(blast: Blast) -> None:
    (blast.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["alpha<2"]\n'
    )
    blast("lock")
    text = blast("export", "--format", "pylock", "--no-emit-project").stdout
    (blast.directory / "pylock.demo.toml").write_text(text)
    blast("venv")
    blast("pip", "sync", "pylock.demo.toml")
    assert _versions(blast) == {"alpha": "1.1", "beta": "1.5"}


def test_a_lock_of_uv(blast: Blast, index: StaticIndex, tmp_path: Path) -> None:
    (blast.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["alpha"]\n'
        '[dependency-groups]\ndev = ["gamma"]\n'
    )
    variables = {**blast.variables(), "UV_CACHE_DIR": str(tmp_path / "uv"), "UV_NO_CONFIG": "1"}
    command = ["uv", "lock", "-q", "--default-index", index.url, "--resolution", "lowest"]
    try:
        subprocess.run(command, cwd=blast.directory, env=variables, check=True)
    except FileNotFoundError:
        pytest.skip("uv is not here, whose lock is to be read")
    blast("venv")
    blast("pip", "sync", "uv.lock")
    assert _versions(blast) == {"alpha": "1.0", "beta": "1.0", "gamma": "0.3"}


@pytest.mark.parametrize("more", [("alpha",), ("-r", "reqs.txt"), ("-U",), ("--group", "other.toml:dev")])
def test_a_lock_stands_by_itself(blast: Blast, wheels: Path, more: tuple[str, ...]) -> None:
    _poetry(blast, wheels)
    (blast.directory / "reqs.txt").write_text("alpha\n")
    blast("venv")
    done = blast.run("pip", "install", "-r", "poetry.lock", *more)
    assert done.returncode == 2, done.stderr
    assert _versions(blast) == {}


def test_faults(blast: Blast, wheels: Path) -> None:
    _poetry(blast, wheels)
    blast("venv")
    assert blast.run("pip", "sync", "uv.lock").returncode == 2
    assert "none" in blast.run("pip", "install", "-r", "poetry.lock", "--group", "none").stderr
    lock = blast.directory / "poetry.lock"
    text = lock.read_text()
    digest = text.partition("sha256:")[2][:64]
    lock.write_text(text.replace(digest, "0" * 64))
    assert blast.run("pip", "install", "-r", "poetry.lock").returncode == 4
    lock.write_text("[[package]\n")
    assert "poetry.lock" in blast.run("pip", "install", "-r", "poetry.lock").stderr
    assert _versions(blast) == {}
