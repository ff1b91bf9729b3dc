"""The resolver's source: right versions, right file's metadata, by the least that the index can do."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import BuildFailed, DigestMismatch, IntegrityError, InvalidRequirement, ProjectNotFound
from blast_core.interpreter import Target
from blast_core.requirements import parse_requirement
from blast_pm.index.client import PyPiClient
from blast_pm.index.default import make_location
from blast_pm.metadata.source import RegistryMetadata
from blast_pm.metadata.store import Database
from blast_pm.testing import Reply, StaticIndex, make_metadata, make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_pm.index.model import IndexFile

TARGET = Target(
    "linux-x86_64-py311",
    "3.11.4",
    {"python_version": "3.11", "sys_platform": "linux", "extra": ""},
    ("cp311-cp311-manylinux_2_17_x86_64", "py3-none-any"),
)


class World:
    """Indexes, clients and sources over one store, each source as a command of its own."""

    def __init__(self, directory: Path) -> None:
        self.wheels = directory / "wheels"
        self.wheels.mkdir()
        self.database = Database(str(directory / "home" / "store" / "meta.lmdb"))
        self.clients: list[PyPiClient] = []

    def source(self, index: StaticIndex, *, offline: bool = False, **options: object) -> RegistryMetadata:
        """Return a source as a new command makes it; what the one before learned is in the store."""
        self.settle()
        client = PyPiClient(
            [make_location("test", index.url)], database=self.database, offline=offline, sleep=lambda _: None
        )
        self.clients.append(client)
        return RegistryMetadata(client, self.database, (TARGET,), **options)  # type: ignore[arg-type]

    def settle(self) -> None:
        """Close what is open."""
        for client in self.clients:
            client.close()
        self.clients.clear()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.settle()
    made.database.close()


def _texts(mask: int, texts: tuple[str, ...]) -> list[str]:
    return [text for position, text in enumerate(texts) if mask >> position & 1]


def test_project_tells_versions_and_masks(world: World) -> None:
    make_wheel(world.wheels, "Thing", "1.0")
    make_wheel(world.wheels, "Thing", "1.10", tag="cp312-cp312-win32")
    make_wheel(world.wheels, "Thing", "1.9", requires_python=">=3.12")
    make_wheel(world.wheels, "Thing", "2.0rc1")
    make_wheel(world.wheels, "Thing", "1.5", requires_python=">=3.6.*")
    make_sdist(world.wheels, "thing", "0.5")
    yanked = {"thing-1.0-py3-none-any.whl": "", "thing-0.5.tar.gz": "old"}
    with StaticIndex(world.wheels, yanked=yanked) as index:
        record = world.source(index).project("thing")
        texts = record.table.texts
        assert texts == ("0.5", "1.0", "1.5", "1.9", "1.10", "2.0rc1")
        assert _texts(record.usable, texts) == ["1.0", "1.5", "2.0rc1"]
        assert _texts(record.yanked, texts) == ["0.5", "1.0"]
        assert _texts(record.prerelease, texts) == ["2.0rc1"]
        assert [file.filename for file in record.files[0]] == ["thing-0.5.tar.gz"]
        builds = world.source(index, builds=True).project("thing")
        assert _texts(builds.usable, texts) == ["0.5", "1.0", "1.5", "2.0rc1"]
        assert builds.files[5] == record.files[5]


def test_version_is_yanked_only_when_all_its_files_are(world: World) -> None:
    make_wheel(world.wheels, "thing", "1.0")
    make_sdist(world.wheels, "thing", "1.0")
    with StaticIndex(world.wheels, yanked={"thing-1.0.tar.gz": "x"}) as index:
        assert world.source(index).project("thing").yanked == 0


ABILITIES = [
    pytest.param({"announce": True}, [".metadata"], id="announced"),
    pytest.param({"announce": False}, [".metadata"], id="silent-sidecar"),
    pytest.param({"sidecars": False, "announce": False}, [".metadata", ".whl"], id="ranges"),
    pytest.param({"sidecars": False, "announce": True}, [".whl"], id="announced-none"),
    pytest.param({"sidecars": False, "announce": False, "ranges": False}, [".metadata", ".whl", ".whl"], id="whole"),
]


@pytest.mark.parametrize(("abilities", "asked"), ABILITIES)
@pytest.mark.parametrize("json", [True, False], ids=["json", "html"])
def test_metadata_comes_by_what_the_index_can(
    world: World, abilities: dict[str, Any], asked: list[str], json: bool
) -> None:
    needs = ["other[x]>=1.0,<2; python_version > '3'", "Third_Thing"]
    make_wheel(
        world.wheels,
        "thing",
        "1.0",
        needs,
        requires_python=">=3.7",
        extras=["My_Extra"],
        files={"big.bin": os.urandom(200_000)},
    )
    with StaticIndex(world.wheels, json=json, **abilities) as index:
        if not json and abilities == {"sidecars": False, "announce": True}:
            asked = [".metadata", ".whl"]  # HTML has no way to say that there is none
        source = world.source(index, prefetch=False)
        found = source.dependencies("thing", "1.0")
        assert found == tuple(parse_requirement(need) for need in needs)
        assert source.requires_python("thing", "1.0") == ">=3.7"
        assert source.provides_extras("thing", "1.0") == ("my-extra",)
        assert [os.path.splitext(path)[1] for path in index.paths()[1:]] == asked
        index.forget_requests()
        again = world.source(index, offline=True)
        assert again.dependencies("thing", "1.0") == found
        assert again.provides_extras("thing", "1.0") == ("my-extra",)
        assert index.paths() == []
    assert not any((world.wheels.parent / "home").glob("tmp/*")), "nothing is left of a file fetched for its metadata"


def test_range_answers_that_are_wrong_lead_to_the_whole_file(world: World) -> None:
    path = make_wheel(world.wheels, "thing", "1.0", ["other"], files={"big.bin": os.urandom(100_000)})
    with StaticIndex(world.wheels, sidecars=False, announce=False) as index:
        name = index.file_path(os.path.basename(path))
        lies = [
            Reply(206, b"x" * 16384, {"Content-Range": "bytes 0-16383/100000"}),
            Reply(206, b"PK\5\6" + bytes(18), {"Content-Range": "bytes 99978-99999/100000"}),
            Reply(206, b"", {}),
        ]
        for lie in lies:
            index.script(name, lie, Reply(passes=True))
            source = world.source(index, prefetch=False)
            assert source.dependencies("thing", "1.0") == (parse_requirement("other"),)
            world.settle()
            for key, _ in list(world.database.items("metadata")):
                world.database.delete("metadata", key)


def test_sidecars_are_not_asked_for_after_three_misses(world: World) -> None:
    for number in range(6):
        make_wheel(world.wheels, f"thing{number}", "1.0")
    with StaticIndex(world.wheels, json=False, sidecars=False, announce=False) as index:
        source = world.source(index, prefetch=False)
        for number in range(4):
            source.dependencies(f"thing{number}", "1.0")
        assert sum(path.endswith(".metadata") for path in index.paths()) == 3
        world.source(index, prefetch=False).dependencies("thing5", "1.0")
        assert sum(path.endswith(".metadata") for path in index.paths()) == 3, "remembered by the next command"


def test_login_page_in_place_of_a_sidecar_is_no_metadata(world: World) -> None:
    path = make_wheel(world.wheels, "thing", "1.0", ["other"])
    with StaticIndex(world.wheels, json=False, announce=False) as index:
        index.script(f"{index.file_path(os.path.basename(path))}.metadata", Reply(200, b"<html>log in</html>"))
        assert world.source(index).dependencies("thing", "1.0") == (parse_requirement("other"),)


def test_sidecar_with_another_digest_is_refused(world: World) -> None:
    path = make_wheel(world.wheels, "thing", "1.0", ["other"])
    with StaticIndex(world.wheels) as index:
        forged = make_metadata("thing", "1.0", ["evil"])
        index.script(f"{index.file_path(os.path.basename(path))}.metadata", Reply(200, forged))
        with pytest.raises(DigestMismatch, match="metadata of thing"):
            world.source(index).dependencies("thing", "1.0")


def test_digest_of_the_metadata_is_known_for_the_install(world: World) -> None:
    path = make_wheel(world.wheels, "thing", "1.0", ["other"])
    with zipfile.ZipFile(path) as archive:
        import hashlib

        inside = hashlib.sha256(archive.read("thing-1.0.dist-info/METADATA")).digest()
    with StaticIndex(world.wheels) as index:
        assert world.source(index).metadata_digest("thing", "1.0") == inside


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        pytest.param(make_metadata("other", "1.0"), "another project", id="name"),
        pytest.param(make_metadata("thing", "2.0"), "another version", id="version"),
        pytest.param(b"Metadata-Version: 2.1\nName: thing\n\n", "no Version", id="no-version"),
        pytest.param(b"Metadata-Version: 2.1\nName: thing\nName: other\nVersion: 1.0\n", "two Names", id="two-names"),
        pytest.param(b"Metadata-Version: 2.1\nName: thing\na b: c\nVersion: 1.0\n", "no Version", id="cut-short"),
        pytest.param(b"Metadata-Version: 2.1\nName: thing\rVersion: 1.0\rVersion: 2.0\r", "two Versions", id="returns"),
    ],
)
def test_metadata_that_is_not_of_the_file_is_refused(world: World, metadata: bytes, said: str) -> None:
    make_wheel(world.wheels, "thing", "1.0", metadata=metadata)
    with StaticIndex(world.wheels) as index, pytest.raises(IntegrityError, match=said):
        world.source(index).dependencies("thing", "1.0")


def test_requirements_that_cannot_be_read_concern_that_version_only(world: World) -> None:
    make_wheel(world.wheels, "thing", "1.0", ["other"])
    make_wheel(world.wheels, "thing", "2.0", ["!!! what"])
    make_wheel(world.wheels, "thing", "3.0", ["other (>=1.0,)", "third>=1.*", "fourth >=1 <2"])
    with StaticIndex(world.wheels) as index:
        source = world.source(index)
        with pytest.raises(InvalidRequirement, match=r"thing 2\.0"):
            source.dependencies("thing", "2.0")
        assert source.dependencies("thing", "1.0")
        assert [row.specifier for row in source.dependencies("thing", "3.0")] == [">=1.0", ">=1", ">=1,<2"]
        with pytest.raises(InvalidRequirement):
            world.source(index, offline=True).dependencies("thing", "2.0")


def test_the_wheel_for_the_target_stands_for_its_version(world: World) -> None:
    make_wheel(world.wheels, "thing", "1.0", ["windows-only"], tag="cp311-cp311-win32")
    make_wheel(world.wheels, "thing", "1.0", ["plain"])
    make_wheel(world.wheels, "thing", "1.0", ["native"], tag="cp311-cp311-manylinux_2_17_x86_64")
    make_wheel(world.wheels, "thing", "2.0", ["windows-only"], tag="cp311-cp311-win32")
    with StaticIndex(world.wheels) as index:
        source = world.source(index)
        assert [row.name for row in source.dependencies("thing", "1.0")] == ["native"]
        assert [row.name for row in source.dependencies("thing", "2.0")] == ["windows-only"], "for explanations"


def test_source_distribution_with_reliable_metadata_needs_no_build(world: World) -> None:
    make_sdist(world.wheels, "thing", "1.0", metadata=make_metadata("thing", "1.0", ["other"]))
    with StaticIndex(world.wheels) as index:
        source = world.source(index, builds=True)
        assert source.dependencies("thing", "1.0") == (parse_requirement("other"),)
        index.forget_requests()
        world.source(index, builds=True).dependencies("thing", "1.0")
        assert index.paths() == []


DYNAMIC = make_metadata("thing", "1.0", dynamic=["Requires-Dist"])
OLD = make_metadata("thing", "1.0").replace(b"2.2", b"1.2")


@pytest.mark.parametrize("metadata", [DYNAMIC, OLD], ids=["dynamic", "old"])
def test_other_source_distributions_are_built_or_refused(world: World, metadata: bytes) -> None:
    make_sdist(world.wheels, "thing", "1.0", metadata=metadata)
    built: list[IndexFile] = []

    def build(file: IndexFile) -> bytes:
        built.append(file)
        return make_metadata("thing", "1.0", ["needed"])

    with StaticIndex(world.wheels) as index:
        with pytest.raises(BuildFailed, match="known only after building"):
            world.source(index, builds=True).dependencies("thing", "1.0")
        source = world.source(index, build_metadata=build)
        assert source.project("thing").usable
        assert source.dependencies("thing", "1.0") == (parse_requirement("needed"),)
        assert world.source(index, build_metadata=build).dependencies("thing", "1.0")
        assert [file.filename for file in built] == ["thing-1.0.tar.gz"], "built once, then remembered"


def test_unknown_projects_and_versions_are_told(world: World) -> None:
    make_wheel(world.wheels, "thing", "1.0")
    with StaticIndex(world.wheels) as index:
        source = world.source(index)
        source.prefetch(["missing", "../bad", "thing"])
        for name in ("missing", "../bad"):
            with pytest.raises(ProjectNotFound):
                source.project(name)
        for version in ("9", "nonsense"):
            with pytest.raises(ProjectNotFound, match=f"no version {version}"):
                source.dependencies("thing", version)
        assert source.dependencies("thing", "1.0.0") == (), "any spelling of a version"


def test_runs_ahead_of_the_resolver(world: World) -> None:
    make_wheel(world.wheels, "a", "1.0", ["b", "never; sys_platform == 'win32'", "extra-only; extra == 'x'"])
    make_wheel(world.wheels, "b", "1.0", ["c>=1"])
    make_wheel(world.wheels, "c", "1.0")
    make_wheel(world.wheels, "c", "2.0a1")
    make_wheel(world.wheels, "never", "1.0")
    with StaticIndex(world.wheels) as index:
        source = world.source(index)
        source.prefetch(["a"])
        for name in ("a", "b", "c"):
            source.dependencies(name, "1.0")
        asked = index.paths()
        assert len(asked) == len(set(asked)) == 6
        assert not any("never" in path or "extra-only" in path or "2.0a1" in path for path in asked)


def test_warm_source_starts_no_thread_and_imports_no_network(world: World) -> None:
    make_wheel(world.wheels, "a", "1.0", ["b"])
    make_wheel(world.wheels, "b", "1.0")
    script = """
import sys, threading
from blast_core.interpreter import Target
from blast_pm.index.client import PyPiClient
from blast_pm.index.model import IndexLocation
from blast_pm.metadata.source import RegistryMetadata
from blast_pm.metadata.store import Database
database = Database(sys.argv[2])
client = PyPiClient([IndexLocation("test", sys.argv[1])], database=database)
target = Target(*eval(sys.argv[3]))
source = RegistryMetadata(client, database, (target,))
source.prefetch(["a", "b"])
for name in "ab":
    source.project(name).files[0]
    source.prefetch_dependencies(name, "1.0")
    source.dependencies(name, "1.0")
assert threading.active_count() == 1, threading.enumerate()
heavy = {"httpx", "ssl", "json", "asyncio", "concurrent.futures", "numpy", "packaging", "html", "tempfile", "email",
         "urllib.parse", "hashlib", "dataclasses", "pathlib", "socket", "subprocess", "inspect"}
print(sorted(heavy & set(sys.modules)))
client.close()
database.close()
"""
    with StaticIndex(world.wheels) as index:
        source = world.source(index)
        for name in ("a", "b"):
            source.dependencies(name, "1.0")
        world.settle()
        index.forget_requests()
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-S", "-c", script, index.url, world.database.path, repr(tuple(TARGET))]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert index.paths() == []
    assert (done.stderr, done.stdout) == ("", "[]\n")


def test_records_of_another_format_are_made_anew(world: World) -> None:
    make_wheel(world.wheels, "thing", "1.0", ["other"])
    with StaticIndex(world.wheels) as index:
        world.source(index).dependencies("thing", "1.0")
        world.settle()
        for name in ("pages", "metadata"):
            for key, value in list(world.database.items(name)):
                world.database.put(name, key, b"\xff" + value[1:])
        assert world.source(index).dependencies("thing", "1.0") == (parse_requirement("other"),)


def test_page_replaced_by_another_command_is_told(world: World) -> None:
    make_wheel(world.wheels, "thing", "1.0")
    with StaticIndex(world.wheels) as index:
        world.source(index).project("thing")
        record = world.source(index, offline=True).project("thing")
        for key, value in list(world.database.items("pages")):
            if key.startswith(b"f"):
                world.database.put("pages", key, b"another!" + value[8:])
        with pytest.raises(BaseException, match="changed while it was in use"):
            record.files[0]
