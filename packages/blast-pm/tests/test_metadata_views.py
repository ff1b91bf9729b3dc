"""What is remembered of projects for targets: few rows read, none believed that doesn't belong."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blast_core.interpreter import Target
from blast_core.version import specifier_mask
from blast_pm.index.client import PyPiClient
from blast_pm.index.default import make_location
from blast_pm.metadata.policy import FilePolicy
from blast_pm.metadata.source import RegistryMetadata
from blast_pm.metadata.store import Database
from blast_pm.testing import StaticIndex, make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LINUX = Target("linux-py311", "3.11.99", {"python_version": "3.11", "sys_platform": "linux"}, ("py3-none-any",))
WINDOWS = Target("win-py312", "3.12.99", {"python_version": "3.12", "sys_platform": "win32"}, ("py3-none-any",))
BOTH = (LINUX, WINDOWS)


class CountingDatabase(Database):
    """Notes the first letter of the key of every row that is read from ``pages``, and the name of other databases."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.reads: list[str] = []

    def read(self, database: str, key: bytes, decode: Callable[[memoryview], object]) -> object:  # type: ignore[override]
        self.reads.append(key[:1].decode() if database == "pages" else database)
        return super().read(database, key, decode)


class Shop:
    """An index with one project, and sources on one database, each as a command of its own."""

    def __init__(self, directory: Path, index: StaticIndex) -> None:
        self.index = index
        self.database = CountingDatabase(str(directory / "home" / "store" / "meta.lmdb"))
        self._clients: list[PyPiClient] = []

    def source(
        self, targets: tuple[Target, ...] = BOTH, *, offline: bool = True, **options: object
    ) -> RegistryMetadata:
        self.settle()
        client = PyPiClient([make_location("test", self.index.url)], database=self.database, offline=offline)
        self._clients.append(client)
        self.database.reads.clear()
        return RegistryMetadata(client, self.database, targets, prefetch=False, **options)  # type: ignore[arg-type]

    def settle(self) -> None:
        for client in self._clients:
            client.close()
        self._clients.clear()

    def rows(self, letter: bytes) -> list[tuple[bytes, bytes]]:
        self.settle()
        return [(key, value) for key, value in self.database.items("pages") if key.startswith(letter)]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    make_wheel(directory, "thing", "1.0", ["other>=1"])
    make_wheel(directory, "thing", "2.0", ["other>=2; sys_platform == 'win32'"], requires_python=">=3.12")
    make_sdist(directory, "thing", "3.0")
    return directory


@pytest.fixture
def shop(tmp_path: Path, wheels: Path) -> Iterator[Shop]:
    with StaticIndex(wheels) as index:
        shop = Shop(tmp_path, index)
        yield shop
        shop.settle()
        shop.database.close()


def _look(source: RegistryMetadata) -> tuple[object, ...]:
    record = source.project("thing")
    needs = tuple(source.dependencies("thing", version) for version in ("1.0", "2.0"))
    files = tuple(tuple(record.files[position]) for position in (0, 1))
    masks = tuple(specifier_mask(f">={number}", record.table) for number in range(9))
    return record._replace(files=()), record.usable_by, needs, files, masks


def test_each_target_has_its_versions(shop: Shop) -> None:
    record = shop.source(offline=False).project("thing")
    assert record.table.texts == ("1.0", "2.0", "3.0")
    assert record.usable_by == ((0b01, 0b001), (0b10, 0b011))
    assert record.usable == 0b011
    assert shop.source(builds=True).project("thing").usable_by == ((0b01, 0b101), (0b10, 0b111))


def test_warm_project_is_two_rows(shop: Shop) -> None:
    first = _look(shop.source(offline=False))
    assert _look(shop.source()) == first
    assert shop.database.reads == ["p", "u"]


def test_what_one_command_needs_anew_the_next_finds_beside_the_rest(shop: Shop) -> None:
    shop.source(offline=False).dependencies("thing", "1.0")
    assert len(shop.rows(b"u")) == 1
    source = shop.source(offline=False)
    source.dependencies("thing", "1.0")
    assert shop.database.reads == ["p", "u"]
    source.dependencies("thing", "2.0")
    source = shop.source()
    source.dependencies("thing", "1.0")
    source.dependencies("thing", "2.0")
    assert shop.database.reads == ["p", "u"]


def test_an_explanation_remembers_no_files(shop: Shop) -> None:
    source = shop.source(offline=False)
    assert [len(files) for files in source.project("thing").files] == [1, 1, 1]
    ((_, row),) = shop.rows(b"u")
    assert marshal.loads(row)[-3] == {}


def test_nothing_is_written_where_nothing_was_learned(shop: Shop) -> None:
    first = _look(shop.source(offline=False))
    before = shop.rows(b"u")
    source = shop.source()
    assert _look(source) == first
    source._store.put = None  # type: ignore[assignment,method-assign]
    shop.settle()
    assert shop.rows(b"u") == before


def test_targets_and_builds_have_rows_of_their_own(shop: Shop) -> None:
    for targets, builds in ((BOTH, False), ((LINUX,), False), ((WINDOWS, LINUX), False), (BOTH, True)):
        shop.source(targets, offline=False, builds=builds).project("thing")
    assert len(shop.rows(b"u")) == 4


def test_policies_share_a_row_and_are_told_apart(shop: Shop) -> None:
    old, new = FilePolicy(cutoff="2000-01-01T00:00:00"), FilePolicy(cutoff="2100-01-01T00:00:00")
    for _ in range(2):
        for policy, refused in ((old, 0b111), (None, 0), (new, 0b111)):
            # The index gives no times: no file counts as old enough.
            record = shop.source(offline=False, files=policy).project("thing")
            assert (record.refused, bool(record.usable)) == (refused, not refused)
            assert [len(files) for files in record.files] == ([0, 0, 0] if refused else [1, 1, 1])
    assert len(shop.rows(b"u")) == 2


def _spoil(kind: str, row: bytes) -> bytes:
    fields = marshal.loads(row)
    return {
        "older-schema": marshal.dumps((1, *fields[1:])),
        "another-page": marshal.dumps((fields[0], b"elsewhe.", *fields[2:])),
        "too-short": marshal.dumps(fields[:-1]),
        "no-tuple": marshal.dumps([*fields]),
        "cut": row[: len(row) // 2],
        "empty": b"",
    }[kind]


KINDS = ("older-schema", "another-page", "too-short", "no-tuple", "cut", "empty")


@pytest.mark.parametrize(
    ("letter", "kind"),
    [*((row, kind) for row in (b"u", b"v") for kind in KINDS), (b"p", "older-schema"), (b"p", "cut")],
)
def test_a_row_that_does_not_belong_is_made_anew(shop: Shop, letter: bytes, kind: str) -> None:
    first = _look(shop.source(offline=False))
    ((key, row),) = shop.rows(letter)
    spoiled = _spoil(kind, row)
    shop.database.put("pages", key, spoiled)
    if letter == b"v":
        # Only a new look at the page needs it, and then the page has to be fetched again.
        ((other, _),) = shop.rows(b"u")
        shop.database.delete("pages", other)
        ((head, _),) = shop.rows(b"p")
        shop.database.delete("pages", head)
    assert _look(shop.source(offline=letter == b"u")) == first
    ((_, mended),) = shop.rows(letter)
    assert mended not in (spoiled, b"")
    assert _look(shop.source()) == first


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(data=st.data())
def test_any_damage_costs_time_alone(shop: Shop, data: st.DataObject) -> None:
    first = _look(shop.source(offline=False))
    ((key, row),) = shop.rows(b"u")
    damaged = bytearray(row)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    # Behind the database's back: its seal tells.
    shared = shop.database._open()
    assert shared._env is not None
    with shared._env.begin(write=True, db=shared._handles["pages"]) as transaction:
        stored = transaction.get(key) or b""
        transaction.put(key, bytes(damaged) + stored[len(row) :])
    assert _look(shop.source()) == first
