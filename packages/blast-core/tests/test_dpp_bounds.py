"""A container that claims much costs little: sizes are bounded before anything is inflated."""

from __future__ import annotations

import struct
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import zstandard

from blast_core.digests import blake3_digest
from blast_core.errors import FormatError
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.formats.dpp.text import inspect_json
from blast_core.limits import METADATA, MIB
from blast_core.testing_wheels import DEFLATED, Member, WheelRecipe, build_wheel

if TYPE_CHECKING:
    from pathlib import Path

_ZEROS = 96 * MIB
_ENTRY = 80


def _make(folder: Path, recipe: WheelRecipe) -> bytearray:
    (folder / recipe.filename).write_bytes(build_wheel(recipe))
    convert_wheel(str(folder / recipe.filename), str(folder / "made.dpp"))
    return bytearray((folder / "made.dpp").read_bytes())


def _entry(data: bytearray, index: int) -> int:
    files: int = struct.unpack_from("<I", data, 12)[0] * 16
    return files + 32 + _ENTRY * index


def _seal(data: bytearray) -> bytes:
    data[32:64] = blake3_digest(data[64:])
    return bytes(data)


@pytest.mark.parametrize("size", [(1 << 36) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("method", [0, DEFLATED])
def test_an_absurd_size_is_an_error_and_no_overflow(tmp_path: Path, size: int, method: int) -> None:
    data = _make(tmp_path, WheelRecipe(files=[Member("a.py", b"x = 1\n" * 9, method)], method=method))
    for index in range(4):
        changed = data[:]
        struct.pack_into("<Q", changed, _entry(changed, index) + 32, size)
        package = DppPackage.from_bytes(_seal(changed))
        with pytest.raises(FormatError):
            _ = [package.read(file) for file in package.files]
        with pytest.raises(FormatError):
            _ = (package.metadata_bytes, package.wheel_bytes, package.record_bytes, inspect_json(package))
        with pytest.raises(FormatError):
            package.verify()


def _bomb(tmp_path: Path) -> bytes:
    """Return a container whose METADATA is a small zstd frame of very many zeros."""
    frame = zstandard.ZstdCompressor(level=19, write_content_size=False).compress(bytes(_ZEROS))
    metadata = b"Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n\n"
    recipe = WheelRecipe(files=[], metadata=metadata.ljust(len(frame)), method=0)  # the frame takes its place
    data = _make(tmp_path, recipe)
    at = _entry(data, 0)
    offset = struct.unpack_from("<Q", data, at + 16)[0]
    data[offset : offset + len(frame)] = frame
    data[at + 9] = 2
    struct.pack_into("<2Q", data, at + 24, len(frame), _ZEROS)
    facts = struct.unpack_from("<I", data, 8)[0] * 16 + 32
    struct.pack_into("<Q", data, facts + 56, struct.unpack_from("<Q", data, facts + 56)[0] - len(frame) + _ZEROS)
    return _seal(data)


def test_metadata_that_is_a_bomb_is_refused_without_inflating_it(tmp_path: Path) -> None:
    data = _bomb(tmp_path)
    package = DppPackage.from_bytes(data)
    assert package.files[0].raw_size == _ZEROS > METADATA
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="METADATA"):
            _ = package.metadata_bytes
        with pytest.raises(FormatError):
            package.verify()
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_a_container_that_inflates_to_more_than_any_wheel_may_is_refused(tmp_path: Path) -> None:
    """As W9 for wheels; zstd goes further than DEFLATE, so the bound is wider."""
    data = _bomb(tmp_path)
    with pytest.raises(FormatError, match="times its size"):
        DppPackage.from_bytes(data).verify()
