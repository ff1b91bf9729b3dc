"""Build backends that misbehave: they are told of in words, hold nobody up, and what they leave behind is removed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BuildFailed
from blast_core.scratch import scratch_directory
from blast_pm.build import backend
from blast_pm.build.backend import build_wheel

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
HOOK = """
import os, subprocess, sys

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "odd-1.0-py3-none-any.whl"
    open(os.path.join(directory, name), "w").close()
    {body}
    return name
"""


def _build(tree: Path, output: str, body: str, said: list[str]) -> str:
    tree.mkdir()
    (tree / "pyproject.toml").write_text(SYSTEM)
    (tree / "backend.py").write_text(HOOK.format(body=body))
    return build_wheel(str(tree), output, lambda _: sys.executable, say=said.append)


@pytest.mark.skipif(os.name == "nt", reason="a pipe is read to its end there")
def test_a_program_that_a_backend_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    body = 'print("done"); child = subprocess.Popen(["sleep", "600"]); print("child", child.pid)'
    with scratch_directory("test") as output:
        built = _build(tmp_path / "tree", output, body, said)
        assert os.path.basename(built) == "odd-1.0-py3-none-any.whl"
    assert "done\n" in said
    # It still lives: nobody waited for it.
    os.kill(int(next(line for line in said if line.startswith("child ")).split()[1]), 9)


def test_only_the_last_lines_are_kept_and_no_terminal_obeys_them(tmp_path: Path) -> None:
    said: list[str] = []
    body = (
        'print("x" * 300_000); [print(number) for number in range(999)]; '
        'raise SystemExit("\\x1b[31mred\\x1b[0m \\x1b[2J \\x07")'
    )
    with scratch_directory("test") as output, pytest.raises(BuildFailed) as caught:
        _build(tmp_path / "tree", output, body, said)
    assert max(map(len, said)) <= 2 * backend._PIECE + 1
    assert len(caught.value.reason) < 2_000
    assert "998" in caught.value.reason
    assert "red \N{REPLACEMENT CHARACTER}[2J \N{REPLACEMENT CHARACTER}" in caught.value.reason


def test_what_is_left_is_removed_however_deep_and_closed_it_is(tmp_path: Path) -> None:
    with scratch_directory("test") as output:
        (tmp_path / "kept").mkdir()
        os.symlink(tmp_path / "kept", os.path.join(output, "link"))
        os.makedirs(os.path.join(output, "closed", "below"))
        os.chmod(os.path.join(output, "closed"), 0)
        here = os.open(output, os.O_RDONLY)
        for _ in range(3_000):
            os.mkdir("d", dir_fd=here)
            deeper = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = deeper
        os.close(here)
    assert not os.path.lexists(output)
    assert (tmp_path / "kept").is_dir()
