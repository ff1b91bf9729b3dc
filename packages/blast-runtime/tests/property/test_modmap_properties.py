"""A module map says what went in, to us and to a reader made from its page, and damage is noticed before any answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from blast_core.testing import kaitai_reader
from blast_runtime.modmap import CHECK_PRIME, MODULE, PACKAGE, PORTION, MapError, ModuleMap, fnv1a64, normalized
from blast_runtime.modmap_builder import MappedDistribution, write_map

pytestmark = pytest.mark.property

PAGE = Path(__file__).resolve().parents[4] / "docs" / "spec" / "dpm.ksy"
FILE = "made"

words = st.text(st.characters(codec="utf-8", exclude_characters="/\0."), min_size=1, max_size=8)
paths = st.lists(words, max_size=3).map("/".join)
suffixes = st.sampled_from([".py", ".pyc", ".so", ".abi3.so", ".cpython-312-x86_64-linux-gnu.so"])
tops = st.one_of(
    st.tuples(words, st.sampled_from([MODULE, PACKAGE]), paths, suffixes),
    st.tuples(words, st.just(PORTION), paths, st.just("")),
)


@st.composite
def members(draw: st.DrawFn) -> list[MappedDistribution]:
    names = draw(st.lists(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True), max_size=6))
    found: dict[str, MappedDistribution] = {}
    shared = draw(st.lists(tops, max_size=4))
    for name in names:
        rows = draw(st.lists(st.one_of(tops, st.sampled_from(shared)) if shared else tops, max_size=6))
        # Some of them have children that are to be decided in the map.
        rows += [(f"{row[0]}.child", PACKAGE, f"{row[2]}/child", ".py") for row in rows[:2] if row[1] != MODULE]
        made = MappedDistribution(
            name,
            draw(words),
            "/" + draw(paths),
            draw(words) + ".dist-info",
            rows,
            draw(st.lists(st.tuples(paths, words), max_size=2)),
            draw(st.dictionaries(words, st.binary(max_size=9), max_size=2)),
        )
        found[made.key] = made
    return list(found.values())


def joined(directory: str, below: str) -> str:
    return f"{directory}/{below}" if below else directory


def check_same(read: ModuleMap, made: list[MappedDistribution], roots: list[str]) -> None:
    made = sorted(made, key=lambda one: one.key)
    rows = read.distributions()
    assert [(one.key, one.name, one.version, one.directory, one.dist_info) for one in rows] == [
        (one.key, one.name, one.version, one.directory, one.dist_info) for one in made
    ]
    assert [row.texts() for row in rows] == [one.texts for one in made]
    wanted: dict[str, set[tuple[int, int, str, str]]] = {}
    for owner, one in enumerate(made):
        for name, kind, below, suffix in one.modules:
            wanted.setdefault(name, set()).add((owner, kind, joined(one.directory, below), suffix))
    assert list(read.names()) == sorted(wanted, key=str.encode)
    for name, places in wanted.items():
        found = [(place.distribution, place.kind, place.directory, place.suffix) for place in read.find(name)]
        assert len(found) == len({*found})
        assert {*found} == places
        assert [owner for owner, *_ in found] == sorted(owner for owner, *_ in found)
    assert read.merged() == tuple(sorted({n.rpartition(".")[0] for n in wanted} - {""}, key=str.encode))
    assert read.roots() == tuple(sorted(roots))
    files: dict[str, str] = {}
    for one in made:
        for below, name in one.path_files:
            files.setdefault(name, joined(one.directory, below))
    assert [(name, place) for place, name in read.path_files()] == sorted(files.items())


@settings(max_examples=80, deadline=None)
@given(members(), st.lists(words, max_size=2, unique=True))
def test_a_map_says_what_went_in(made: list[MappedDistribution], roots: list[str]) -> None:
    data = write_map(made, roots)
    check_same(ModuleMap(FILE, data), made, roots)
    assert write_map(made[::-1], roots[::-1]) == data


@settings(max_examples=80, deadline=None)
@given(members(), st.text(max_size=12))
def test_a_name_that_nobody_brings_is_not_found(made: list[MappedDistribution], name: str) -> None:
    assume(all(name != row[0] for one in made for row in one.modules))
    assume(name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name))
    assert ModuleMap(FILE, write_map(made)).find(name) == ()


@settings(max_examples=80, deadline=None)
@given(members(), st.data())
def test_distributions_are_found_by_any_spelling(made: list[MappedDistribution], data: st.DataObject) -> None:
    read = ModuleMap(FILE, write_map(made))
    for one in made:
        spelled = one.name.upper().replace("-", data.draw(st.sampled_from(["-", "_", ".", "-_-"])))
        found = read.find_distribution(spelled)
        assert found is not None
        assert found.key == normalized(one.name)
    assert read.find_distribution("no-such-thing-here") is None


@settings(max_examples=150, deadline=None)
@given(members(), st.data())
def test_any_changed_byte_is_noticed(made: list[MappedDistribution], data: st.DataObject) -> None:
    """The whole map is refused: nothing of a damaged one is ever answered."""
    good = write_map(made)
    place = data.draw(st.integers(0, len(good) - 1))
    value = data.draw(st.integers(0, 255))
    assume(value != good[place])
    with pytest.raises(MapError, match=FILE):
        ModuleMap(FILE, good[:place] + bytes([value]) + good[place + 1 :])


@settings(max_examples=80, deadline=None)
@given(members(), st.data())
def test_a_map_that_was_cut_or_grew_is_refused(made: list[MappedDistribution], data: st.DataObject) -> None:
    good = write_map(made)
    cut = data.draw(st.integers(0, len(good) - 1))
    with pytest.raises(MapError):
        ModuleMap(FILE, good[:cut])
    with pytest.raises(MapError):
        ModuleMap(FILE, good + data.draw(st.binary(min_size=1, max_size=9)))


def sealed(data: bytes) -> bytes:
    return data + (int.from_bytes(data, "little") % CHECK_PRIME).to_bytes(4, "little")


@settings(max_examples=150, deadline=None)
@given(members(), st.data())
def test_a_forged_map_answers_or_is_refused(made: list[MappedDistribution], data: st.DataObject) -> None:
    """Even with a right checksum nothing outside of the map is read, and no lookup goes on for ever."""
    body = bytearray(write_map(made)[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(3, len(body) // 4 - 1)) * 4
        body[place : place + 4] = data.draw(st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1))).to_bytes(
            4, "little"
        )
    try:
        read = ModuleMap(FILE, sealed(bytes(body)))
        for name in read.names():
            read.find(name)
        read.find("numpy")
        read.find_distribution("numpy")
        read.path_files()
        read.merged()
        read.roots()
        for row in read.distributions():
            row.texts()
    except MapError:
        pass


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_map_or_refused(data: bytes) -> None:
    for content in (data, b"DPM1\1\0\0\0" + data, b"DPM1\1\0\0\0" + (len(data) + 12).to_bytes(4, "little") + data):
        with pytest.raises(MapError):
            ModuleMap(FILE, content)


def check_second_reader(data: bytes) -> None:
    ours = ModuleMap(FILE, data)
    read: Any = kaitai_reader(PAGE).Dpm.from_bytes(data)
    assert read.checksum == int.from_bytes(data[:-4], "little") % CHECK_PRIME
    assert tuple(root.value for root in read.roots) == ours.roots()
    assert tuple(package.value for package in read.merged) == ours.merged()
    assert [
        (one.key.value, one.name.value, one.version.value, one.directory.value, one.dist_info.value)
        for one in read.distributions
    ] == [(one.key, one.name, one.version, one.directory, one.dist_info) for one in ours.distributions()]
    for one, row in zip(read.distributions, ours.distributions(), strict=True):
        texts = read.texts[one.first_text : one.first_text + one.num_texts]
        assert {text.name.value: text.content.value for text in texts} == row.texts()
    assert [name.name.value for name in read.names] == list(ours.names())
    for number, name in enumerate(read.names):
        assert name.hash == fnv1a64(name.name.value.encode())
        slot = name.hash % len(read.slots)
        while read.slots[slot] != number + 1:
            assert read.slots[slot]
            slot = (slot + 1) % len(read.slots)
        places = read.places[name.first_place : name.first_place + name.num_places]
        assert [
            (
                place.kind.value,
                place.distribution,
                joined(read.distributions[place.distribution].directory.value, place.directory.value),
                place.suffix.value,
            )
            for place in places
        ] == [(one.kind, one.distribution, one.directory, one.suffix) for one in ours.find(name.name.value)]
    assert [
        (joined(read.distributions[file.distribution].directory.value, file.directory.value), file.name.value)
        for file in read.path_files
    ] == list(ours.path_files())


@settings(max_examples=40, deadline=None)
@given(members(), st.lists(words, max_size=2, unique=True))
def test_a_second_reader_reads_any_map(made: list[MappedDistribution], roots: list[str]) -> None:
    check_second_reader(write_map(made, roots))
