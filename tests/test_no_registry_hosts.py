"""No file of the repository names a public registry: the default index comes from pip at run time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pip._internal.models.index import PyPI, TestPyPI

_TOP = Path(__file__).resolve().parents[1]


def list_files(top: Path) -> list[Path]:
    """Return what is or would be in git; everything where there is no git."""
    command = ["git", "-C", str(top), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    run = subprocess.run(command, capture_output=True, check=False)
    if run.returncode:
        made = {".dev", ".venv"}
        return [path for path in top.rglob("*") if path.is_file() and made.isdisjoint(path.parts)]
    paths = (top / name for name in run.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def find_hosts(files: list[Path], hosts: set[str]) -> list[str]:
    """Return ``file: host`` for each registry's host that stands in a file."""
    found = []
    for file in files:
        content = file.read_bytes()
        found += [f"{file}: {host}" for host in sorted(hosts) if host.encode() in content]
    return found


@pytest.fixture(scope="module")
def hosts() -> set[str]:
    named = {PyPI.netloc, PyPI.file_storage_domain, TestPyPI.netloc, TestPyPI.file_storage_domain}
    return {host for host in named if host}


def test_no_file_names_a_registry(hosts: set[str]) -> None:
    files = list_files(_TOP)
    assert Path(__file__).resolve() in files
    assert find_hosts(files, hosts) == []


def test_a_named_registry_is_found(hosts: set[str], tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(f'url = "https://{min(hosts)}/simple/"\n', encoding="utf-8")
    assert find_hosts([file], hosts) == [f"{file}: {min(hosts)}"]
