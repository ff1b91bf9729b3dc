"""Environments for tools, builds and runs: resolved, fetched once, shared, and right whoever made them."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import DigestMismatch, InstallError, NoSolution, OfflineError
from blast_core.requirements import parse_requirement
from blast_pm.testing import Reply, StaticIndex, make_wheel
from blast_project.environment.making import BareOptions, make_environment
from blast_project.ephemeral import ephemeral_environment
from blast_project.exclusive import exclusive
from blast_project.fetching import ensure_stored
from blast_project.operations import SyncOptions, sync_here
from blast_project.pip_interface import InstallRequest, install
from blast_project.resolving import resolve_requirements, wanted_of
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def index(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "wheels"
    directory.mkdir()
    make_wheel(directory, "alpha", "1.0", ["beta"])
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "2.0")
    make_wheel(directory, "elsewhere", "1.0", tag="cp311-cp311-win32")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    return Workbench.make(tmp_path, index.url)


def environment(bench: Workbench, *lines: str, **preferences: str) -> str:
    with bench.session() as session:
        return ephemeral_environment(session, session.find_interpreter(), lines, preferences=preferences)


def run(path: str, program: str) -> str:
    line = [os.path.join(path, "bin", "python"), "-c", program]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()


def test_equal_content_is_one_environment(bench: Workbench) -> None:
    first = environment(bench, "alpha")
    assert environment(bench, "alpha>=1", "beta") == first
    assert environment(bench, "alpha", beta="1.0") != first
    assert run(first, "import alpha, beta; print(alpha.VERSION, beta.VERSION)") == "1.0 2.0"


def test_one_that_stands_is_not_fetched_again(bench: Workbench, index: StaticIndex) -> None:
    first = environment(bench, "alpha")
    index.forget_requests()
    with bench.session(offline=True) as session:
        assert ephemeral_environment(session, session.find_interpreter(), ["alpha"]) == first
    assert index.paths() == []


def test_one_that_was_composed_but_never_switched_to_is_made(bench: Workbench) -> None:
    first = environment(bench, "alpha")
    for name in os.listdir(first):
        if name != ".blast":
            os.unlink(os.path.join(first, name))
    os.unlink(os.path.join(first, ".blast", "current"))
    assert environment(bench, "alpha") == first
    assert run(first, "import alpha; print(alpha.VERSION)") == "1.0"


def test_what_is_missing_can_not_be_had_offline(bench: Workbench) -> None:
    with bench.session(offline=True) as session, pytest.raises((OfflineError, NoSolution)):
        ephemeral_environment(session, session.find_interpreter(), ["alpha"])


def test_a_file_that_changed_is_not_stored(bench: Workbench, index: StaticIndex) -> None:
    filename = "beta-2.0-py3-none-any.whl"
    size = os.path.getsize(os.path.join(index.directory, filename))
    index.script(index.file_path(filename), Reply(200, b"PK\x03\x04".ljust(size, b"x")))
    with bench.session() as session:
        interpreter = session.find_interpreter()
        resolution = resolve_requirements(session, interpreter, [parse_requirement("beta")])
        wanted = wanted_of(session, interpreter, resolution)
        with pytest.raises(DigestMismatch):
            ensure_stored(session, wanted, interpreter)
        assert session.cache.find([row.sha256 for row in wanted]) == {}


def test_distributions_come_in_the_order_that_was_asked_for(bench: Workbench) -> None:
    with bench.session() as session:
        interpreter = session.find_interpreter()
        resolution = resolve_requirements(session, interpreter, [parse_requirement("alpha")])
        wanted = wanted_of(session, interpreter, resolution)
        for rows in (wanted, wanted[::-1]):
            assert [row.name for row in ensure_stored(session, rows, interpreter)] == [row.name for row in rows]


def test_a_release_without_a_fitting_file_is_no_answer(bench: Workbench) -> None:
    with pytest.raises((NoSolution, InstallError)) as caught:
        environment(bench, "elsewhere")
    assert "elsewhere" in f"{caught.value.message} {caught.value.reason}"


def test_constraints_limit_what_something_else_asks_for(bench: Workbench) -> None:
    with bench.session() as session:
        interpreter = session.find_interpreter()
        found = resolve_requirements(
            session, interpreter, [parse_requirement("alpha")], constraints=[parse_requirement("beta<2")]
        )
    assert [(row.name, row.version) for row in found.packages] == [("alpha", "1.0"), ("beta", "1.0")]


def at_once(*actions: Callable[[], object]) -> list[BaseException]:
    errors: list[BaseException] = []

    def guarded(action: Callable[[], object]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - the thread's error is the test's
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_two_that_make_one_environment_at_once_both_get_it(bench: Workbench) -> None:
    assert at_once(*[lambda: environment(bench, "alpha")] * 3) == []


def test_a_sync_and_a_pip_install_of_one_environment_take_turns(bench: Workbench) -> None:
    """They are about one environment, though one is asked for a project and the other for a place."""
    bench.write_manifest("dependencies = ['alpha']")
    with bench.session() as session:
        make_environment(session, str(bench.root / ".venv"), BareOptions())

    def sync() -> None:
        with bench.session() as session:
            sync_here(session, SyncOptions())

    def pip() -> None:
        with bench.session(python="") as session:
            install(session, InstallRequest(("beta<2",)))

    assert at_once(sync, pip, sync, pip) == []
    sync()
    assert sorted(bench.installed()) == ["alpha-1.0.dist-info", "beta-2.0.dist-info"]


def test_locks_are_given_back_and_one_place_is_locked_once(bench: Workbench) -> None:
    root = str(bench.root)
    with bench.session() as session:
        for _ in range(2):
            with exclusive(session, root, root, os.path.join(root, ".")):
                pass
