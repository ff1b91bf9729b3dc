"""The second reader of our formats: compiled from a Kaitai Struct page, reads, refuses, and says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.testing import NODE_MODULES_VARIABLE, kaitai_reader

if TYPE_CHECKING:
    from pathlib import Path

_PAGE = """
meta:
  id: sample
  endian: le
seq:
  - {id: magic, contents: BLST}
  - {id: count, type: u2}
  - {id: values, type: u1, repeat: expr, repeat-expr: count}
instances:
  tail: {pos: _io.size - 1, type: u1}
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    ksy = tmp_path / "sample.ksy"
    ksy.write_text(_PAGE, encoding="utf-8")
    return ksy


def test_reads_what_the_page_describes(page: Path) -> None:
    sample = kaitai_reader(page).Sample.from_bytes(b"BLST\x02\x00\x05\x07")
    assert (sample.count, sample.values, sample.tail) == (2, [5, 7], 7)


def test_refuses_another_magic(page: Path) -> None:
    with pytest.raises(Exception, match="not equal"):
        kaitai_reader(page).Sample.from_bytes(b"TSLB\x00\x00")


def test_compiles_an_unchanged_page_once(page: Path) -> None:
    assert kaitai_reader(page) is kaitai_reader(page)


def test_follows_imports_beside_the_page(page: Path) -> None:
    outer = page.with_name("outer.ksy")
    outer.write_text("meta: {id: outer, imports: [sample]}\nseq: [{id: inner, type: sample}]\n", encoding="utf-8")
    assert kaitai_reader(outer).Outer.from_bytes(b"BLST\x01\x00\x09").inner.values == [9]


def test_shows_what_the_compiler_says(page: Path) -> None:
    page.write_text("meta: {id: sample}\nseq: [{id: a, type: nosuchtype}]\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="nosuchtype"):
        kaitai_reader(page)


def test_skips_loudly_without_the_compiler(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NODE_MODULES_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(pytest.skip.Exception, match="NO SECOND READER"):
        kaitai_reader(page)
