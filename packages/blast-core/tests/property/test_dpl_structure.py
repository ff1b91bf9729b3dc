"""Property 3, DPL structure validity: a second reader, made from the format's page, reads the same lock.

It shares no code with ours; what it can't say (seals, hashes, order, probing) is computed here from docs/spec/dpl.md.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from blake3 import blake3
from hypothesis import given, settings

from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.testing import locks, sample_lock
from blast_core.testing import kaitai_reader

if TYPE_CHECKING:
    from blast_core.formats.dpl.model import Lock

pytestmark = pytest.mark.property

PAGE = Path(__file__).resolve().parents[4] / "docs" / "spec" / "dpl.ksy"
NONE = bytes(32)
_KINDS = ("registry", "url", "git", "path", "editable", "workspace")


def fnv(data: bytes) -> int:
    value = 14695981039346656037
    for byte in data:
        value = ((value ^ byte) * 1099511628211) % 2**64
    return value


def part(rows: list[Any], span: Any) -> list[Any]:
    assert span.first + span.num <= len(rows)
    return rows[span.first : span.first + span.num]


def needs_of(read: Any, span: Any) -> list[tuple[Any, ...]]:
    return [
        (row.name.value, row.specifier.value, tuple(filter(None, row.extras.value.split(","))), row.marker.value)
        for row in part(read.dependencies, span)
    ]


def files_of(read: Any, span: Any) -> list[tuple[Any, ...]]:
    names = ["", *(index.value for index in read.indexes)]
    return [
        (
            row.filename.value,
            names[row.index],
            row.path.value + (row.filename.value if row.path_is_folder else ""),
            row.sha256.hex(),
            row.len_file,
            row.upload_time.value,
        )
        for row in part(read.files, span)
    ]


def source_of(read: Any, entry: Any) -> tuple[str, ...]:
    row = read.sources[entry.source]
    digest = "" if entry.source_digest == NONE else entry.source_digest.hex()
    return (entry.source_kind.name, row.location.value, row.revision.value, row.subdirectory.value, digest)


def package_of(read: Any, entry: Any) -> tuple[Any, ...]:
    return (
        entry.name.value,
        entry.version.value,
        source_of(read, entry),
        tuple(files_of(read, entry.files)),
        tuple(needs_of(read, entry.dependencies)),
        tuple((row.name.value, tuple(needs_of(read, row.dependencies))) for row in part(read.extras, entry.extras)),
        entry.requires_python.value,
        entry.target_mask,
        entry.group_mask,
    )


def lock_of(read: Any) -> tuple[Any, ...]:
    targets = tuple(
        (
            row.name.value,
            row.python_version.value,
            row.platform.value,
            tuple((pair.variable.value, pair.value.value) for pair in part(read.markers, row.markers)),
        )
        for row in read.targets
    )
    return (
        tuple(package_of(read, entry) for entry in read.entries),
        targets,
        tuple(row.value for row in read.groups),
        read.directory.requires_python.value,
        read.header.input_hash,
        read.directory.text_hash,
        tuple(row.value for row in read.indexes),
    )


def check_sums(data: bytes, read: Any) -> None:
    assert blake3(data[128:]).digest() == read.header.content_hash
    content = data[: read.directory.seals.ofs]
    pages = [content[at : at + 4096] for at in range(0, len(content), 4096)]
    pages[0] = pages[0][:96] + pages[0][128:]
    assert [zlib.crc32(page) for page in pages] == read.seals


def check_sections(data: bytes, read: Any) -> None:
    """Every byte belongs to one section, or is a zero that fills up to a multiple of eight."""
    head, rows = read.header, read.directory
    spans = [
        (0, 128, 1),
        (128, 192, 1),
        (head.ofs_entries, head.num_packages, 128),
        (head.ofs_table, head.num_slots, 4),
    ]
    spans.append((head.ofs_targets, head.num_targets, 32))
    middle = (rows.markers, rows.groups, rows.indexes, rows.sources, rows.files, rows.dependencies, rows.extras)
    spans += [(section.ofs, section.num, section.len_entry) for section in middle]
    spans += [(head.ofs_pool, rows.len_pool, 1), (rows.seals.ofs, rows.seals.num, 4)]
    assert data[320:384] == bytes(64)
    end = 384
    for at, count, size in spans[2:]:
        assert at == (end + 7) // 8 * 8
        assert data[end:at].count(0) == at - end
        end = at + count * size
    assert end == len(data) == head.len_total


def check_table(read: Any) -> None:
    """Each entry is found by probing from its hash, and by nothing else."""
    slots = read.slots
    assert len(slots) & (len(slots) - 1) == 0
    assert len(slots) >= 2 * len(read.entries)
    assert sorted(filter(None, slots)) == list(range(1, len(read.entries) + 1))
    for number, entry in enumerate(read.entries, 1):
        assert entry.name_hash == fnv(entry.name.value.encode())
        place = entry.name_hash % len(slots)
        while slots[place] != number:
            assert slots[place]
            place = (place + 1) % len(slots)


def check(lock: Lock) -> None:
    data = build_lock(lock)
    read = kaitai_reader(PAGE).Dpl.from_bytes(data)
    assert lock_of(read) == lock
    check_sums(data, read)
    check_sections(data, read)
    check_table(read)
    names = [(entry.name.value, entry.packed_version.value, entry.target_mask) for entry in read.entries]
    assert names == sorted(names)


@settings(max_examples=60, deadline=None)
@given(locks())
def test_a_second_reader_reads_any_lock(lock: Lock) -> None:
    check(lock)


def test_a_second_reader_reads_a_lock_of_many_pages() -> None:
    check(sample_lock(150))
