"""A wheel that is unpacked while it comes leads to what one leads to that is unpacked afterwards, error for error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.digests import blake3_digest
from blast_core.errors import BlastError
from blast_core.testing_wheels import DEFLATED, STORED, Member, WheelRecipe, build_wheel, wheel_recipes
from blast_pm.store.arriving import ArrivingWheel
from blast_pm.store.home import StorePaths
from blast_pm.store.ingest import ingest_wheel
from blast_pm.store.testing import list_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

pytestmark = [
    pytest.mark.property,
    pytest.mark.skipif(os.name != "posix", reason="NO POSIX: elsewhere no wheel is unpacked while it comes"),
]

_GENERATOR = "shared/cases/archives/bad_wheels.py"
_CHANGES = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), max_size=4)
_STEPS = st.lists(st.integers(1, 5000) | st.just(1 << 21), min_size=1, max_size=8)


def outcome(
    content: bytes, filename: str, steps: Sequence[int], home: Path, *, must_arrive: bool = False
) -> tuple[object, ...]:
    """Return what became of a wheel that came in these steps, again and again; in one piece without steps."""
    staging = home / "tmp"
    staging.mkdir(parents=True)
    wheel = str(staging / "w")
    arriving = None
    with open(wheel, "wb", buffering=0) as file:
        if steps:
            arriving = ArrivingWheel(wheel)
        at = turn = 0
        while arriving is not None and at < len(content):
            step = steps[turn % len(steps)]
            file.write(content[at : at + step])
            at = min(len(content), at + step)
            turn += 1
            arriving.advance(at)
        file.write(content[at:])
    if must_arrive and arriving is not None:
        assert arriving.settle() == blake3_digest(content)
        assert arriving._members is not None
        assert len(arriving._members.found) == content.count(b"PK\3\4")
    digest = sha256(content).hexdigest()
    try:
        stored = ingest_wheel(wheel, filename, digest, StorePaths(str(home)), is_checked=True, arriving=arriving)
    except BlastError as error:
        assert not (home / "t").exists()
        return type(error), error.message, error.reason, error.hint
    assert os.listdir(staging) == []
    return stored._replace(tree=""), list_tree(stored.tree)


def check(content: bytes, filename: str, steps: Sequence[int], *, must_arrive: bool = False) -> None:
    with tempfile.TemporaryDirectory() as place:
        whole = outcome(content, filename, (), Path(place, "whole"))
        assert outcome(content, filename, steps, Path(place, "arriving"), must_arrive=must_arrive) == whole
        subprocess.run(["chmod", "-R", "u+w", place], check=True)


@given(wheel_recipes(), _STEPS)
@settings(max_examples=100, deadline=None)
def test_random_wheels(recipe: WheelRecipe, steps: list[int]) -> None:
    check(build_wheel(recipe), recipe.filename, steps, must_arrive=True)


@given(
    wheel_recipes(), _STEPS, st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), max_size=4), st.data()
)
@settings(max_examples=200, deadline=None)
def test_mutated_bytes(
    recipe: WheelRecipe, steps: list[int], changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    content = bytearray(build_wheel(recipe))
    for place, difference in changes:
        content[place % len(content)] ^= difference
    end = data.draw(st.just(len(content)) | st.integers(1, len(content)))
    check(bytes(content[:end]), recipe.filename, steps)


_ODDITIES: dict[str, Callable[[Member], None]] = {
    "a lie about the size": lambda member: _lie(member, "raw", 1),
    "a lie about the stored size": lambda member: _lie(member, "stored", 1),
    "a lie about the CRC": lambda member: _lie(member, "crc", 0),
    "another name in front": lambda member: _lie(member, "name", b"sample/evil.py"),
    "another method in front": lambda member: _lie(member, "method", 0),
    "a path that leads out": lambda member: setattr(member, "name", "../evil"),
    "a path that another has": lambda member: setattr(member, "name", "sample/__init__.py"),
    "a path below a file": lambda member: setattr(member, "name", "sample/__init__.py/x"),
    "a descriptor": lambda member: setattr(member, "flags", 8),
    "encryption": lambda member: setattr(member, "flags", 1),
    "a size that zip64 tells": lambda member: _lie(member, "stored", 0xFFFFFFFF),
    "an extra field": lambda member: _lie(member, "extra", b"UT\x05\0\1abcd"),
    "a cut extra field": lambda member: _lie(member, "extra", b"UT\xff\0\1abcd"),
    "not in the directory": lambda member: setattr(member, "write_central", False),
    "a symbolic link": lambda member: setattr(member, "mode", 0o120777),
    "bytes after the stream": lambda member: setattr(member, "packed", member.pack() + b"more"),
    "half a stream": lambda member: setattr(member, "packed", member.pack()[:-3]),
    "bytecode": lambda member: setattr(member, "name", "sample/big.pyc"),
}


def _lie(member: Member, what: str, value: int | bytes) -> None:
    member.local = {what: value}


@pytest.mark.parametrize("size", [40, 3 << 20], ids=["small", "large"])
@pytest.mark.parametrize("method", [STORED, DEFLATED])
@pytest.mark.parametrize("oddity", _ODDITIES)
def test_one_odd_member(oddity: str, method: int, size: int) -> None:
    odd = Member("sample/big.so", bytes(range(251)) * (size // 251) + b"end", method, 0o100755)
    recipe = WheelRecipe(
        files=[Member("sample/__init__.py", b"x = 1\n"), odd, Member("sample/last.py", b"y = 2\n", DEFLATED)]
    )
    recipe.record = None
    _ODDITIES[oddity](odd)
    check(build_wheel(recipe), recipe.filename, [70_000])


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_digests_of_record(algorithm: str) -> None:
    from blast_core.testing_wheels import record_row

    recipe = WheelRecipe()
    rows = [record_row(str(member.name), member.content, algorithm) for member in recipe.members()[:-1]]
    for wrong in (False, True):
        last = (rows[0][0], rows[1][1], rows[0][2]) if wrong else rows[0]
        recipe.record = [last, *rows[1:], (f"{recipe.info}/RECORD", "", "")]
        check(build_wheel(recipe), recipe.filename, [100])


def test_wheels_that_nobody_here_wrote(tmp_path: Path) -> None:
    """Hostile and odd ones, where their generator lies beside the checkout."""
    tops = Path(__file__).resolve().parents
    generator = next((top / _GENERATOR for top in tops if (top / _GENERATOR).is_file()), None)
    if generator is None:
        pytest.skip(f"NO SHARED CASES: {_GENERATOR} is not beside the checkout")
    command = [sys.executable, str(generator), "build", "--out", str(tmp_path / "o"), "--canary", str(tmp_path / "c")]
    (tmp_path / "c").mkdir()
    subprocess.run(command, check=True, capture_output=True)
    rows = json.loads((tmp_path / "o" / "cases.json").read_text())
    assert len(rows) > 50
    for row in rows:
        path = tmp_path / "o" / row["file"]
        # One has 120,000 members: a minute for files that are thrown away.
        if path.stat().st_size < 1 << 20:
            check(path.read_bytes(), path.name, [997])
    assert list((tmp_path / "c").iterdir()) == []
