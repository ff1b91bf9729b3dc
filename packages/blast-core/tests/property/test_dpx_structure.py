"""A second reader, made from the format's page, reads the same document; it shares no code with ours."""

from __future__ import annotations

import tomllib
import zlib
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings

from blast_core.formats.dpx import encode
from blast_core.formats.dpx.testing import documents, same
from blast_core.testing import kaitai_reader

pytestmark = pytest.mark.property

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "docs" / "spec" / "dpx.ksy"


def value_of(read: Any, node: Any) -> object:
    """Build a value from the top down, where our reader goes from the bottom up."""
    kind, payload = node.kind.name, node.payload
    if kind in ("table", "array"):
        children = read.nodes[payload.first : payload.first + payload.num]
        assert len(children) == payload.num
        if kind == "table":
            return {child.key.value: value_of(read, child) for child in children}
        return [value_of(read, child) for child in children]
    if kind == "boolean":
        return payload.value == 1
    if kind == "big_integer":
        return int.from_bytes(payload.value, "little", signed=True)
    if kind in ("string", "integer", "float"):
        value: object = payload.value
        return value
    return moment_of(kind, payload, node.minutes)


def moment_of(kind: str, at: Any, minutes: int) -> object:
    day = (at.year, at.month, at.day)
    clock = (at.hour, at.minute, at.second, at.microsecond)
    if kind == "local_date":
        return date(*day)
    if kind == "local_time":
        return time(*clock)
    zone = timezone(timedelta(minutes=minutes)) if kind == "date_time" else None
    return datetime(*day, *clock, tzinfo=zone)


def check(document: dict[str, Any], source: bytes) -> None:
    data = encode(document, source, -5)
    read = kaitai_reader(PAGE).Dpx.from_bytes(data)
    assert same(value_of(read, read.nodes[0]), document)
    head = read.header
    assert (head.source_mtime_ns, head.len_source) == (-5, len(source))
    assert head.source_hash == blake3(source).digest()
    assert head.content_hash == blake3(data[128:]).digest()
    assert head.crc == zlib.crc32(data[:104] + data[108:])
    assert len(data) == head.len_total == 128 + 20 * head.num_nodes + head.len_pool


@settings(max_examples=60, deadline=None)
@given(documents())
def test_a_second_reader_reads_any_document(document: dict[str, Any]) -> None:
    check(document, b"source")


def test_a_second_reader_reads_this_repositorys_manifest() -> None:
    source = (ROOT / "pyproject.toml").read_bytes()
    check(tomllib.loads(source.decode()), source)
