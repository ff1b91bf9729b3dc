"""Programs whose interpreter is gone: those of the environment, and no others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from blast_project.doctor.environment import dead_scripts

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs have no first line there")


def test_a_link_leads_to_no_programs_of_the_environment(tmp_path: Path) -> None:
    generation = tmp_path / ".venv" / ".blast" / "generations" / "1"
    (generation / "bin").mkdir(parents=True)
    mine = tmp_path / "bin"
    mine.mkdir()
    for directory in (generation / "bin", mine):
        (directory / "old").write_text("#!/no/such/python\n")
    assert list(dead_scripts(str(tmp_path / ".venv"), 1)) == ["old"]
    (generation / "bin").rename(tmp_path / "away")
    (generation / "bin").symlink_to(mine)
    assert list(dead_scripts(str(tmp_path / ".venv"), 1)) == []
