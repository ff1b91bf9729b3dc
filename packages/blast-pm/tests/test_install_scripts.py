"""Programs of environments run from everywhere, find their environment, and hold nothing but identifiers."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InstallError
from blast_pm.install.scripts import entry_point_script, rewrite_script

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = b"#!python\nimport sys\nprint(sys.executable, *sys.argv[1:], sep='|')\n"


def make_bin(directory: Path, content: bytes) -> Path:
    """Return a program in a ``bin`` with an interpreter beside it."""
    directory.mkdir(parents=True)
    (directory / "python").symlink_to(sys.executable)
    program = directory / "program"
    program.write_bytes(content)
    program.chmod(0o755)
    return program


def run(*line: str | Path, cwd: Path | None = None) -> str:
    return subprocess.run(line, capture_output=True, text=True, check=True, cwd=cwd).stdout.strip()


@pytest.fixture(params=["plain", "with blank", "quo'te", "dollar$HOME", "-dash"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_bin(tmp_path / request.param / "bin", rewrite_script(_PROGRAM))


def test_runs_with_the_interpreter_beside_it_and_passes_arguments_on(program: Path) -> None:
    assert run(program, "a b", "", "*") == f"{program.parent / 'python'}|a b||*"


def test_runs_after_it_was_moved(program: Path) -> None:
    moved = program.parent.parent.rename(program.parent.parent.with_name("elsewhere and back"))
    assert run(moved / "bin" / "program") == str(moved / "bin" / "python")


def test_runs_through_a_link_from_elsewhere(program: Path, tmp_path: Path) -> None:
    link = tmp_path / "link here"
    link.symlink_to(program)
    second = tmp_path / "second"
    second.symlink_to("link here")
    assert run(second) == str(program.parent.resolve() / "python")


def test_runs_by_a_relative_path_and_by_name(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("./program", cwd=program.parent) == "./python" or os.path.samefile(
        os.path.join(program.parent, run("./program", cwd=program.parent)), sys.executable
    )
    assert run("sh", "program", cwd=program.parent).endswith("python")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert run("program") == str(program.parent / "python")


def test_a_link_into_a_generation_leads_to_the_environment(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    generation = environment / ".blast" / "generations" / "7"
    make_bin(generation / "bin", rewrite_script(_PROGRAM))
    (environment / "bin").symlink_to(".blast/generations/7/bin")
    outside = tmp_path / "outside"
    outside.symlink_to(environment / "bin" / "program")
    assert run(outside) == str(environment / "bin" / "python")


def test_starts_no_other_program_on_its_way(tmp_path: Path) -> None:
    """With an empty PATH, ``dirname`` or ``readlink`` could not be found."""
    program = make_bin(tmp_path / "bin", rewrite_script(_PROGRAM))
    done = subprocess.run([program], capture_output=True, text=True, check=True, env={"PATH": ""})
    assert done.stdout.strip() == str(program.parent / "python")
    assert done.stderr == ""


def test_entry_point_calls_its_object(tmp_path: Path) -> None:
    script = make_bin(tmp_path / "bin", entry_point_script("os.path:sep.join"))
    assert b"sys.exit(sep.join())" in script.read_bytes()
    (tmp_path / "tool.py").write_text("class A:\n    @staticmethod\n    def main():\n        return 7\n")
    script = make_bin(tmp_path / "b" / "bin", entry_point_script("tool:A.main"))
    done = subprocess.run([script], check=False, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 7


@pytest.mark.parametrize(
    "reference",
    ["os", "os:", ":main", "os:system('x')", "os;import x:main", "a b:c", "os:x\nimport y", "os:x-y", "1a:b", "a..b:c"],
)
def test_refuses_a_reference_that_is_more_than_names(reference: str) -> None:
    with pytest.raises(InstallError, match="module:object"):
        entry_point_script(reference)


def test_a_script_keeps_its_docstring_encoding_and_future(tmp_path: Path) -> None:
    texts = {
        "doc": ('#!python\n"""Usage: x"""\nprint(__doc__)\n', "Usage: x"),
        "future": (
            '#!python\n"""Doc."""\nfrom __future__ import annotations\nprint(annotations.compiler_flag > 0)\n',
            "True",
        ),
        "cookie": ("#!python\n# -*- coding: latin-1 -*-\nprint(ascii('\xe4'))\n", "'\\xe4'"),
        "gui": ("#!pythonw\nprint(1)\n", "1"),
    }
    for name, (text, expected) in texts.items():
        assert run(make_bin(tmp_path / name, rewrite_script(text.encode("latin-1")))) == expected


@pytest.mark.parametrize("content", [b"#!/bin/sh\necho\n", b"\x7fELF", b"", b"#! python\n"])
def test_other_programs_stay_as_they_are(content: bytes) -> None:
    assert rewrite_script(content) == content


@pytest.mark.parametrize(
    "body", [b"x = " + b"-" * 200_000 + b"1\n", b"x = 1" + b"+1" * 100_000 + b"\n", b"(" * 100_000]
)
def test_a_script_that_no_parser_can_take_is_brought_as_it_is(body: bytes) -> None:
    """Nested deeply enough it stopped the whole installation as an internal error."""
    assert rewrite_script(b"#!python\n" + body).endswith(body)
