"""Reading parts of files: exact, and short only at the end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from blast_core import positioned
from blast_core.positioned import open_for_reading, read_at

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("piece", [1, 3, 1 << 20])
def test_reads_until_it_has_all_or_the_file_ends(piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(bytes(range(100)))
    descriptor = open_for_reading(str(tmp_path / "file"))
    monkeypatch.setattr(positioned, "_read_once", lambda fd, length, offset: os.pread(fd, min(length, piece), offset))
    assert read_at(descriptor, 50, 20) == bytes(range(20, 70))
    assert read_at(descriptor, 50, 80) == bytes(range(80, 100))
    assert read_at(descriptor, 50, 100) == b""
    os.close(descriptor)
