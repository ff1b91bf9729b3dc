"""Any damage to a container gives FormatError or reads that are verified equal: no crash, no hang, no wrong answer."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.digests import blake3_digest
from blast_core.errors import FormatError
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.formats.dpp.text import inspect_json
from blast_core.testing_wheels import DEFLATED, Member, WheelRecipe, build_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECIPE = WheelRecipe(
    files=[Member("s/__init__.py", b"x = 1\n" * 20, DEFLATED), Member("s/b.bin", bytes(range(9)))],
    requires=("click>=8 ; extra == 'e'",),
    extras=("e",),
    entry_points="[console_scripts]\nr = s:m\n",
)


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("mutations")
    (folder / RECIPE.filename).write_bytes(build_wheel(RECIPE))
    convert_wheel(str(folder / RECIPE.filename), str(folder / "x.dpp"))
    return (folder / "x.dpp").read_bytes()


def _read_all(data: bytes) -> tuple[dict[str, object], list[bytes], list[Any]]:
    package = DppPackage.from_bytes(data)
    package.verify()
    return inspect_json(package), [package.read(file) for file in package.files], [*package.requirements]


MUTATIONS: dict[str, Callable[[bytes, int], bytes]] = {
    "all bits flipped": lambda data, at: data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :],
    "lowest bit flipped": lambda data, at: data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :],
    "highest bit flipped": lambda data, at: data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1 :],
    "cut": lambda data, at: data[:at],
    "byte inserted": lambda data, at: data[:at] + b"\0" + data[at:],
    "unit inserted": lambda data, at: data[:at] + bytes(16) + data[at:],
    "byte removed": lambda data, at: data[:at] + data[at + 1 :],
}


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
def test_every_single_change_is_noticed(container: bytes, mutate: Callable[[bytes, int], bytes]) -> None:
    wanted = _read_all(container)
    survived = []
    for position in range(len(container)):
        try:
            found = _read_all(mutate(container, position))
        except FormatError:
            continue
        assert found == wanted, position
        survived.append(position)
    # The header has no byte without a meaning, and the digest covers the rest.
    assert survived == []


def test_bytes_behind_the_end_are_noticed(container: bytes) -> None:
    for extra in (b"\0", bytes(16), bytes(4096)):
        with pytest.raises(FormatError):
            DppPackage.from_bytes(container + extra)


def _seal(data: bytes) -> bytes:
    return data[:32] + blake3_digest(data[64:]) + data[64:]


@pytest.mark.parametrize("value", [0x00, 0x01, 0x7F, 0xFF])
def test_damage_with_a_right_digest_never_crashes(container: bytes, value: int) -> None:
    """Whoever writes a container can give it any digest, so the structure is checked as if there were none."""
    for position in range(64, len(container)):
        data = _seal(container[:position] + bytes([value]) + container[position + 1 :])
        try:
            _read_all(data)
        except FormatError:
            continue


def test_random_damage_with_a_right_digest_never_crashes(container: bytes) -> None:
    source = random.Random(20261121)
    for _ in range(3000):
        data = bytearray(container)
        for _ in range(source.randint(1, 8)):
            data[source.randrange(len(data))] = source.randrange(256)
        try:
            _read_all(_seal(bytes(data)))
        except FormatError:
            continue


def test_random_bytes_behind_a_header_never_crash(container: bytes) -> None:
    source = random.Random(7)
    for _ in range(500):
        data = container[:32] + bytes(32) + source.randbytes(len(container) - 64)
        with pytest.raises(FormatError):
            _read_all(_seal(data))


@pytest.mark.parametrize(
    ("path", "hostile", "words"),
    [
        pytest.param("scripts/sleepy", "scripts/python", "python", id="the interpreter"),
        pytest.param("data/bin/sleepy", "data/bin/python", "python", id="the interpreter, as data"),
        pytest.param("data/notices.c", "data/.blast/xy", "file of the environment", id="a file of the environment"),
        pytest.param("headers/h.h", "forgery/h.h", "no known scheme", id="no scheme"),
        pytest.param("purelib/s2/m.py", "purelib/s/b.bin", "once installed", id="two at one place"),
        pytest.param("purelib/o-1.ordinarys/x", "purelib/o-1.dist-info/x", ".dist-info directory", id="metadata"),
    ],
)
def test_rules_of_installing_count_for_containers_too(path: str, hostile: str, words: str, tmp_path: Path) -> None:
    """What a wheel is refused for, a container with a right digest is."""
    files = [*RECIPE.files, Member(f"sample-1.0.data/{path}", b"content")]
    recipe = WheelRecipe(files=files)
    (tmp_path / recipe.filename).write_bytes(build_wheel(recipe))
    convert_wheel(str(tmp_path / recipe.filename), str(tmp_path / "x.dpp"))
    data = (tmp_path / "x.dpp").read_bytes()
    DppPackage.from_bytes(data).verify()
    assert len(path) == len(hostile)
    forged = data.replace(f".data/{path}".encode(), f".data/{hostile}".encode())
    assert forged != data
    with pytest.raises(FormatError) as caught:
        DppPackage.from_bytes(_seal(forged)).verify()
    assert words in f"{caught.value} {caught.value.reason} {caught.value.details}"
