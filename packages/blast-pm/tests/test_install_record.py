"""RECORD in environments: rows are read from wheels, written as CSV, and describe what is there."""

from __future__ import annotations

import base64
import csv
import hashlib
from typing import TYPE_CHECKING

from blast_pm.install.record import describe, hash_file, read_record, sort_rows

if TYPE_CHECKING:
    from pathlib import Path


def test_reads_rows_with_digests_and_passes_over_the_rest() -> None:
    content = b'a.py,sha256=AA,1\nb.py,,\n"c,d.py",sha256=BB,2\nx-1.dist-info/RECORD,,\nbroken\ne.py,md5=CC,3\n'
    assert read_record(content) == {"a.py": "sha256=AA,1", "c,d.py": "sha256=BB,2"}
    assert read_record(content.replace(b'"c,d.py",sha256=BB,2\n', b"")) == {"a.py": "sha256=AA,1"}
    assert read_record(b'"unclosed\nz,sha256=A,1') == {}


def test_writes_what_csv_reads_back_with_its_own_row_last() -> None:
    rows = {"z.py": "sha256=AA,1", 'quote"d.py': "sha256=BB,2", "a,b.py": "sha256=CC,3", "link": ","}
    text = sort_rows(rows, "n-1.dist-info/RECORD").decode()
    read = list(csv.reader(text.splitlines()))
    assert {row[0]: ",".join(row[1:]) for row in read[:-1]} == rows
    assert read[-1] == ["n-1.dist-info/RECORD", "", ""]


def test_describes_content_as_the_spec_says(tmp_path: Path) -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"abc").digest()).decode().rstrip("=")
    assert describe(b"abc") == f"sha256={digest},3"
    (tmp_path / "f").write_bytes(b"abc")
    assert hash_file(str(tmp_path / "f")) == f"sha256={digest},3"
