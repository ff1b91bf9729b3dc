"""The laws of containers, on generated wheels: sound structure, the way there and back, one content one address."""

from __future__ import annotations

import tempfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.digests import blake3_digest
from blast_core.errors import ArchiveRejected, FormatError, RecordMismatch
from blast_core.formats.dpp.convert import Converted, convert_wheel, dpp_to_wheel
from blast_core.formats.dpp.optimize import optimize
from blast_core.formats.dpp.reader import DppPackage
from blast_core.requirements import parse_requirement
from blast_core.testing import kaitai_reader
from blast_core.testing_wheels import WheelRecipe, build_wheel, wheel_recipes

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.property

SPEC = Path(__file__).resolve().parents[4] / "docs" / "spec" / "dpp.ksy"


def _convert(wheel: bytes, filename: str) -> tuple[bytes, Converted]:
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder) / filename, Path(folder) / "x.dpp"
        path.write_bytes(wheel)
        converted = convert_wheel(str(path), str(target))
        return target.read_bytes(), converted


def _back(data: bytes, filename: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / filename
        dpp_to_wheel(DppPackage.from_bytes(data), str(target))
        return target.read_bytes()


def _content(wheel: bytes) -> dict[str, tuple[bytes, bool]]:
    """What an installer takes from a wheel: paths, bytes, and whether each may be run."""
    with zipfile.ZipFile(BytesIO(wheel)) as archive:
        return {
            info.filename: (archive.read(info), bool(info.external_attr >> 16 & 0o111)) for info in archive.infolist()
        }


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return kaitai_reader(SPEC)


@given(wheel_recipes())
def test_every_container_is_sound_by_both_readers(module: ModuleType, recipe: WheelRecipe) -> None:
    """Property 1: structure validity."""
    data, converted = _convert(build_wheel(recipe), recipe.filename)
    package = DppPackage.from_bytes(data)
    package.verify()
    assert converted.blake3 == blake3_digest(data)
    other = module.Dpp.from_bytes(data)
    assert [entry.path for entry in other.files.entries] == [file.path for file in package.files]
    assert [entry.stored for entry in other.files.entries] == [bytes(package.raw(file)) for file in package.files]
    assert other.metadata.entry.name.value == recipe.name
    assert len(other.dependencies.entries) == len(recipe.requires)


@given(wheel_recipes())
def test_wheel_to_container_to_wheel_keeps_everything(recipe: WheelRecipe) -> None:
    """Property 2: the round trip. The container of the second wheel differs in the wheel's digest and size alone."""
    wheel = build_wheel(recipe)
    data, _ = _convert(wheel, recipe.filename)
    package = DppPackage.from_bytes(data)
    assert {file.path: package.read(file) for file in package.files} == {
        path: content for path, (content, _) in _content(wheel).items()
    }
    assert package.requirements == tuple(map(parse_requirement, recipe.requires))
    back = _back(data, recipe.filename)
    assert _content(back) == _content(wheel)
    again = DppPackage.from_bytes(_convert(back, recipe.filename)[0])
    assert again.files == package.files
    # What comes back is a fixed point: a wheel that Blast wrote survives the next round byte for byte.
    assert _back(_convert(back, recipe.filename)[0], recipe.filename) == back


@given(wheel_recipes())
def test_one_content_has_one_address(recipe: WheelRecipe) -> None:
    """Property 7: content-addressed deduplication."""
    first, second = (_convert(build_wheel(recipe), recipe.filename) for _ in range(2))
    assert first == second


@given(wheel_recipes(), st.data())
def test_other_content_has_another_address(recipe: WheelRecipe, data: st.DataObject) -> None:
    """Property 7: any other content of any file gives another address, and another digest of that file alone."""
    before, converted = _convert(build_wheel(recipe), recipe.filename)
    place = data.draw(st.integers(0, len(recipe.files) - 1))
    if str(recipe.files[place].name).endswith(".pth"):
        return
    recipe.files[place].content += b"!"
    after, changed = _convert(build_wheel(recipe), recipe.filename)
    assert changed.blake3 != converted.blake3
    assert changed.sha256 != converted.sha256
    old, new = DppPackage.from_bytes(before).files, DppPackage.from_bytes(after).files
    assert [one.path for one, two in zip(old, new, strict=True) if one.digest != two.digest] == [
        recipe.files[place].name,
        f"{recipe.info}/RECORD",
    ]


@given(wheel_recipes())
@settings(max_examples=40)
def test_optimising_changes_sizes_alone(recipe: WheelRecipe) -> None:
    data, _ = _convert(build_wheel(recipe), recipe.filename)
    package = DppPackage.from_bytes(data)
    with tempfile.TemporaryDirectory() as folder:
        optimize(package, f"{folder}/x.dpp", level=3)
        optimized = Path(f"{folder}/x.dpp").read_bytes()
    small = DppPackage.from_bytes(optimized)
    small.verify()
    assert small.size <= package.size
    assert [small.read(file) for file in small.files] == [package.read(file) for file in package.files]
    assert _content(_back(optimized, recipe.filename)) == _content(_back(data, recipe.filename))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_container_or_a_format_error(data: bytes) -> None:
    for content in (data, b"DPP1\1\0" + data, b"DPP1\1\0\4\0" + data + bytes(-(len(data) + 8) % 16)):
        with pytest.raises(FormatError):
            DppPackage.from_bytes(content).verify()


@given(wheel_recipes(), st.data())
def test_a_damaged_wheel_is_refused_or_read_right(recipe: WheelRecipe, data: st.DataObject) -> None:
    wheel = bytearray(build_wheel(recipe))
    wanted = _content(bytes(wheel))
    for _ in range(data.draw(st.integers(1, 8))):
        wheel[data.draw(st.integers(0, len(wheel) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, _ = _convert(bytes(wheel), recipe.filename)
    except (ArchiveRejected, RecordMismatch):
        return
    package = DppPackage.from_bytes(found)
    assert {file.path: package.read(file) for file in package.files} == {
        path: content for path, (content, _) in wanted.items()
    }
