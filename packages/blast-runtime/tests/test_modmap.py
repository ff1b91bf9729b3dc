"""Module maps: lookups, what is refused and how that reads, and what reading one costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from blast_runtime.modmap import MODULE, PACKAGE, PORTION, VERSION, MapError, ModuleMap, fnv1a64, normalized
from blast_runtime.modmap_builder import MappedDistribution, write_map

SOURCE = Path(__file__).resolve().parents[1] / "src"


def member(name: str, *rows: tuple[str, int, str, str], version: str = "1.0") -> MappedDistribution:
    return MappedDistribution(name, version, f"/store/{name}", f"{name}-{version}.dist-info", rows)


def test_finds_the_places_of_a_name_by_the_distributions_names() -> None:
    data = write_map(
        [
            member("zoo", ("animals", PORTION, "animals", "")),
            member("Ape", ("animals", PACKAGE, "animals", ".py"), ("ape", MODULE, "", ".py")),
        ]
    )
    read = ModuleMap("map", data)
    found = [(place.kind, place.directory, place.suffix, place.distribution) for place in read.find("animals")]
    assert found == [(PACKAGE, "/store/Ape/animals", ".py", 0), (PORTION, "/store/zoo/animals", "", 1)]
    assert [place.directory for place in read.find("ape")] == ["/store/Ape"]
    assert read.find("apes") == ()


def test_an_empty_map_answers_nothing() -> None:
    read = ModuleMap("map", write_map([]))
    assert read.find("a") == ()
    assert read.find("") == ()
    assert read.distributions() == ()
    assert read.find_distribution("a") is None


def test_a_path_that_is_no_utf8_comes_back_as_it_was() -> None:
    odd = "/store/\udce9"
    made = MappedDistribution("a", "1", odd, "a-1.dist-info", [("a", PACKAGE, "a", ".py")])
    read = ModuleMap("map", write_map([made]))
    assert read.find("a")[0].directory == f"{odd}/a"


def test_texts_are_bytes_of_one_distribution() -> None:
    made = MappedDistribution("a", "1", "/a", "a-1.dist-info", (), (), {"REQUESTED": b"", "direct_url.json": b"\xff{}"})
    read = ModuleMap("map", write_map([made, member("b")]))
    assert [row.texts() for row in read.distributions()] == [{"REQUESTED": b"", "direct_url.json": b"\xff{}"}, {}]


@pytest.mark.parametrize(
    ("spelled", "name"),
    [("A.B_c", "a-b-c"), ("a--b__.c", "a-b-c"), ("_a", "-a"), ("a.", "a-"), ("a", "a"), ("", ""), ("-_-", "-")],
)
def test_names_are_normalised_as_pep_503_says(spelled: str, name: str) -> None:
    assert normalized(spelled) == name


def test_the_hash_is_fnv_1a() -> None:
    assert [fnv1a64(text) for text in (b"", b"a", b"foobar")] == [
        0xCBF29CE484222325,
        0xAF63DC4C8601EC8C,
        0x85944171F73967E8,
    ]


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(MapError, match="a distribution stands twice"):
        write_map([member("a.b"), member("A-B")])


def test_a_place_that_is_neither_file_nor_directory_is_refused() -> None:
    for row in (("a", PORTION, "a", ".py"), ("a", MODULE, "", ""), ("a", 3, "", ".py")):
        with pytest.raises(MapError, match="neither module nor package"):
            write_map([member("a", row)])


def test_says_that_a_newer_blast_wrote_it() -> None:
    data = bytearray(write_map([member("a")]))
    data[4:6] = (VERSION + 1).to_bytes(2, "little")
    with pytest.raises(
        MapError, match=r"^the module map /x/map can't be read: a newer Blast wrote it \(version is 2\)$"
    ):
        ModuleMap("/x/map", bytes(data))


@pytest.mark.parametrize(
    ("content", "message", "field"),
    [
        (b"", "it is no module map", "magic"),
        (b"PK\3\4" + bytes(80), "it is no module map", "magic"),
        (b"DPM1\0\0\0\0" + bytes(80), "its version is unknown", "version"),
        (b"DPM1\1\0\1\0" + bytes(80), "its version is unknown", "version"),
        (write_map([])[:-1], "it is cut off", "size"),
        (write_map([])[:-1] + b"\1", "its checksum is wrong", "checksum"),
    ],
)
def test_says_what_is_wrong_with_a_damaged_one(content: bytes, message: str, field: str) -> None:
    with pytest.raises(MapError, match=message) as caught:
        ModuleMap("map", content)
    assert (caught.value.file, caught.value.field) == ("map", field)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ModuleMap(str(tmp_path / "map"))


def test_reading_a_map_imports_nothing_that_an_interpreter_has_not(tmp_path: Path) -> None:
    """Each module more is paid by every program that runs from a map."""
    (tmp_path / "map").write_bytes(write_map([member("a", ("a", PACKAGE, "a", ".py"))]))
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r}); before = {{*sys.modules}}\n"
        "from blast_runtime.bootstrap import activate\n"
        f"activate({str(tmp_path / 'map')!r})\n"
        "print(*sorted({*sys.modules} - before))"
    )
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [
        "blast_runtime",
        "blast_runtime.bootstrap",
        "blast_runtime.finder",
        "blast_runtime.modmap",
    ]
