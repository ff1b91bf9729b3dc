"""A manifest that was read before is the same, and only for the same bytes."""

from __future__ import annotations

import marshal
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blast_project import manifest_memo
from blast_project.project import load_project

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = """\
[project]
name = "Demo"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["alpha>=1", "beta[x]; sys_platform == 'win32'"]
[project.optional-dependencies]
plot = ["gamma"]
[project.scripts]
demo = "demo:main"
[project.entry-points.x]
y = "z:w"
[dependency-groups]
dev = ["delta", {include-group = "more"}]
more = ["epsilon"]
[build-system]
requires = ["hatchling"]
[tool.blast]
conflicts = [[{extra = "plot"}, {group = "dev"}]]
prerelease = "allow"
[tool.blast.sources]
alpha = {git = "https://index.invalid/alpha"}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pyproject.toml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path / "project"


def _memo(root: Path) -> Path:
    (memo,) = (root.parent / "home" / "projects").iterdir()
    return memo


def _load(root: Path) -> object:
    return load_project(str(root), str(root.parent / "home"))


def test_second_reading_is_the_first_without_a_parser(root: Path) -> None:
    plain = load_project(str(root))
    assert not (root.parent / "home").exists()
    assert _load(root) == plain
    script = (
        "import sys\nfrom blast_project.project import load_project\n"
        f"print(load_project({str(root)!r}, {str(root.parent / 'home')!r}) == {plain!r}.__class__)\n"
        "print([name for name in ('tomllib', 're', 'typing', 'blast_compat.pyproject') if name in sys.modules])\n"
    ).replace(f" == {plain!r}.__class__", ".manifest.name")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("Demo\n[]\n", "")
    again = _load(root)
    assert again == plain
    assert type(again.manifest) is type(plain.manifest)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("1.0", "1.1"), id="same-size"),
        pytest.param(("gamma", "gammas"), id="longer"),
        pytest.param(("[project]", "\n[project]"), id="white-space"),
    ],
)
def test_other_bytes_are_read_anew(root: Path, change: tuple[str, str]) -> None:
    _load(root)
    (root / "pyproject.toml").write_text(MANIFEST.replace(*change, 1), encoding="utf-8")
    assert _load(root) == load_project(str(root))


def test_the_same_manifest_elsewhere_is_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _load(root)
    other = root.parent / "other"
    shutil.copytree(root, other)
    plain = load_project(str(other))
    monkeypatch.setitem(sys.modules, "tomllib", None)
    assert load_project(str(other), str(root.parent / "home")) == plain
    assert plain.manifest.path == str(other / "pyproject.toml")


def test_another_blast_reads_anew(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _load(root)
    monkeypatch.setattr(manifest_memo, "_STAMP", (1, "0.0"))
    home = str(root.parent / "home")
    source = MANIFEST.encode()
    assert manifest_memo.recall_manifest(home, str(root / "pyproject.toml"), source) is None


def test_a_manifest_with_a_date_is_read_each_time(root: Path) -> None:
    (root / "pyproject.toml").write_text(
        MANIFEST + "\n[tool.blast.config-settings]\nday = 2025-01-01\n", encoding="utf-8"
    )
    assert _load(root) == _load(root) == load_project(str(root))
    assert not (root.parent / "home").exists()


def test_a_store_that_can_not_be_written_costs_time_alone(root: Path) -> None:
    (root.parent / "home").write_text("a file in its place", encoding="utf-8")
    assert _load(root) == load_project(str(root))


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(data=st.data())
def test_a_damaged_memo_is_none_or_refused(root: Path, data: st.DataObject) -> None:
    plain = _load(root)
    memo = _memo(root)
    fields = marshal.loads(memo.read_bytes())
    kind = data.draw(st.sampled_from(["cut", "short", "other", "empty"]))
    content = memo.read_bytes()
    memo.write_bytes(
        {
            "cut": content[: data.draw(st.integers(0, len(content) - 1))],
            "short": marshal.dumps(fields[: data.draw(st.integers(0, len(fields) - 1))]),
            "other": marshal.dumps(data.draw(st.sampled_from([None, 3, "x", {}, [1], ()]))),
            "empty": b"",
        }[kind]
    )
    assert _load(root) == plain
    assert _load(root) == plain
