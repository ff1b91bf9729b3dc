"""Wheels that are fetched while the resolver goes on: the right ones, each once, and nothing stays of wrong guesses."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import NoSolution
from blast_pm.store.early import EarlyDownloads
from blast_pm.store.wanted import WantedDistribution
from blast_pm.testing import Reply, Request, StaticIndex, make_wheel
from blast_project.editing import Place, add_requirements, remove_requirements
from blast_project.ephemeral import ephemeral_environment
from blast_project.fetching import ensure_stored
from blast_project.lock_files import read_lock
from blast_project.operations import SyncOptions, lock_here, sync_here
from blast_project.selection import GroupSelection
from blast_project.testing import Workbench
from blast_project.wanted import select_wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from blast_project.session import Session

ALL = GroupSelection()
DEPENDENCIES = Place()
# Longer than what counts as far away.
FAR_S = 0.02
PATIENCE_S = 20.0


class PatientIndex(StaticIndex):
    """An index far away, which lets one answer wait until another was asked for.

    Attributes:
        gate: the path that waits, and the one that it waits for; "" for none.
        was_in_time: whether it did come while the first waited.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, latency_s=FAR_S)
        self.gate = ("", "")
        self.was_in_time = False
        self._came = threading.Event()

    def answer(self, request: Request) -> Reply:
        """Answer, late if the path waits for another."""
        waiting, wanted = self.gate
        if request.path == wanted:
            self._came.set()
        if request.path == waiting:
            self.was_in_time = self._came.wait(PATIENCE_S)
        return super().answer(request)

    def wait(self, waiting: str, filename: str) -> None:
        """Let ``waiting`` wait for a file."""
        self._came.clear()
        self.gate, self.was_in_time = (waiting, self.file_path(filename)), False

    def wheels(self) -> list[str]:
        """Return the names of the wheels that were asked for, sorted, each as often as it was."""
        paths = [path.rpartition("/")[2] for path in self.paths() if path.endswith(".whl")]
        return sorted(path.partition("-py3")[0] for path in paths)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PatientIndex]:
    directory = tmp_path / "wheels"
    directory.mkdir()
    make_wheel(directory, "alpha", "1.0", ["beta"])
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "2.0", ["gamma"])
    make_wheel(directory, "gamma", "1.0", ["there; sys_platform == 'win32'", "deep; extra == 'x'"], extras=["x"])
    make_wheel(directory, "there", "1.0")
    make_wheel(directory, "deep", "1.0")
    make_wheel(directory, "narrow", "1.0", ["narrower"])
    make_wheel(directory, "narrower", "1.0", ["beta<2"])
    make_wheel(directory, "never", "1.0", ["alpha>=7"])
    with PatientIndex(directory) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: PatientIndex) -> Workbench:
    bench = Workbench.make(tmp_path, index.url)
    bench.write_manifest("dependencies = []")
    return bench


def page(name: str) -> str:
    return f"/simple/{name}/"


def wheel(name: str, version: str = "1.0") -> str:
    return f"{name}-{version}-py3-none-any.whl"


def leftovers(bench: Workbench) -> list[str]:
    place = bench.home / "tmp"
    return sorted(os.listdir(place)) if place.exists() else []


def add(bench: Workbench, *lines: str, **options: object) -> None:
    with bench.session() as session:
        add_requirements(session, bench.project(), lines, DEPENDENCIES, selection=ALL, **options)  # type: ignore[arg-type]


def test_a_wheel_comes_while_the_resolver_waits(bench: Workbench, index: PatientIndex) -> None:
    """The page of gamma is not answered before the wheel of alpha was asked for."""
    index.wait(page("gamma"), wheel("alpha"))
    add(bench, "alpha")
    assert index.was_in_time
    assert index.wheels() == ["alpha-1.0", "beta-2.0", "gamma-1.0"]
    assert [name.partition("-")[0] for name in bench.installed()] == ["alpha", "beta", "gamma"]
    assert leftovers(bench) == []


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(lambda _, session: sync_here(session, SyncOptions()), id="sync"),
        pytest.param(
            lambda _, session: ephemeral_environment(session, session.find_interpreter(), ["alpha"]),
            id="run --with",
        ),
        pytest.param(
            lambda bench, session: remove_requirements(session, bench.project(), ["deep"], DEPENDENCIES, selection=ALL),
            id="remove",
        ),
    ],
)
def test_whatever_installs_what_it_resolves_fetches_early(
    bench: Workbench, index: PatientIndex, command: Callable[[Workbench, Session], object]
) -> None:
    bench.write_manifest('dependencies = ["alpha", "deep"]')
    index.wait(page("gamma"), wheel("alpha"))
    with bench.session() as session:
        command(bench, session)
    assert index.was_in_time
    assert sorted(set(index.wheels())) == index.wheels()
    assert leftovers(bench) == []


def test_what_installs_nothing_fetches_no_wheel(bench: Workbench, index: PatientIndex) -> None:
    add(bench, "alpha", sync=False)
    with bench.session() as session:
        lock_here(session, bench.project(), upgrade=True)
    assert index.wheels() == []
    assert leftovers(bench) == []


def test_nothing_is_guessed_where_answers_come_at_once(bench: Workbench, index: PatientIndex) -> None:
    """There the resolver has hardly anything to wait for, and would share the processor."""
    index.latency_s = 0.0
    with bench.session() as session:
        add_requirements(session, bench.project(), ["alpha"], DEPENDENCIES, selection=ALL)
        assert not session.has_early
    assert index.wheels() == ["alpha-1.0", "beta-2.0", "gamma-1.0"]


def test_a_wrong_guess_leaves_nothing(bench: Workbench, index: PatientIndex) -> None:
    """The newest beta is on its way when narrower turns out to want an older one."""
    index.wait(page("narrower"), wheel("beta", "2.0"))
    add(bench, "narrow", "beta")
    assert index.was_in_time
    # What the newest one needs may have been on its way, too.
    asked = [name for name in index.wheels() if name != "gamma-1.0"]
    assert asked == ["beta-1.0", "beta-2.0", "narrow-1.0", "narrower-1.0"]
    assert [name.partition(".dist")[0] for name in bench.installed()] == ["beta-1.0", "narrow-1.0", "narrower-1.0"]
    with bench.session() as session:
        assert len(list(session.cache.iter_objects())) == 3
    assert leftovers(bench) == []


def test_what_this_machine_does_not_install_is_not_fetched(bench: Workbench, index: PatientIndex) -> None:
    """Neither what only Windows wants, nor groups that nobody asked for; extras that were."""
    bench.write_manifest('dependencies = ["gamma"]', more="[dependency-groups]\ndocs = ['alpha']")
    with bench.session() as session:
        sync_here(session, SyncOptions())
    assert index.wheels() == ["gamma-1.0"]
    add(bench, "gamma[x]")
    assert index.wheels() == ["deep-1.0", "gamma-1.0"]


def test_what_is_stored_is_not_fetched(bench: Workbench, index: PatientIndex) -> None:
    """Metadata is asked for anew, wheels are not."""
    add(bench, "alpha")
    index.forget_requests()
    for name in ("blast.lock", "pylock.toml"):
        (bench.root / name).unlink()
    bench.write_manifest('dependencies = ["alpha", "deep"]')
    with bench.session(refresh=True) as session:
        sync_here(session, SyncOptions())
        assert session.has_early
    assert index.wheels() == ["deep-1.0"]


def test_what_fails_early_is_fetched_in_time(bench: Workbench, index: PatientIndex) -> None:
    path = index.file_path(wheel("alpha"))
    index.script(path, Reply(404), Reply(passes=True))
    index.wait(page("gamma"), wheel("alpha"))
    add(bench, "alpha")
    assert index.was_in_time
    assert index.wheels() == ["alpha-1.0", "alpha-1.0", "beta-2.0", "gamma-1.0"]
    assert len(list(bench.installed())) == 3


def test_what_is_not_what_was_promised_is_refused_late(bench: Workbench, index: PatientIndex) -> None:
    from blast_core.errors import DigestMismatch

    content = (bench.root.parent / "wheels" / wheel("beta", "2.0")).read_bytes()
    index.script(index.file_path(wheel("alpha")), Reply(200, content))
    with pytest.raises(DigestMismatch, match="alpha"):
        add(bench, "alpha")
    assert list(bench.installed()) == []
    assert leftovers(bench) == []


@pytest.mark.usefixtures("index")
def test_nothing_is_left_where_nothing_fits(bench: Workbench) -> None:
    with pytest.raises(NoSolution):
        add(bench, "deep", "never")
    assert leftovers(bench) == []
    assert (bench.root / "pyproject.toml").read_text().count("deep") == 0


def test_what_a_build_needs_drops_nothing(bench: Workbench, index: PatientIndex) -> None:
    """While it is resolved something may be built, and what that needs is stored first."""
    add(bench, "alpha", sync=False)
    with bench.session() as session:
        session.client.record("alpha")
        lock = read_lock(session, str(bench.root))
        assert lock is not None
        interpreter = session.find_interpreter()
        files = select_wanted(lock.reader(), lock.content[96:128], interpreter.target, 1, session.database).files
        alpha, beta, _ = files
        index.wait(index.file_path(alpha.filename), beta.filename)
        assert session.early.begin(alpha)
        while not index.wheels():
            assert not index.stopped.wait(0.005)
        ensure_stored(session, [beta], interpreter, for_build=True)
        assert [row.name for row in ensure_stored(session, [alpha], interpreter)] == ["alpha"]
    assert index.wheels() == ["alpha-1.0", "beta-2.0"]


# The downloads themselves


def wanted(number: int, size: int = 3) -> WantedDistribution:
    return WantedDistribution(f"p{number}", "1", f"p{number}-1-py3-none-any.whl", f"{number:064x}", size, "", "")


class Downloads:
    """A ``fetch`` that waits at its second byte until it is let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = threading.Event()
        self.started = threading.Semaphore(0)

    def __call__(self, row: WantedDistribution, path: str, progress: Callable[[int], None]) -> str:
        self.begun.append(row.name)
        with open(path, "wb") as file:
            file.write(b"a")
            progress(1)
            self.started.release()
            assert self.go.wait(PATIENCE_S)
            progress(2)
            file.write(b"bc")
        return row.sha256


@pytest.fixture
def downloads() -> Iterator[Downloads]:
    made = Downloads()
    yield made
    made.go.set()


def test_one_that_is_under_way_is_waited_for(tmp_path: Path, downloads: Downloads) -> None:
    early = EarlyDownloads(downloads, lambda _: False, str(tmp_path / "tmp"))
    assert early.begin(wanted(1))
    assert not early.begin(wanted(1))
    downloads.started.acquire()
    told: list[int] = []

    def progress(count: int) -> None:
        told.append(count)
        downloads.go.set()

    assert early.settle({wanted(1).sha256}) == (1, 1)
    assert early.take(wanted(1).sha256, str(tmp_path / "there"), progress) == wanted(1).sha256
    assert told == [1, 2]
    assert (tmp_path / "there").read_bytes() == b"abc"
    assert early.take(wanted(1).sha256, str(tmp_path / "again"), progress) is None
    early.close()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_nobody_wants_ends_at_its_next_piece(tmp_path: Path, downloads: Downloads) -> None:
    early = EarlyDownloads(downloads, lambda _: False, str(tmp_path / "tmp"), workers=1)
    assert early.begin(wanted(1))
    assert early.begin(wanted(2))
    downloads.started.acquire()
    early.drop(wanted(1).sha256)
    assert early.settle(set()) == (0, 0)
    assert not early.begin(wanted(3))
    downloads.go.set()
    early.close()
    early.close()
    assert downloads.begun == ["p1"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_guesses_have_a_limit(tmp_path: Path, downloads: Downloads) -> None:
    early = EarlyDownloads(downloads, lambda _: False, str(tmp_path / "tmp"))
    assert not early.begin(wanted(1, 1 << 40))
    assert early.begin(wanted(2, 200 << 20))
    assert not early.begin(wanted(3, 100 << 20))
    assert not early.begin(wanted(4)._replace(sha256=""))
    downloads.go.set()
    early.close()


def test_who_stops_waiting_ends_the_download(tmp_path: Path, downloads: Downloads) -> None:
    class Stopped(BaseException):
        pass

    early = EarlyDownloads(downloads, lambda _: False, str(tmp_path / "tmp"))
    early.begin(wanted(1))
    downloads.started.acquire()

    def progress(count: int) -> None:
        if count == 2:
            raise Stopped
        downloads.go.set()

    assert early.take(wanted(1).sha256, str(tmp_path / "there"), progress) is None
    early.close()
    assert list((tmp_path / "tmp").iterdir()) == []
