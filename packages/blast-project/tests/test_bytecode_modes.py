"""When bytecode is compiled, and when a process is started for it: counted, and none is really started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InvalidManifest
from blast_pm.testing import StaticIndex, make_wheel
from blast_project import bytecode_process
from blast_project.bytecode import bytecode_setting, when_to_compile
from blast_project.bytecode_process import LOG, complete_generation, main
from blast_project.operations import SyncOptions, sync_here
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def index(tmp_path: Path) -> Iterator[StaticIndex]:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "alpha", "1.0", files={"alpha/__init__.py": b"X = 1\n", "alpha_single.py": b"Y = 2\n"})
    with StaticIndex(wheels) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    bench = Workbench.make(tmp_path, index.url)
    bench.write_manifest('dependencies = ["alpha"]')
    return bench


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of processes that would have been started."""
    lines: list[list[str]] = []
    really_spawn, really_wait = os.posix_spawn, os.waitpid
    pid = 1 << 30

    def spawn(program: str, line: list[str], *rest: object, **more: object) -> int:
        if not any("bytecode_process" in word for word in line):
            return really_spawn(program, line, *rest, **more)  # type: ignore[arg-type]
        assert program == line[0]
        lines.append(line)
        return pid

    monkeypatch.setattr(os, "posix_spawn", spawn)
    monkeypatch.setattr(os, "waitpid", lambda who, how: (pid, 0) if who == pid else really_wait(who, how))
    return lines


def sync(bench: Workbench, mode: str, command: str = "sync", link_mode: str = "") -> int:
    with bench.session(compile_bytecode=mode, link_mode=link_mode) as session:
        return sync_here(session, SyncOptions(command=command)).generation


def test_a_process_is_started_while_something_is_not_compiled(
    bench: Workbench, spawned: list[list[str]], tmp_path: Path
) -> None:
    number = sync(bench, "background")
    environment = str(bench.root / ".venv")
    assert [line[5:8] for line in spawned] == [[str(bench.home), environment, str(number)]]
    sync(bench, "background")
    assert len(spawned) == 1, "nothing was to be done"
    complete_generation(str(bench.home), environment, number)
    other = Workbench(tmp_path / "other", bench.home, bench.index_url)
    other.root.mkdir()
    other.write_manifest('dependencies = ["alpha"]')
    sync(other, "background")
    assert len(spawned) == 1, "all of it is compiled"
    sync(other, "background", link_mode="hardlink")
    assert len(spawned) == 2, "each module is to get a link"


def test_never_and_wait_start_nothing(bench: Workbench, spawned: list[list[str]]) -> None:
    sync(bench, "never")
    sync(bench, "wait")
    assert spawned == []
    assert "Compiling 1 package" in bench.words.steps


def test_who_becomes_a_program_starts_it_as_nobody_s_child(bench: Workbench, spawned: list[list[str]]) -> None:
    sync(bench, "background", command="run")
    assert [line[0] for line in spawned] == ["/bin/sh"]


def test_the_generation_is_completed(bench: Workbench) -> None:
    number = sync(bench, "never")
    site = next((bench.root / ".venv" / "lib").glob("python*/site-packages"))
    assert list((site / "__pycache__").iterdir()) == []
    main_in_this_process(bench, number)
    (pyc,) = (site / "__pycache__").iterdir()
    assert pyc.name.startswith("alpha_single.")
    (stored,) = (bench.home / "t").glob(f"*/__pycache__/{pyc.name}")
    assert pyc.samefile(stored)
    main_in_this_process(bench, number)
    assert not (bench.home / LOG).exists()


def main_in_this_process(bench: Workbench, number: int) -> None:
    complete_generation(str(bench.home), str(bench.root / ".venv"), number)


def test_what_went_away_meanwhile_is_nothing_to_tell(bench: Workbench, tmp_path: Path) -> None:
    complete_generation(str(bench.home), str(bench.root / ".venv"), 7)
    assert not bench.home.exists()
    sync(bench, "never")
    complete_generation(str(bench.home), str(tmp_path / "elsewhere"), 1)
    assert not (bench.home / LOG).exists()


def test_failures_are_lines_of_a_small_log(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        message = "no\nway " * 40
        raise OSError(message)

    monkeypatch.setattr(bytecode_process, "_step_back", lambda: None)
    monkeypatch.setattr(bytecode_process, "complete_generation", fail)
    main(str(bench.home), "environment", 1)
    assert not bench.home.exists(), "a home that was removed does not come back"
    bench.home.mkdir()
    for _ in range(120):
        main(str(bench.home), "environment", 1)
    lines = (bench.home / LOG).read_text().splitlines()
    assert (bench.home / LOG).stat().st_size < 20_000
    assert all("environment: no way" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("said", "mode"), [("", ""), ("wait", "wait"), ("never", "never"), (True, "wait"), (False, "never")]
)
def test_the_manifest_s_word(said: object, mode: str) -> None:
    assert bytecode_setting({"compile-bytecode": said}) == mode


@pytest.mark.parametrize("said", ["sometimes", 3, ["wait"]])
def test_another_word_is_refused(said: object) -> None:
    with pytest.raises(InvalidManifest, match="compile-bytecode"):
        bytecode_setting({"compile-bytecode": said})


def test_by_default_it_is_done_where_it_pays(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getppid", lambda: 4711)
    plain = bench.settings(compile_bytecode="")
    assert when_to_compile(plain) == "background"
    for variable in ("CI", "PYTHONDONTWRITEBYTECODE"):
        there = plain._replace(environ={**plain.environ, variable: "1"})
        assert when_to_compile(there) == "never"
        assert when_to_compile(there, "background") == "background"
        assert when_to_compile(there._replace(compile_bytecode="wait"), "never") == "wait"
    assert when_to_compile(plain._replace(environ={"CI": "false"})) == "background"
    monkeypatch.setattr(os, "getppid", lambda: 1)
    monkeypatch.setattr(os, "isatty", lambda _: False)
    assert when_to_compile(plain) == "never"
    monkeypatch.setattr(os, "isatty", lambda _: True)
    assert when_to_compile(plain) == "background"
