"""docs/spec/dpp.md is enough to read a container: a second reader, made from its Kaitai page, sees the same as ours."""

from __future__ import annotations

import importlib
import importlib.util
import marshal
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.digests import blake3_digest
from blast_core.elf import ElfFacts
from blast_core.errors import FormatError
from blast_core.fnv import fnv1a64
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.optimize import optimize
from blast_core.formats.dpp.reader import DppPackage
from blast_core.testing import kaitai_reader
from blast_core.testing_elf import make_elf
from blast_core.testing_wheels import DEFLATED, Member, WheelRecipe, build_wheel

if TYPE_CHECKING:
    from types import ModuleType

SPEC = Path(__file__).resolve().parents[3] / "docs" / "spec"
SOURCE = b"x = 1\n" * 40
RECIPE = WheelRecipe(
    files=[
        Member("sample/__init__.py", SOURCE, DEFLATED),
        Member("sample/名.txt", b"\0" * 40),
        Member("sample/x.so", make_elf(ElfFacts("libx.so", ("libc.so.6", "libm.so"), ("$ORIGIN",))), DEFLATED),
        Member("sample-1.0.data/scripts/run", b"#!python\n", mode=0o100755),
        Member("s.pth", b"import sample\n"),
    ],
    requires=("click[b]>=8,!=8.1", "rich===1.0; extra == 'x'"),
    extras=("x",),
    entry_points="[console_scripts]\nrun = sample:main\n",
    requires_python=">=3.9",
)


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return kaitai_reader(SPEC / "dpp.ksy")


@pytest.fixture(params=["plain", "with bytecode and zstd"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    (tmp_path / RECIPE.filename).write_bytes(build_wheel(RECIPE))
    target = tmp_path / "x.dpp"
    convert_wheel(str(tmp_path / RECIPE.filename), str(target))
    if request.param != "plain":
        code = marshal.dumps(compile(SOURCE, "x", "exec"))
        pyc = importlib.util.MAGIC_NUMBER + struct.pack("<I", 1) + importlib.util.source_hash(SOURCE) + code
        with DppPackage.open(str(target)) as package:
            target = tmp_path / "y.dpp"
            optimize(package, str(target), bytecode=[("sample/__init__.py", "cpython-311", pyc)])
    return target.read_bytes()


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(item.value for item in found.items)


def test_both_readers_see_the_same_facts(module: ModuleType, data: bytes) -> None:
    ours, other = DppPackage.from_bytes(data), module.Dpp.from_bytes(data)
    entry = other.metadata.entry
    assert other.header.flags == ours.flags
    assert other.header.blake3 == blake3_digest(data[64:])
    for field in ("name", "version", "requires_python", "summary", "wheel_filename", "dist_info"):
        assert getattr(entry, field).value == getattr(ours, field), field
    for field in ("tags", "import_names", "provides_extras", "startup", "warnings"):
        assert _texts(getattr(entry, field)) == getattr(ours, field), field
    assert _texts(entry.entry_points) == tuple(text for point in ours.entry_points for text in point)
    assert entry.wheel_sha256.hex() == ours.wheel_sha256
    assert (entry.len_wheel, entry.len_unpacked) == (ours.wheel_size, ours.unpacked_size)
    special = [other.files.entries[index].path for index in (entry.metadata_file, entry.wheel_file, entry.record_file)]
    assert tuple(special) == ours.special_paths()


def test_both_readers_see_the_same_files(module: ModuleType, data: bytes) -> None:
    ours, other = DppPackage.from_bytes(data), module.Dpp.from_bytes(data)
    for index, (file, entry) in enumerate(zip(ours.files, other.files.entries, strict=True)):
        assert tuple(file) == (
            entry.path, entry.scheme.name, entry.mode, entry.codec.value, entry.len_stored, entry.len_raw,
            entry.ofs_content, entry.blake3, entry.crc32, entry.flags,
        )  # fmt: skip
        assert entry.stored == bytes(ours.raw(file))
        assert entry.path_fnv1a == fnv1a64(entry.path.encode())
        assert _probe(other.files.slots, entry.path_fnv1a, index)


def _probe(slots: list[int], value: int, index: int) -> bool:
    """Look an entry up as the page says."""
    place = value % len(slots)
    while slots[place]:
        if slots[place] == index + 1:
            return True
        place = (place + 1) % len(slots)
    return False


def test_both_readers_see_the_same_dependencies(module: ModuleType, data: bytes) -> None:
    ours, other = DppPackage.from_bytes(data), module.Dpp.from_bytes(data)
    assert len(ours.requirements) == 2
    for index, (requirement, entry) in enumerate(zip(ours.requirements, other.dependencies.entries, strict=True)):
        assert tuple(requirement) == (
            entry.name.value, _texts(entry.extras), entry.specifier.value, entry.marker.value, entry.url.value,
        )  # fmt: skip
        bounds = [item.raw for item in entry.bounds.items]
        assert ours.specifier_bounds(index) == tuple(zip(bounds[::2], bounds[1::2], strict=True))
        assert entry.uses_extra == ("extra" in requirement.marker)
    assert _texts(other.dependencies.entries[1].exact) == ("1.0",)


def test_both_readers_see_the_same_code(module: ModuleType, data: bytes) -> None:
    ours, other = DppPackage.from_bytes(data), module.Dpp.from_bytes(data)
    found = [
        (
            other.files.entries[entry.file].path, entry.soname.value, _texts(entry.needed), _texts(entry.rpaths),
            entry.is_inside,
        )
        for entry in other.natives.entries
    ]  # fmt: skip
    assert found == [tuple(native) for native in ours.native]
    assert other.header.has_bytecode == bool(ours.flags & layout.BYTECODE)
    if other.header.has_bytecode:
        codes = [
            (other.files.entries[entry.file].path, entry.cache_tag.value, entry.pyc.raw)
            for entry in other.bytecode.entries
        ]
        assert codes == [(path, tag, bytes(pyc)) for path, tag, pyc in ours.iter_bytecode()]


@pytest.mark.parametrize("position", [0, 3, 4, 7, 9, 13, 17, 21, 25, 29])
def test_the_second_reader_refuses_a_damaged_header_too(module: ModuleType, data: bytes, position: int) -> None:
    error = importlib.import_module("kaitaistruct").KaitaiStructError
    damaged = data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]
    with pytest.raises((error, EOFError)):
        _read_sections(module.Dpp.from_bytes(damaged))
    with pytest.raises(FormatError):
        DppPackage.from_bytes(damaged).verify()


def _read_sections(other: Any) -> list[object]:
    """Read what the second reader leaves until it is asked."""
    return [other.metadata, other.files, other.dependencies, other.natives, other.bytecode]


@pytest.mark.docs
def test_the_page_names_every_field_and_size() -> None:
    page = (SPEC / "dpp.md").read_text(encoding="utf-8")
    for kind in (
        layout.METADATA_SECTION, layout.FILES_SECTION, layout.DEPENDENCY_SECTION, layout.NATIVE_SECTION,
        layout.BYTECODE_SECTION,
    ):  # fmt: skip
        assert f"`{kind.tag.decode()}`" in page
        assert f"{kind.entry.size} bytes" in page, kind.name
    for scheme in layout.SCHEMES:
        assert scheme in page
