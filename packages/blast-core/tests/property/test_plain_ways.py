"""What is ordinary takes a short way through the checks; it leads where the long way leads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.archive import record
from blast_core.archive import zip as archives
from blast_core.archive.paths import are_plain, path_fault, tree_fault
from blast_core.archive.record import parse_record, read_record, reconcile
from blast_core.archive.source import BytesSource
from blast_core.archive.zip import DEFLATED, STORED, read_archive
from blast_core.archive.zip_end import find_directory
from blast_core.errors import ArchiveRejected
from blast_core.testing_wheels import Member, WheelRecipe, build_wheel, wheel_recipes, write_zip

pytestmark = pytest.mark.property

_PARTS = st.sampled_from(["a", "b", ".", "..", "", "a.py", "C:", "é", "x" * 200, "a\\b", "a\nb", "a\tb", "__init__.py"])
_PATHS = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)


@given(st.lists(_PATHS, max_size=5))
@settings(max_examples=300, deadline=None)
def test_plain_paths_have_no_fault(found: list[str]) -> None:
    if are_plain(found):
        assert [path_fault(path) for path in found] == [""] * len(found)


def test_ordinary_paths_are_plain() -> None:
    assert are_plain(["sample/__init__.py", "sample/sub/", "sample-1.0.dist-info/METADATA", "ab"])
    assert not are_plain([])
    assert not are_plain(["ab", "a" * 256])
    assert not are_plain(["ab", "/".join("a" * 65)])


@given(st.lists(st.sampled_from(["a", "a/b", "a/b/c", "b", "c/d/e/f", "c/d", "d"]), max_size=6))
@settings(max_examples=300, deadline=None)
def test_trees(found: list[str]) -> None:
    folders = {path[:place] for path in found for place, sign in enumerate(path) if sign == "/"}
    is_faulty = len(set(found)) < len(found) or bool(folders & set(found))
    assert bool(tree_fault(found)) == is_faulty
    if found:
        assert bool(tree_fault(found[1:], found[:1])) == bool(
            len(set(found[1:])) < len(found) - 1 or (folders | {found[0]}) & set(found[1:])
        )


def _read(content: bytes, *, plainly: bool) -> object:
    with pytest.MonkeyPatch.context() as patch:
        if not plainly:
            patch.setattr(archives, "_read_plain", lambda *_: None)
        try:
            return read_archive(content).members
        except ArchiveRejected as error:
            return error.reason


_MEMBERS = st.lists(
    st.builds(
        Member,
        st.sampled_from(["a/b.py", "a/", "c.txt", "d/e/f.so", "é.txt", "../x", "c.txt/x", "g"]),
        st.just(b"") | st.binary(max_size=40),
        st.sampled_from([STORED, DEFLATED, DEFLATED, 9]),
        st.sampled_from([0, 0o100644, 0o100755, 0o040755, 0o120777]),
        st.sampled_from([0, 0, 0, 8, 1, 0x802]),
        central=st.sampled_from([{}, {}, {}, {"crc": 1}, {"raw": 3}, {"offset": 2}, {"disk": 1}, {"extra": b"x"}]),
        local=st.sampled_from([{}, {}, {}, {"name": b"z/y"}, {"extra": b"UT\1\0x"}, {"stored": 1}]),
    ),
    max_size=4,
)


@given(
    _MEMBERS, st.sampled_from([b"", b"x"]), st.lists(st.tuples(st.integers(0, 999), st.integers(1, 255)), max_size=2)
)
@settings(max_examples=300, deadline=None)
def test_archives(members: list[Member], gap: bytes, changes: list[tuple[int, int]]) -> None:
    content = bytearray(write_zip(members, gap=gap))
    for place, difference in changes:
        content[place % len(content)] ^= difference
    assert _read(bytes(content), plainly=True) == _read(bytes(content), plainly=False)


def test_ordinary_archives_take_the_short_way() -> None:
    content = build_wheel(WheelRecipe(files=[Member("a/", mode=0o040755), Member("a/b.py", b"x", DEFLATED, 0o100755)]))
    source = BytesSource(content, "a")
    directory = find_directory(source)
    central = bytes(source.read(directory.offset, directory.size))
    assert archives._read_plain(source, central, directory) == read_archive(content).members


_DIGEST = "sha256=" + "ab-_" * 10 + "xyz"
_ROWS = st.lists(
    st.sampled_from(
        [
            f"a.py,{_DIGEST},1", f"b/c.py,{_DIGEST},22", "s.dist-info/RECORD,,", f"s.dist-info/RECORD,{_DIGEST},5",
            f'"a.py",{_DIGEST},1', f"a.py,{_DIGEST},", f"a.py,{_DIGEST[:-1]},1", f"a.py,{_DIGEST}=,1", "a.py,,",
            f"a.py,{_DIGEST},+1", f"a.py,{_DIGEST},1,", f"é.py,{_DIGEST},1", "", f"b\\c.py,{_DIGEST},22", "b/,,",
            f"a.py,{_DIGEST.replace('-', '+')},1", f"a.py,{_DIGEST.replace('-', '=')},1", f"other,{_DIGEST},1",
            f"a.py,sha512={'A' * 86},1", f"a.py,{_DIGEST},{'9' * 20}", f"a.py,{_DIGEST},٣",
        ]
    ),
    max_size=5,
)  # fmt: skip


_FILES = st.sets(st.sampled_from(["a.py", "b/c.py", "é.py"]))


@given(_ROWS, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([0, 1, 2]), _FILES)
@settings(max_examples=500, deadline=None)
def test_records(rows: list[str], end: str, ends: int, files: set[str]) -> None:
    content = (end.join(rows) + end * ends).encode()
    members = {path: path for path in (*files, "s.dist-info/RECORD")}

    def read(how: object) -> object:
        try:
            return how()  # type: ignore[operator]
        except ValueError as error:
            return str(error)

    found = read(lambda: read_record(content, members, "s.dist-info"))
    assert found == read(lambda: reconcile(parse_record(content), members, "s.dist-info"))


@given(wheel_recipes())
@settings(max_examples=100, deadline=None)
def test_records_of_wheels_take_the_short_way(recipe: WheelRecipe) -> None:
    members = recipe.members()
    names = {str(member.name): str(member.name) for member in members}
    content = members[-1].content
    plain = record._read_plain(content, names, f"{recipe.info}/RECORD,,")
    assert plain is not None or b'"' in content
    rows = reconcile(parse_record(content), names, recipe.info).rows
    assert rows == read_record(content, names, recipe.info).rows
    assert plain in (None, rows)
