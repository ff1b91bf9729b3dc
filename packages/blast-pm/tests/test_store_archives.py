"""What a stored distribution costs on the disk, and what is made of its wheel later."""

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blast_core import fs
from blast_core.archive.wheel_name import infer_wheel_name
from blast_core.archive.zip import ZipArchive, read_archive
from blast_core.digests import blake3_file, sha256_file
from blast_core.errors import ArchiveRejected, ObjectMissing
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.reporter import SilentReporter
from blast_pm.install.plan import make_tree_plan
from blast_pm.metadata.store import Database
from blast_pm.store import ingest
from blast_pm.store.archives import StoredWheel
from blast_pm.store.cache import GlobalCache, StoredDistribution, WantedDistribution
from blast_pm.store.home import StorePaths
from blast_pm.store.ingest import ingest_wheel
from blast_pm.store.sizes import walk
from blast_pm.store.testing import LocalWheels, want_wheel
from blast_pm.testing import make_wheel

FILES = {
    "pkg/__init__.py": b"x = 1\n",
    "pkg/deep/er/data.bin": bytes(range(256)) * 9,
    "pkg/empty": b"",
    "pkg/large.bin": bytes(range(256)) * (12 << 10),
}


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "home")


@pytest.fixture
def cache(home: str) -> Iterator[GlobalCache]:
    database = Database(os.path.join(home, "store", "meta.lmdb"))
    yield GlobalCache(home, database)
    database.close()


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    return make_wheel(tmp_path, "pkg", "1", files=FILES)


@pytest.fixture
def stored(cache: GlobalCache, wheel: str) -> StoredDistribution:
    return cache.add_wheel(wheel)


def _ingest(wheel: str, home: str) -> StoredDistribution:
    os.makedirs(os.path.join(home, "tmp"))
    staged = os.path.join(home, "tmp", "w")
    fs.copy_file(wheel, staged)
    return ingest_wheel(staged, os.path.basename(wheel), "", StorePaths(home))


def test_a_distribution_is_its_wheel_and_its_tree(wheel: str, home: str) -> None:
    stored = _ingest(wheel, home)
    found = {entry.path for entry in walk(home)}
    archive = StorePaths(home).archive(stored.blake3)
    assert {path for path in found if not path.startswith(stored.tree + "/")} == {archive}
    assert Path(archive).read_bytes() == Path(wheel).read_bytes()
    assert blake3_file(archive).hex() == stored.blake3
    assert stored.sha256 == sha256_file(wheel).hex()


def test_storing_takes_two_operations_a_file_and_two_a_directory(wheel: str, home: str) -> None:
    os.makedirs(os.path.join(home, "tmp"))
    staged = os.path.join(home, "tmp", "w")
    fs.copy_file(wheel, staged)
    fs.set_fault(None)
    stored = ingest_wheel(staged, os.path.basename(wheel), "", StorePaths(home))
    sizes = [entry.stat().st_size for entry in walk(stored.tree)]
    directories = sum(len(names) for _, names, _ in os.walk(stored.tree))
    creations = len(sizes)
    writes = sum(-(-size // (1 << 20)) for size in sizes)  # of at most 1 MiB each; an empty file takes none
    done = fs.operations()
    # The tree's own directory; the wheel's mode, rename (once in vain) and four new directories above it; the tree's
    # rename (once in vain), the directory above it, and its mode.
    assert done - (creations + writes + 2 * directories) == 1 + 7 + 4


@pytest.mark.parametrize("said", ["", "00" * 32, "right"])
def test_a_digest_is_computed_once(said: str, cache: GlobalCache, wheel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = want_wheel(wheel)
    computed: list[str] = []
    real = hashlib.sha256

    class Counting:
        def __init__(self) -> None:
            self._hasher = real()

        def update(self, data: bytes) -> None:
            self._hasher.update(data)

        def hexdigest(self) -> str:
            computed.append(self._hasher.hexdigest())
            return computed[-1]

    def fetch(one: WantedDistribution, path: str, progress: Callable[[int], None]) -> str:
        LocalWheels().fetch(one, path, progress)
        return one.sha256 if said == "right" else said

    monkeypatch.setattr(ingest, "new_sha256", Counting)
    stored = cache.ensure([wanted], fetch, SilentReporter())[wanted.sha256]
    assert stored.sha256 == wanted.sha256
    assert computed == ([] if said == "right" else [wanted.sha256])


def test_a_wheel_gives_the_plan_that_its_container_gives(
    wheel: str, stored: StoredDistribution, tmp_path: Path
) -> None:
    convert_wheel(wheel, str(tmp_path / "x.dpp"))
    with DppPackage.open(str(tmp_path / "x.dpp")) as container:
        assert make_tree_plan(container) == stored.plan


def test_a_container_is_made_when_it_is_asked_for(
    cache: GlobalCache, wheel: str, stored: StoredDistribution, tmp_path: Path
) -> None:
    wanted = convert_wheel(wheel, str(tmp_path / "a.dpp"))
    assert cache.write_container(stored.blake3, str(tmp_path / "b.dpp")) == wanted
    assert (tmp_path / "a.dpp").read_bytes() == (tmp_path / "b.dpp").read_bytes()
    other = "pkg-1-py2.py3-none-any.whl"
    wanted = convert_wheel(wheel, str(tmp_path / "d.dpp"), filename=other)
    assert cache.write_container(stored.blake3, str(tmp_path / "e.dpp"), other) == wanted
    with pytest.raises(ObjectMissing):
        cache.write_container("00" * 32, str(tmp_path / "c.dpp"))


def test_a_stored_wheel_shows_what_its_container_shows(wheel: str, stored: StoredDistribution, tmp_path: Path) -> None:
    convert_wheel(wheel, str(tmp_path / "x.dpp"))
    with DppPackage.open(str(tmp_path / "x.dpp")) as container, StoredWheel(wheel) as archive:
        for field in ("name", "version", "dist_info", "import_names", "entry_points", "native", "unpacked_size"):
            assert getattr(archive, field) == getattr(container, field), field
        assert archive.sha256 == container.wheel_sha256 == stored.sha256
        assert [file._replace(offset=0) for file in archive.files] == [
            file._replace(offset=0) for file in container.files
        ]
        for file in container.files:
            assert archive.read(file) == container.read(file)
            assert b"".join(archive.iter_content(file)) == container.read(file)


def test_a_byte_that_turned_is_seen(cache: GlobalCache, stored: StoredDistribution) -> None:
    path = cache.get_path(stored.blake3)
    content = bytearray(Path(path).read_bytes())
    with StoredWheel(path) as archive:
        file = next(file for file in archive.files if file.path == "pkg/deep/er/data.bin")
    content[file.offset + file.stored_size // 2] ^= 1
    os.chmod(path, 0o644)
    Path(path).write_bytes(content)
    assert "BLAKE3" in cache.verify_object(stored.blake3).damage
    with StoredWheel(path) as archive, pytest.raises(ArchiveRejected):
        assert archive.files


@pytest.mark.parametrize(
    "filename",
    [
        "pkg-1-py3-none-any.whl",
        "pkg-1-py2.py3-none-any.whl",
        "pkg-1-2b-cp312-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    ],
)
def test_the_name_of_a_wheel_is_found_in_it(filename: str) -> None:
    tags = filename.removesuffix(".whl").split("-")
    parts = [part.split(".") for part in tags[-3:]]
    lines = [f"Tag: {a}-{b}-{c}" for a in parts[0] for b in parts[1] for c in reversed(parts[2])]
    build = [f"Build: {tags[2]}"] if len(tags) == 6 else []
    text = "\n".join(["Wheel-Version: 1.0", "Generator: test", "Root-Is-Purelib: true", *build, *lines, ""])
    assert infer_wheel_name(_zip({"pkg-1.dist-info/WHEEL": text})) == filename


@pytest.mark.parametrize(
    "files", [{"a.txt": "a"}, {"a-1.dist-info/A": ""}, {"a-1.dist-info/A": "", "b.dist-info/A": ""}]
)
def test_what_is_no_wheel_has_no_name(files: dict[str, str]) -> None:
    with pytest.raises(ArchiveRejected, match="refused"):
        infer_wheel_name(_zip(files))


def _zip(files: dict[str, str]) -> ZipArchive:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return read_archive(stream.getvalue())
