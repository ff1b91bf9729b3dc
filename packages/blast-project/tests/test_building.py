"""Source distributions and the project itself are built by their own backends, once; hostile ones build nothing."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import ArchiveRejected, BlastError, BuildFailed, InvalidManifest
from blast_pm.testing import StaticIndex, make_metadata, make_sdist, make_wheel
from blast_project.building import build_sdist, editable_project
from blast_project.compile_request import CompileRequest
from blast_project.compiling import compile_requirements
from blast_project.operations import SyncOptions, sync_here
from blast_project.testing import Workbench
from blast_project.testing_builds import BUILD_SYSTEM as SYSTEM
from blast_project.testing_builds import make_backend as backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from blast_pm.index.model import IndexFile


def source(log: Path, **options: str) -> dict[str, bytes]:
    return {"pyproject.toml": SYSTEM.encode(), "backend.py": backend(log, **options).encode()}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "log"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("sdists")
    make_sdist(directory, "gamma", "1.0", files=source(log))
    dynamic = make_metadata("dyna", "1.0", dynamic=["Requires-Dist"])
    content = {"pyproject.toml": SYSTEM.encode(), "backend.py": backend(log, "dyna", "1.0", ("leaf",)).encode()}
    make_sdist(directory, "dyna", "1.0", metadata=dynamic, files=content)
    make_wheel(directory, "leaf", "1.0")
    make_sdist(directory, "liar", "1.0", files=source(log, name="gamma"))
    make_sdist(directory, "older", "2.0", files=source(log, name="older", version="1.0"))
    make_sdist(
        directory, "broken", "1.0", files=source(log, name="broken", extra='raise SystemExit("no compiler here")')
    )
    make_sdist(directory, "outside", "1.0", files={"pyproject.toml": SYSTEM.replace('["."]', '["../.."]').encode()})
    make_sdist(directory, "nothing", "1.0", files={"readme": b"no build system"})
    make_sdist(directory, "nobackend", "1.0", files={"pyproject.toml": SYSTEM.encode()})
    make_sdist(directory, "notoml", "1.0", files={"pyproject.toml": b"[[["})
    make_sdist(directory, "badtable", "1.0", files={"pyproject.toml": b"build-system = 3\n"})
    make_sdist(directory, "badpath", "1.0", files={"pyproject.toml": SYSTEM.replace('["."]', "3").encode()})
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex, home: Path) -> Workbench:
    return Workbench.make(tmp_path, index.url, home)


def file_of(bench: Workbench, name: str) -> IndexFile:
    with bench.session() as session:
        return session.client.page(name).files[0]


def build(bench: Workbench, name: str) -> str:
    with bench.session() as session:
        return build_sdist(session, session.client.page(name).files[0], session.find_interpreter()).tree


def sync(bench: Workbench) -> None:
    with bench.session() as session:
        sync_here(session, SyncOptions())


def test_a_source_distribution_is_built_once(bench: Workbench, log: Path) -> None:
    tree = build(bench, "gamma")
    with open(os.path.join(tree, "gamma.py"), encoding="utf-8") as file:
        assert file.read() == "VERSION = '1.0'\n"
    count = log.read_text().count("gamma")
    assert build(bench, "gamma") == tree
    assert log.read_text().count("gamma") == count


def test_requirements_that_only_a_build_tells_are_locked(bench: Workbench) -> None:
    bench.write_manifest("dependencies = ['dyna']")
    sync(bench)
    assert list(bench.installed()) == ["dyna-1.0.dist-info", "leaf-1.0.dist-info"]


def test_two_source_distributions_without_a_digest_are_two(bench: Workbench) -> None:
    """An index may give no digest; the memory of what was built must not take one for the other."""
    with bench.session() as session:
        interpreter = session.find_interpreter()
        trees = {
            build_sdist(session, session.client.page(name).files[0]._replace(sha256=""), interpreter).name
            for name in ("gamma", "dyna")
        }
    assert trees == {"gamma", "dyna"}


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        pytest.param("broken", BuildFailed, "no compiler here", id="a failing backend is quoted"),
        pytest.param("nobackend", BuildFailed, "backend", id="no backend"),
        pytest.param("nothing", BuildFailed, "neither pyproject.toml nor setup.py", id="no build system"),
        pytest.param("notoml", InvalidManifest, "pyproject.toml", id="no TOML"),
        pytest.param("badtable", InvalidManifest, "build-system", id="a wrong table"),
        pytest.param("badpath", InvalidManifest, "backend-path", id="a wrong path"),
        pytest.param("outside", InvalidManifest, "backend-path", id="a backend outside of the tree"),
        pytest.param("liar", BuildFailed, "gamma", id="another project"),
        pytest.param("older", BuildFailed, "1.0", id="another version"),
    ],
)
def test_what_can_not_be_built_is_refused_in_words(
    bench: Workbench, name: str, error: type[BlastError], words: str
) -> None:
    with pytest.raises(error) as caught:
        build(bench, name)
    assert words in f"{caught.value.message}\n{caught.value.reason}"
    # A refused wheel is not remembered as the one that was built.
    with pytest.raises(error):
        build(bench, name)


def test_a_build_does_not_see_the_programs_of_blast_or_its_path(bench: Workbench, tmp_path: Path, log: Path) -> None:
    """The backend runs in its own environment; nothing of Blast's own is importable there."""
    from blast_project.building import build_source

    tree = tmp_path / "tree"
    tree.mkdir()
    probe = 'import importlib.util as u; assert u.find_spec("blast_core") is None and u.find_spec("httpx") is None'
    for path, content in source(log, extra=probe).items():
        (tree / path).write_bytes(content)
    with bench.session() as session:
        assert build_source(session, str(tree), session.find_interpreter()).name == "gamma"


def project_of(bench: Workbench, log: Path, version: str = "1.0") -> None:
    bench.write_manifest("dependencies = ['leaf']", more=SYSTEM)
    (bench.root / "backend.py").write_text(backend(log, "demo", version))
    (bench.root / "src").mkdir(exist_ok=True)
    (bench.root / "src/demo.py").write_text("VALUE = 1\n")


def test_the_project_itself_is_installed_editable(bench: Workbench, log: Path) -> None:
    import subprocess

    project_of(bench, log)
    sync(bench)
    assert "demo-1.0.dist-info" in list(bench.installed())
    program = (
        "import demo, importlib.metadata as m; print(demo.VALUE, m.distribution('demo').read_text('direct_url.json'))"
    )
    done = subprocess.run([bench.root / ".venv/bin/python", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("1 ")
    assert '"editable": true' in done.stdout
    assert f"file://{bench.root}" in done.stdout


def test_the_project_is_built_anew_only_after_its_inputs_changed(bench: Workbench, log: Path) -> None:
    project_of(bench, log)
    with bench.session() as session:
        interpreter = session.find_interpreter()
        first = editable_project(session, bench.project(), interpreter)
        count = log.read_text().count("demo")
        assert editable_project(session, bench.project(), interpreter) == first
        assert log.read_text().count("demo") == count
        (bench.root / "setup.cfg").write_text("# an input of the build\n")
        editable_project(session, bench.project(), interpreter)
        assert log.read_text().count("demo") == count + 1


def test_compiling_needs_no_build_where_the_metadata_is_static(bench: Workbench, log: Path) -> None:
    (bench.root / "requirements.in").write_text("gamma\n")
    before = log.read_text() if log.exists() else ""
    with bench.session() as session:
        compiled = compile_requirements(session, CompileRequest(("requirements.in",), header=False))
    assert compiled.pins == (("gamma", "1.0"),)
    assert (log.read_text() if log.exists() else "") == before


def member(name: str, content: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


TOP = "evil-1.0/"
GOOD = (member(TOP + "PKG-INFO", make_metadata("evil", "1.0")), member(TOP + "setup.py", b"raise SystemExit(1)\n"))
LINK = {"type": tarfile.SYMTYPE, "size": 0}
HOSTILE: dict[str, Callable[[], bytes]] = {
    "S1 symlink out": lambda: gzip.compress(archive(*GOOD, member(TOP + "a", b"", linkname="../../../etc", **LINK))),
    "S1 absolute symlink": lambda: gzip.compress(
        archive(*GOOD, member(TOP + "a", b"", linkname="/etc/passwd", **LINK))
    ),
    "S1 hard link out": lambda: gzip.compress(
        archive(*GOOD, member(TOP + "a", b"", type=tarfile.LNKTYPE, linkname="../../etc/passwd", size=0))
    ),
    "S1 link, then through it": lambda: gzip.compress(
        archive(*GOOD, member(TOP + "d", b"", linkname="../..", **LINK), member(TOP + "d/x"))
    ),
    "S1 absolute": lambda: gzip.compress(archive(*GOOD, member("/" + TOP + "x"))),
    "S1 dots": lambda: gzip.compress(archive(*GOOD, member(TOP + "../../x"))),
    "S1 dots that stay inside": lambda: gzip.compress(archive(*GOOD, member(TOP + "a/../x"))),
    "S2 device": lambda: gzip.compress(archive(*GOOD, member(TOP + "dev", b"", type=tarfile.CHRTYPE, size=0))),
    "S2 fifo": lambda: gzip.compress(archive(*GOOD, member(TOP + "fifo", b"", type=tarfile.FIFOTYPE, size=0))),
    "S3 two tars in one": lambda: gzip.compress(archive(*GOOD) + archive(member(TOP + "hidden.py"))),
    "S3 bytes after the end": lambda: gzip.compress(archive(*GOOD) + b"more"),
    "S4 truncated gzip": lambda: gzip.compress(archive(*GOOD))[:-9],
    "S4 wrong CRC": lambda: gzip.compress(archive(*GOOD))[:-8] + b"\0" * 8,
    "S4 two gzip members": lambda: gzip.compress(archive(*GOOD)[:1024]) + gzip.compress(archive(*GOOD)[1024:]),
    "S4 no archive": lambda: b"hello",
    "S5 two top folders": lambda: gzip.compress(archive(*GOOD, member("other-1.0/x"))),
    "S5 no top folder": lambda: gzip.compress(archive(member("PKG-INFO", make_metadata("evil", "1.0")))),
    "S5 another folder": lambda: gzip.compress(archive(member("good-1.0/PKG-INFO"), member("good-1.0/setup.py"))),
    "S5 another version's folder": lambda: gzip.compress(
        archive(member("evil-2.0/PKG-INFO"), member("evil-2.0/setup.py"))
    ),
    "empty": lambda: gzip.compress(archive()),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_build_nothing(tmp_path: Path, case: str) -> None:
    from blast_pm.build.unpack import unpack_sdist

    path = tmp_path / "evil-1.0.tar.gz"
    path.write_bytes(HOSTILE[case]())
    destination = tmp_path / "out"
    destination.mkdir()
    before = set(tmp_path.iterdir())
    with pytest.raises(ArchiveRejected) as caught:
        unpack_sdist(str(path), str(destination))
    assert "evil-1.0.tar.gz" in caught.value.message
    assert set(tmp_path.iterdir()) == before
    assert not os.path.lexists("/etc/x")


def test_modes_are_masked(tmp_path: Path) -> None:
    from blast_pm.build.unpack import unpack_sdist

    path = tmp_path / "evil-1.0.tar.gz"
    path.write_bytes(gzip.compress(archive(*GOOD, member(TOP + "suid", mode=0o6777))))
    (tmp_path / "out").mkdir()
    tree = unpack_sdist(str(path), str(tmp_path / "out"))
    assert os.stat(os.path.join(tree, "suid")).st_mode & 0o7022 == 0


def test_an_honest_archive_with_a_link_inside_is_unpacked(tmp_path: Path) -> None:
    from blast_pm.build.unpack import unpack_sdist

    path = tmp_path / "evil-1.0.tar.gz"
    path.write_bytes(gzip.compress(archive(*GOOD, member(TOP + "link", b"", linkname="setup.py", **LINK))))
    (tmp_path / "out").mkdir()
    tree = unpack_sdist(str(path), str(tmp_path / "out"))
    assert os.path.basename(tree) == "evil-1.0"
    assert os.readlink(os.path.join(tree, "link")) == "setup.py"
