"""Interpreters are asked once, and again when they were replaced."""

from __future__ import annotations

import marshal
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blast_core.errors import ProbeFailed
from blast_core.platforms import platform_named
from blast_project.python.probe import InterpreterCache, interpreter_from_answer, probe

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="scripts as on POSIX")

HERE = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
# What a probe says, kept short, for what need not be a real interpreter.
ANSWER = (
    '{"executable": "/x", "version": "3.12.1", "full_version": "3.12.1", "implementation": "cpython", "cache_tag": "c",'
    ' "base_prefix": "/", "site_packages": "s", "scripts": "b", "include": "i", "system": "linux", "machine": "m",'
    ' "markers": {}, "tags": []}'
)


def script(path: Path, *, log: Path, python: str = HERE) -> Path:
    """An executable that runs a real interpreter and counts how often."""
    path.write_text(f'#!/bin/sh\necho x >> "{log}"\nexec "{python}" "$@"\n')
    path.chmod(0o755)
    return path


def test_the_answer_describes_this_interpreter() -> None:
    import sysconfig

    from packaging.markers import default_environment
    from packaging.tags import sys_tags

    found = interpreter_from_answer(probe(sys.executable))
    assert found.executable == HERE
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert found.implementation == sys.implementation.name
    assert found.cache_tag == sys.implementation.cache_tag
    assert found.base_prefix == sys.base_prefix
    assert os.path.join("/env", found.site_packages) == sysconfig.get_path(
        "purelib", "venv", vars={"base": "/env", "platbase": "/env"}
    )
    assert found.target.tags == tuple(map(str, sys_tags()))
    expected = {key: value for key, value in default_environment().items() if key != "extra"}
    assert dict(found.target.marker_environment) == expected
    assert found.target.name.endswith(f"-py{sys.version_info[0]}{sys.version_info[1]}")


def test_it_is_asked_once_by_all_commands(tmp_path: Path) -> None:
    first = InterpreterCache(str(tmp_path)).get(HERE)
    stored = (tmp_path / "interpreters").stat().st_mtime_ns
    cache = InterpreterCache(str(tmp_path))
    assert cache.get(HERE) == cache.get(HERE) == first
    assert (tmp_path / "interpreters").stat().st_mtime_ns == stored


def test_links_to_one_interpreter_share_its_answer(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(HERE)
    cache = InterpreterCache(str(tmp_path / "home"))
    assert cache.get(str(tmp_path / "python")) == cache.get(HERE)


def test_a_replaced_interpreter_is_asked_anew(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_bytes(b"\x7fELF no program")
    path.chmod(0o755)
    cache = InterpreterCache(str(tmp_path / "home"))
    with pytest.raises(ProbeFailed):
        cache.get(str(path))
    path.unlink()
    path.symlink_to(HERE)
    assert cache.get(str(path)).executable == HERE


def test_other_times_or_sizes_make_it_ask_again(tmp_path: Path) -> None:
    """The row is under the path with the stamp of the file that answered."""
    home = tmp_path / "home"
    InterpreterCache(str(home)).get(HERE)
    version, rows = marshal.loads((home / "interpreters").read_bytes())
    (size, mtime), answer = rows[HERE]
    wrong = {**answer, "version": "3.0.0"}
    for stamp, expected in (
        ((size, mtime), "3.0.0"),
        ((size + 1, mtime), answer["version"]),
        ((size, mtime + 1), answer["version"]),
    ):
        (home / "interpreters").write_bytes(marshal.dumps((version, {HERE: (stamp, wrong)})))
        assert InterpreterCache(str(home)).get(HERE).version == expected


def test_a_script_is_asked_every_time(tmp_path: Path) -> None:
    """A pyenv shim leads to another interpreter tomorrow, though it is the same file."""
    log = tmp_path / "log"
    path = script(tmp_path / "python3", log=log)
    cache = InterpreterCache(str(tmp_path / "home"))
    assert cache.get(str(path)).executable == HERE
    assert InterpreterCache(str(tmp_path / "home")).get(str(path)).executable == HERE
    assert log.read_text() == "x\nx\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("echo '{}'", id="an empty answer"),
        pytest.param("""echo '{"version": "3", "markers": {}, "tags": []}'""", id="half an answer"),
        pytest.param("""echo '{"version": 3.12, "markers": [], "tags": {}}'""", id="other types"),
        pytest.param("echo 'null'", id="null"),
        pytest.param("exit 0", id="silence"),
        pytest.param("echo oh dear >&2; exit 9", id="an error"),
        pytest.param("kill -9 $$", id="a signal"),
    ],
)
def test_an_executable_that_is_no_interpreter(tmp_path: Path, text: str) -> None:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    with pytest.raises(ProbeFailed) as caught:
        InterpreterCache(str(tmp_path / "home")).get(str(path))
    assert caught.value.reason
    assert not (tmp_path / "home/interpreters").exists()


def test_a_missing_executable(tmp_path: Path) -> None:
    with pytest.raises(ProbeFailed, match="can't be read"):
        InterpreterCache(str(tmp_path)).get(str(tmp_path / "nothing"))


@pytest.mark.property
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [(2, {"PATH": 1}), (2, []), (2,), {}, "text", (1, {}), None, (2, {1: ((1, 2), {})}), (2, {"x": 7})]
        ).map(marshal.dumps),
    )
)
def test_a_damaged_memory_costs_one_probe(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "interpreters").write_bytes(content)
    path = tmp_path / "python3"
    path.write_text(f"#!/bin/sh\necho '{ANSWER}'\n")
    path.chmod(0o755)
    assert InterpreterCache(str(tmp_path)).get(str(path)).version == "3.12.1"


@pytest.mark.parametrize(
    ("system", "machine", "implementation", "name"),
    [
        ("linux", "arm64", "cpython", "linux-aarch64-py312"),
        ("macos", "arm64", "cpython", "macos-arm64-py312"),
        ("linux", "x86_64", "pypy", "linux-x86_64-pypy312"),
        ("windows", "x86_64", "cpython", "windows-x86_64-py312"),
    ],
)
def test_a_target_is_called_as_in_the_tables_of_platforms(
    system: str, machine: str, implementation: str, name: str
) -> None:
    answer = {**probe(sys.executable), "system": system, "machine": machine, "implementation": implementation}
    found = interpreter_from_answer({**answer, "version": "3.12.1"}).target
    assert found.name == name
    assert platform_named(name.rpartition("-")[0]) is not None
