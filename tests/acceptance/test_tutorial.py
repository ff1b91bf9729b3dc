"""The tutorial of the guide, typed line by line: what it shows is printed, with the loopback index and the real one."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_cli.testing_transcripts import Shell, first_difference, parse_transcript
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "tutorial.md"
# The address in the page, and the Python that it pins; here they are others.
_ADDRESS = "localhost:8080"
_PINNED = "3.11"

# A build backend that is small and real, under the name of the one that `init --lib` asks for.
_BACKEND = """
import base64, hashlib, io, os, tarfile, tomllib, zipfile


WHEEL = "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def _project():
    with open("pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]


def _metadata(project):
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}"]
    lines += [f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {row}" for row in project["dependencies"]]
    for extra, rows in project.get("optional-dependencies", {}).items():
        lines += [f"Provides-Extra: {extra}", *(f"Requires-Dist: {row} ; extra == '{extra}'" for row in rows)]
    return "\\n".join(lines) + "\\n"


def get_requires_for_build_sdist(config_settings=None):
    return []


get_requires_for_build_wheel = get_requires_for_build_editable = get_requires_for_build_sdist


def _sources():
    for directory, _, names in os.walk("src"):
        yield from (os.path.join(directory, name) for name in sorted(names) if not name.endswith(".pyc"))


def build_sdist(directory, config_settings=None):
    project = _project()
    stem = f"{project['name']}-{project['version']}"
    with tarfile.open(os.path.join(directory, f"{stem}.tar.gz"), "w:gz") as archive:
        for path in ["pyproject.toml", "README.md", *_sources()]:
            archive.add(path, f"{stem}/{path}")
        content = _metadata(project).encode()
        member = tarfile.TarInfo(f"{stem}/PKG-INFO")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return f"{stem}.tar.gz"


def _wheel(directory, files):
    project = _project()
    stem = f"{project['name']}-{project['version']}"
    scripts = "".join(f"{name} = {place}\\n" for name, place in project.get("scripts", {}).items())
    files = dict(files)
    files[f"{stem}.dist-info/METADATA"] = _metadata(project)
    files[f"{stem}.dist-info/WHEEL"] = WHEEL
    files[f"{stem}.dist-info/entry_points.txt"] = f"[console_scripts]\\n{scripts}"
    rows = []
    with zipfile.ZipFile(os.path.join(directory, f"{stem}-py3-none-any.whl"), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(text.encode())}")
        record = f"{stem}.dist-info/RECORD"
        archive.writestr(zipfile.ZipInfo(record), "\\n".join([*rows, f"{record},,"]) + "\\n")
    return f"{stem}-py3-none-any.whl"


def build_wheel(directory, config_settings=None, metadata_directory=None):
    return _wheel(directory, {os.path.relpath(path, "src"): open(path).read() for path in _sources()})


def build_editable(directory, config_settings=None, metadata_directory=None):
    return _wheel(directory, {f"_{_project()['name']}.pth": os.path.abspath("src") + "\\n"})
"""
_COW = r"""
  ---
< moo >
  ---
   \   ^__^
    \  (oo)\_______
       (__)\       )\/\
           ||----w |
           ||     ||
"""


def _program(name: str, body: str) -> dict[str, bytes]:
    return {f"{name}/__init__.py": f"def main():\n    {body}\n".encode()}


def _scripts(name: str) -> str:
    return f"[console_scripts]\n{name} = {name}:main\n"


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    """An index of small distributions that need each other as the real ones of these names do."""
    top = tmp_path_factory.mktemp("tutorial")
    make_wheel(top, "hatchling", "1.99", files={"hatchling/__init__.py": b"", "hatchling/build.py": _BACKEND.encode()})
    for version in ("13.9.4", "15.0.0"):
        requires = ["markdown-it-py>=2.2.0", "pygments>=2.13.0,<3.0.0"]
        make_wheel(top, "rich", version, requires, files={"rich/__init__.py": b"from builtins import print\n"})
    make_wheel(top, "markdown-it-py", "4.0", ["mdurl~=0.1"])
    for name, version in (("mdurl", "0.1.2"), ("pygments", "2.19"), ("iniconfig", "2.1"), ("packaging", "25.0")):
        make_wheel(top, name, version)
    make_wheel(top, "pluggy", "1.6")
    make_wheel(top, "colorama", "0.4.6")
    make_wheel(top, "pyyaml", "6.0.3")
    needs = ["iniconfig>=2", "packaging>=24", "pluggy<2,>=1.6", "pygments>=2.15", "colorama; sys_platform == 'win32'"]
    passed = f"print('.{' ' * 72}[100%]\\n1 passed in 0.01s')"
    make_wheel(top, "pytest", "9.0", needs, files=_program("pytest", passed), entry_points=_scripts("pytest"))
    make_wheel(top, "ruff", "0.14", files=_program("ruff", "print('ruff 0.14')"), entry_points=_scripts("ruff"))
    cow = _program("pycowsay", f"print({_COW!r})")
    make_wheel(top, "pycowsay", "0.0.0.2", files=cow, entry_points=_scripts("pycowsay"))
    with StaticIndex(top) as server:
        yield server


@pytest.fixture
def uploads(tmp_path: Path) -> Iterator[str]:
    """Host and port of a pypiserver that takes whatever is uploaded."""
    packages = tmp_path / "packages"
    packages.mkdir()
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    line = [sys.executable, "-m", "pypiserver", "run", "-i", "127.0.0.1", "-p", str(port), "-P", ".", "-a", "."]
    with subprocess.Popen([*line, "--disable-fallback", str(packages)], stderr=subprocess.DEVNULL) as process:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
        process.terminate()


def type_tutorial(tmp_path: Path, uploads: str, **environ: str) -> None:
    """Type the whole page; each line that is printed must be the one that it shows."""
    programs, work = tmp_path / "programs", tmp_path / "work"
    programs.mkdir()
    work.mkdir()
    for name, words in (("blast", ""), ("bx", " tool run")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m blast_cli{words} "$@"\n')
        (programs / name).chmod(stat.S_IRWXU)
    variables = Blast(work, tmp_path / "home", {"BLAST_PYTHON": "", "HOME": str(tmp_path), **environ}).variables()
    # Its own interpreter first: that is what is found, and what is pinned.
    path = [str(programs), variables["BLAST_TOOL_BIN_DIR"], str(Path(sys.executable).parent), variables["PATH"]]
    shell = Shell(work, {**variables, "PATH": ":".join(path), "COLUMNS": "80"})
    page = _PAGE.read_text(encoding="utf-8").replace(_ADDRESS, uploads)
    page = page.replace(_PINNED, ".".join(map(str, sys.version_info[:2])))
    try:
        for step in parse_transcript(page):
            printed, _ = shell.run(step.command)
            while printed and not printed[-1]:
                printed.pop()
            wrong = first_difference(step.printed, printed)
            shown = "\n".join(printed)
            assert not wrong, f"{_PAGE.name}:{step.line}: $ {step.command}\n{wrong}; it printed\n{shown}"
    finally:
        shell.close()


@pytest.mark.skipif(sys.platform == "win32", reason="the tutorial is typed in bash")
@pytest.mark.timeout(300)
def test_the_tutorial(tmp_path: Path, loopback: StaticIndex, uploads: str) -> None:
    type_tutorial(tmp_path, uploads, BLAST_INDEX_URL=loopback.url)


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the tutorial is typed in bash")
@pytest.mark.timeout(900)
def test_the_tutorial_with_the_real_index(tmp_path: Path, uploads: str) -> None:
    type_tutorial(tmp_path, uploads)


def test_the_page_holds_commands_and_what_they_print() -> None:
    steps = parse_transcript(_PAGE.read_text(encoding="utf-8"))
    assert len(steps) > 60
    said = " ".join(step.command for step in steps)
    words = (
        "init",
        "add",
        "remove",
        "undo",
        "sync",
        "tree",
        "why",
        "task",
        "env",
        "python",
        "build",
        "publish",
        "export",
    )
    for word in words:
        assert f"blast {word}" in said
    written = next(step for step in steps if step.command.startswith("cat > src"))
    assert written.command.splitlines()[1] == '"""Greetings."""'
    assert written.printed == ()


@pytest.mark.parametrize(
    ("expected", "printed", "wrong"),
    [
        (["a … c"], ["a b c"], ""),
        (["a … c"], ["a b d"], "line 1 is 'a b d', not 'a … c'"),
        (["a", "…", "z"], ["a", "z"], ""),
        (["a", "…", "z"], ["a", "b", "c", "z"], ""),
        (["a", "…"], ["a"], ""),
        (["a", "…", "z"], ["a", "b"], "it ends before 'z'"),
        (["a"], ["a", "b"], "line 2 is 'b', not 'nothing more'"),
        (["a", "b"], ["a"], "it ends before 'b'"),
        ([], [], ""),
        (["…", "b", "…"], ["b", "b", "c"], ""),
    ],
)
def test_outputs_are_compared_line_by_line(expected: list[str], printed: list[str], wrong: str) -> None:
    assert first_difference(expected, printed) == wrong
