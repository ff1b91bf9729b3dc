"""Bumping versions, compared with what uv makes of the same."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import UsageError
from blast_project.versioning import PARTS, bumped

if TYPE_CHECKING:
    from pathlib import Path

_VERSIONS = ("1.2.3", "1.2", "1.2.3b4", "1.2.3.post2", "1.2.3.dev4", "1.2.3b4.dev1", "0", "1!2.0rc1.post3")
_BUMPS = [*([part] for part in PARTS), ["beta", "patch"], ["dev", "minor"], ["minor=7"], ["rc=4"]]


def uv_bumped(directory: Path, version: str, bumps: list[str]) -> str | None:
    """Return what uv says; None where it refuses."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("NOT COMPARED: uv is not on PATH")
    (directory / "pyproject.toml").write_text(f'[project]\nname = "a"\nversion = "{version}"\n')
    words = [word for bump in bumps for word in ("--bump", bump)]
    done = subprocess.run(
        [uv, "version", "--short", "--dry-run", "--frozen", *words],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.mark.parametrize("version", _VERSIONS)
def test_agrees_with_uv(version: str, tmp_path: Path) -> None:
    for bumps in _BUMPS:
        try:
            ours: str | None = bumped(version, bumps)
        except UsageError:
            ours = None
        assert ours == uv_bumped(tmp_path, version, bumps), (version, bumps)


@pytest.mark.parametrize(
    ("bumps", "message"),
    [
        (["huge"], "can't bump 'huge'"),
        (["stable=1"], "can't bump"),
        (["minor=x"], "can't bump"),
        (["minor=" + "9" * 5000], "can't bump"),
        (["minor", "major"], "at once"),
        (["post", "patch"], "with another part"),
        (["minor=1"], "leads from 1.2.3 to 1.1.0"),
    ],
)
def test_says_why_not(bumps: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bumped("1.2.3", bumps)
