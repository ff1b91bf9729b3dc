"""Which distributions may be linked by their top-level entries alone, as far as the wheel can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.elf import ElfFacts
from blast_core.formats.dpp import layout
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.testing_elf import make_elf
from blast_core.testing_wheels import DEFLATED, STORED, Member, WheelRecipe, build_wheel

if TYPE_CHECKING:
    from pathlib import Path

INIT = Member("sample/__init__.py", b"")
PKGUTIL = b"__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
PKG_RESOURCES = b"__import__('pkg_resources').declare_namespace(__name__)\n"


def _library(path: str, *rpaths: str, method: int = DEFLATED) -> Member:
    return Member(path, make_elf(ElfFacts("", ("libc.so.6",), rpaths)), method)


def _open(folder: Path, *members: Member) -> DppPackage:
    recipe = WheelRecipe(files=list(members), purelib=False)
    (folder / recipe.filename).write_bytes(build_wheel(recipe))
    convert_wheel(str(folder / recipe.filename), str(folder / "x.dpp"))
    return DppPackage.from_bytes((folder / "x.dpp").read_bytes())


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([INIT], id="a package"),
        pytest.param([Member("single.py", b"")], id="a module"),
        pytest.param([INIT, Member("sample/data/x.txt", b"")], id="a package with a folder of data"),
        pytest.param([INIT, _library("sample/x.so")], id="no rpath"),
        pytest.param([INIT, _library("sample/x.so", "/usr/local/lib")], id="an absolute rpath"),
        pytest.param([INIT, _library("sample/x.so", "$ORIGIN")], id="beside itself"),
        pytest.param([INIT, _library("sample/x.so", "${ORIGIN}/lib/"), _library("sample/lib/y.so")], id="below itself"),
        pytest.param([INIT, Member("sample-1.0.data/scripts/run", b"")], id="a script"),
    ],
)
def test_may_be_folded(members: list[Member], tmp_path: Path) -> None:
    package = _open(tmp_path, *members)
    assert package.foldable
    assert all(native.inside for native in package.native)
    package.verify()


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([Member("google/cloud/__init__.py", b"")], id="a namespace without __init__"),
        pytest.param([Member("sample/__init__.py", PKGUTIL)], id="a pkgutil namespace"),
        pytest.param([Member("sample/__init__.py", PKG_RESOURCES)], id="a pkg_resources namespace"),
        pytest.param([INIT, Member("sample.libs/x.so", b"")], id="a folder of libraries"),
        pytest.param([Member("cmeel.prefix/__init__.py", b"")], id="a prefix"),
        pytest.param([Member("sample-1.0.data/purelib/extra/__init__.py", b"")], id="two trees"),
        pytest.param([INIT, _library("sample/x.so", "$ORIGIN/../torch/lib")], id="looks at another distribution"),
        pytest.param([INIT, _library("sample/x.so", "$ORIGIN/..")], id="looks at site-packages"),
        pytest.param([INIT, _library("sample/x.so", "$ORIGIN/../../..")], id="looks above site-packages"),
        pytest.param([INIT, _library("sample/x.so", "$ORIGIN", "$ORIGIN/../y")], id="one of two entries"),
        pytest.param([_library("x.so", "$ORIGIN")], id="a module that looks beside itself"),
    ],
)
def test_has_to_be_looked_at_closer(members: list[Member], tmp_path: Path) -> None:
    assert not _open(tmp_path, *members).foldable


def test_native_facts_are_kept(tmp_path: Path) -> None:
    facts = ElfFacts("libs.so.2", ("libc.so.6", "libm.so.6"), ("$ORIGIN/../s.libs", "/opt"))
    package = _open(tmp_path, INIT, Member("sample/s.so", make_elf(facts), DEFLATED), Member("s.libs/t.so", b""))
    (native,) = package.native
    assert (native.path, native.soname, native.needed, native.rpaths) == ("sample/s.so", *facts)
    assert native.inside
    assert package.flags & layout.NATIVE
    assert [file.path for file in package.files if file.flags & layout.ELF] == ["sample/s.so"]


def test_namespace_declarations_are_marked_at_any_depth(tmp_path: Path) -> None:
    package = _open(tmp_path, INIT, Member("sample/ns/__init__.py", PKGUTIL), Member("sample/pkgutil.py", PKGUTIL))
    assert [file.path for file in package.files if file.flags & layout.NAMESPACE_INIT] == ["sample/ns/__init__.py"]


def test_a_broken_library_is_a_file_as_any(tmp_path: Path) -> None:
    package = _open(tmp_path, INIT, Member("sample/broken.so", b"\x7fELF" + b"\xff" * 200))
    assert package.native == ()
    assert package.foldable


def test_libraries_of_data_and_scripts_are_placed_below_the_prefix(tmp_path: Path) -> None:
    package = _open(
        tmp_path,
        INIT,
        _library("sample-1.0.data/scripts/tool", "$ORIGIN/../lib"),
        Member("sample-1.0.data/data/lib/z.so", b""),
    )
    assert package.native[0].inside
    assert package.foldable


@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_large_libraries_are_read_without_holding_them(
    method: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blast_core.archive.contents.MEMBER_IN_MEMORY", 16)
    facts = ElfFacts("libs.so.2", ("libc.so.6",), ("$ORIGIN",))
    library = Member("sample/s.so", make_elf(facts) + bytes(3 << 20), method)
    (native,) = _open(tmp_path, INIT, library).native
    assert (native.soname, native.needed, native.rpaths) == tuple(facts)
