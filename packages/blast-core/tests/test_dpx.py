"""Compiled manifests: limits, hostile files, the source they stand for, and what reading one imports."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tomllib
from binascii import crc32
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.errors import BadMagic, FormatError, InvalidField, TruncatedInput, UnsupportedFormatVersion
from blast_core.formats.dpx import DpxFile, decode, encode
from blast_core.formats.dpx.testing import same

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = b"""
[project]
name = "x"
version = "1.0"
dependencies = ["flask>=3", "numpy"]
[tool.x]
when = 1979-05-27T07:32:00.5-07:00
local = 1979-05-27T07:32:00
day = 1979-05-27
hour = 07:32:00.999999
floats = [1.5, inf, -inf, nan, -0.0]
integers = [0, -1, 9223372036854775807, -9223372036854775808, 9223372036854775808, 0xffffffffffffffffff]
truth = [true, false]
mixed = [1, "a", [{b = [[]]}, {}]]
"quoted key" = '''a
b'''
[[tool.x.rows]]
a = 1
[[tool.x.rows.inner]]
b = 2
[[tool.x.rows]]
"""
DOCUMENT = tomllib.loads(SOURCE.decode())
DATA = encode(DOCUMENT, SOURCE, 1_700_000_000_000_000_000)


def reseal(data: bytes | bytearray) -> bytes:
    """Return ``data`` with sizes, check sum and content hash made right, as a hostile hand would."""
    made = bytearray(data)
    (count,) = struct.unpack_from("<I", made, 8)
    struct.pack_into("<IQ", made, 12, max(len(made) - 128 - 20 * count, 0) & 0xFFFFFFFF, len(made))
    made[72:104] = blake3(bytes(made[128:])).digest()
    made[104:108] = crc32(made[108:], crc32(made[:104])).to_bytes(4, "little")
    return bytes(made)


def node(kind: int, payload: int, key: tuple[int, int] = (0, 0), minutes: int = 0) -> bytes:
    return struct.pack("<BBhIIQ", kind, 0, minutes, *key, payload)


def made_of(nodes: list[bytes], pool: bytes = b"") -> bytes:
    head = struct.pack("<4sHHIIQqQ32s32sI20s", b"DPX1", 1, 0, len(nodes), 0, 0, 0, 0, b"", b"", 0, b"")
    return reseal(head + b"".join(nodes) + pool)


def pair(low: int, high: int) -> int:
    return high << 32 | low


def test_a_document_with_every_type_comes_back() -> None:
    assert same(decode(DATA), DOCUMENT)
    assert DpxFile.from_bytes(DATA).mtime_ns == 1_700_000_000_000_000_000
    DpxFile.from_bytes(DATA).verify()


def test_equal_documents_give_equal_bytes() -> None:
    assert encode(tomllib.loads(SOURCE.decode()), SOURCE, 1_700_000_000_000_000_000) == DATA


def test_an_empty_document_is_one_node() -> None:
    assert decode(encode({}, b"", 0)) == {}
    assert len(encode({}, b"", 0)) == 148


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="none"),
        pytest.param(b"bytes", id="bytes"),
        pytest.param({1: 2}, id="key-no-string"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param({"\ud800": 1}, id="lone-surrogate-key"),
        pytest.param(time(1, tzinfo=timezone(timedelta(0))), id="time-with-zone"),
        pytest.param(datetime(2024, 1, 1, tzinfo=timezone(timedelta(seconds=1))), id="zone-with-seconds"),
        pytest.param({1, 2}, id="set"),
    ],
)
def test_refuses_what_toml_has_no_form_for(value: object) -> None:
    with pytest.raises(InvalidField):
        encode({"a": value}, b"", 0)


def test_refuses_a_document_that_is_no_table() -> None:
    with pytest.raises(InvalidField):
        encode([], b"", 0)  # type: ignore[arg-type]  # that is the claim


def nested(depth: int) -> dict[str, Any]:
    value: Any = {}
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    return {"top": value}


def test_nests_to_the_limit_and_no_deeper() -> None:
    assert decode(encode(nested(63), b"", 0)) == nested(63)
    with pytest.raises(InvalidField, match="field depth, value 65"):
        encode(nested(64), b"", 0)
    with pytest.raises(InvalidField):
        encode(nested(100_000), b"", 0)


def test_a_file_of_a_hundred_thousand_levels_is_refused() -> None:
    nodes = [
        node(1, pair(1, 1)),
        *(node(2, pair(number, 1)) for number in range(2, 100_001)),
        node(2, pair(100_001, 0)),
    ]
    with pytest.raises(InvalidField, match="children"):
        decode(made_of(nodes))


HOSTILE = {
    "root-is-an-array": made_of([node(2, pair(1, 0))]),
    "root-is-a-scalar": made_of([node(4, 1)]),
    "child-is-itself": made_of([node(1, pair(0, 1))]),
    "cycle": made_of([node(1, pair(1, 1)), node(2, pair(1, 1))]),
    "children-behind-the-end": made_of([node(1, pair(1, 2)), node(4, 1)]),
    "count-past-u32-sum": made_of([node(1, pair(0xFFFFFFFF, 0xFFFFFFFF))]),
    "shared-child": made_of([node(1, pair(1, 2)), node(2, pair(3, 1)), node(2, pair(3, 1), (0, 1)), node(4, 1)], b"a"),
    "orphan": made_of([node(1, pair(1, 0)), node(4, 1)]),
    "key-twice": made_of([node(1, pair(1, 2)), node(4, 1), node(4, 2)]),
    "key-in-an-array": made_of([node(1, pair(1, 1)), node(2, pair(2, 1)), node(4, 1, (0, 1))], b"a"),
    "key-of-the-root": made_of([node(1, pair(1, 0), (0, 1))], b"a"),
    "key-behind-the-pool": made_of([node(1, pair(1, 1)), node(4, 1, (0, 2))], b"a"),
    "string-behind-the-pool": made_of([node(1, pair(1, 1)), node(3, pair(0xFFFFFFFF, 0xFFFFFFFF))], b"a"),
    "string-not-utf-8": made_of([node(1, pair(1, 1)), node(3, pair(0, 1))], b"\xff"),
    "strings-overlap": made_of(
        [node(1, pair(1, 1)), node(2, pair(2, 2)), node(3, pair(0, 3)), node(3, pair(1, 2))], b"abc"
    ),
    "kind-0": made_of([node(1, pair(1, 1)), node(0, 0)]),
    "kind-12": made_of([node(1, pair(1, 1)), node(12, 0)]),
    "truth-2": made_of([node(1, pair(1, 1)), node(7, 2)]),
    "minutes-on-an-integer": made_of([node(1, pair(1, 1)), node(4, 1, minutes=60)]),
    "minutes-past-a-day": made_of([node(1, pair(1, 1)), node(8, 2024 << 46 | 1 << 42 | 1 << 37, minutes=1440)]),
    "month-13": made_of([node(1, pair(1, 1)), node(10, 2024 << 46 | 13 << 42 | 1 << 37)]),
    "day-0": made_of([node(1, pair(1, 1)), node(10, 2024 << 46 | 1 << 42)]),
    "year-0": made_of([node(1, pair(1, 1)), node(10, 1 << 42 | 1 << 37)]),
    "date-with-time": made_of([node(1, pair(1, 1)), node(10, 2024 << 46 | 1 << 42 | 1 << 37 | 5)]),
    "time-with-date": made_of([node(1, pair(1, 1)), node(11, 2024 << 46)]),
    "second-61": made_of([node(1, pair(1, 1)), node(11, 61 << 20)]),
    "big-integer-that-is-small": made_of([node(1, pair(1, 1)), node(5, pair(0, 3))], b"\1\0\0"),
    "big-integer-with-zeros": made_of([node(1, pair(1, 1)), node(5, pair(0, 12))], b"\xff" * 10 + b"\0\0"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_refuses_a_hostile_file_whose_sums_are_right(data: bytes) -> None:
    with pytest.raises(InvalidField) as caught:
        decode(data)
    assert caught.value.field != "check sum"


@pytest.mark.parametrize(
    ("at", "content", "error"),
    [
        pytest.param(0, b"DPL1", BadMagic, id="magic"),
        pytest.param(4, b"\2\0", UnsupportedFormatVersion, id="newer"),
        pytest.param(6, b"\1\0", UnsupportedFormatVersion, id="flags"),
        pytest.param(8, b"\0\0\0\0", InvalidField, id="no-nodes"),
        pytest.param(8, b"\xff\xff\xff\xff", InvalidField, id="many-nodes"),
        pytest.param(120, b"\1", InvalidField, id="reserved"),
    ],
)
def test_refuses_a_header_that_lies(at: int, content: bytes, error: type[FormatError]) -> None:
    data = bytearray(DATA)
    data[at : at + len(content)] = content
    with pytest.raises(error):
        decode(reseal(data))


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_any_flipped_byte_is_refused(mask: int) -> None:
    for at in range(len(DATA)):
        data = bytearray(DATA)
        data[at] ^= mask
        with pytest.raises(FormatError):
            decode(bytes(data))


def test_cut_or_lengthened_anywhere_is_refused() -> None:
    for at in range(len(DATA)):
        with pytest.raises(FormatError):
            decode(DATA[:at])
        with pytest.raises(FormatError):
            decode(DATA[:at] + b"\0" + DATA[at:])
    with pytest.raises(TruncatedInput):
        decode(b"")


@pytest.mark.property
@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(8, len(DATA) - 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
def test_a_hostile_hand_gets_a_document_or_an_error(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(DATA)
    for at, content in changes:
        data[at : at + len(content)] = content
    try:
        document = decode(reseal(data[: len(DATA)]))
    except FormatError:
        return
    assert same(decode(encode(document, b"", 0)), document)


def test_a_small_file_cannot_fill_the_memory() -> None:
    """A thousand strings that share one stretch of a megabyte would be a gigabyte."""
    size = 1 << 20
    rows = [node(3, pair(number, size - number)) for number in range(1000)]
    with pytest.raises(InvalidField, match="overlap"):
        decode(made_of([node(1, pair(1, 1)), node(2, pair(2, 1000)), *rows], b"a" * size))


def compile_at(folder: Path, *, age_ns: int) -> tuple[DpxFile, Path]:
    """Write a manifest and its compiled form ``age_ns`` later, and open the latter."""
    source = folder / "pyproject.toml"
    source.write_bytes(SOURCE)
    moment = 1_700_000_000_000_000_000
    os.utime(source, ns=(moment, moment))
    compiled = folder / "pyproject.dx"
    compiled.write_bytes(encode(DOCUMENT, SOURCE, moment))
    os.utime(compiled, ns=(moment + age_ns, moment + age_ns))
    return DpxFile.open(str(compiled)), source


def overwrite(source: Path) -> None:
    """Change the source and keep its size and time."""
    status = source.stat()
    source.write_bytes(SOURCE.replace(b'"1.0"', b'"1.1"'))
    os.utime(source, ns=(status.st_mtime_ns, status.st_mtime_ns))


CHANGES: list[tuple[str, int, Callable[[Path], object], bool]] = [
    ("untouched", 10**9, lambda _: None, True),
    ("untouched-but-racy", 0, lambda _: None, True),
    ("touched", 10**9, os.utime, True),
    ("set-back-to-1970", 10**9, lambda source: os.utime(source, ns=(0, 0)), True),
    ("lengthened", 10**9, lambda source: source.write_bytes(SOURCE + b"\n"), False),
    ("changed", 10**9, lambda source: source.write_bytes(SOURCE.replace(b'"1.0"', b'"1.1"')), False),
    ("changed-within-one-tick", 10**6, overwrite, False),
    ("changed-while-the-clock-went-back", -(10**9), overwrite, False),
    ("removed", 10**9, lambda source: source.unlink(), False),
]


@pytest.mark.parametrize(
    ("age_ns", "change", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_knows_whether_its_source_still_stands(
    tmp_path: Path, age_ns: int, change: Callable[[Path], object], expected: bool
) -> None:
    compiled, source = compile_at(tmp_path, age_ns=age_ns)
    change(source)
    assert compiled.source_matches(str(source)) is expected


@pytest.mark.parametrize(
    ("document", "extra"), [('{"a": 1}', "[]"), ('{"a": __import__("datetime").date(2024, 1, 2)}', "['datetime']")]
)
def test_reading_imports_nothing_heavy(tmp_path: Path, document: str, extra: str) -> None:
    path = tmp_path / "pyproject.dx"
    value = {"a": 1} if extra == "[]" else {"a": date(2024, 1, 2)}
    path.write_bytes(encode(value, b"", 0))
    heavy = "{'datetime', 'typing', 're', 'tomllib', 'blake3', 'dataclasses'}"
    program = (
        "import sys; before = set(sys.modules)\n"
        "from blast_core.formats.dpx import DpxFile\n"
        f"document = DpxFile.open({str(path)!r}).document()\n"
        f"print(sorted((set(sys.modules) - before) & {heavy}))\n"
        f"assert document == {document}\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-S", "-c", program], env=environment, capture_output=True, check=False)
    assert (result.stdout.decode().strip(), result.stderr) == (extra, b"")
