"""Property 8, pyproject round trip, the binary half: any TOML document comes back, types and order included."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.formats.dpx import DpxFile, decode, encode
from blast_core.formats.dpx.testing import documents, same

pytestmark = pytest.mark.property


@settings(max_examples=250, deadline=None)
@given(documents(max_leaves=40), st.binary(max_size=20), st.integers(-(2**63), 2**63 - 1))
def test_decoding_undoes_encoding(document: dict[str, Any], source: bytes, mtime_ns: int) -> None:
    data = encode(document, source, mtime_ns)
    opened = DpxFile.from_bytes(data)
    opened.verify()
    assert same(opened.document(), document)
    assert (opened.mtime_ns, opened.source_size) == (mtime_ns, len(source))
    assert encode(decode(data), source, mtime_ns) == data


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["a = 1", "b.c = 'x'", "[t]", "[t.u]", "[[r]]", "[[r.s]]", "d = 2024-01-01T00:00:00Z", "e = [1.0, [true]]",
             "f = {g = 07:00:00, h = {}}", "[t.'v w']", "i = 0x7fffffffffffffffffff", "j = -nan", "k = '''\n\nz'''"]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_what_tomllib_reads_comes_back(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert same(decode(encode(document, text.encode(), 0)), document)
