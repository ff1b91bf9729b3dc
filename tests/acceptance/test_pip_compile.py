"""``pip compile`` writes what uv and pip-compile write, byte by byte below the header."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

_MANIFEST = """\
[project]
name = "app"
version = "1.0"
dependencies = ["beta"]

[project.optional-dependencies]
deep = ["delta"]
all = ["app[deep]", "gamma"]

[dependency-groups]
dev = ["omega"]
"""
_LIBRARY = """\
[project]
name = "library"
version = "1.0"
dependencies = ["beta<2"]

[build-system]
requires = []
build-backend = "none"
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    make_wheel(directory, "Alpha_One", "1.0", ["beta>=1", "gamma; extra == 'deep'"], extras=["deep"])
    for version in ("1.0", "1.5", "2.0"):
        make_wheel(directory, "beta", version)
    make_wheel(directory, "delta", "1.0", ["beta", "gamma"])
    make_wheel(directory, "gamma", "0.3", ["omega; sys_platform == 'win32'"])
    make_wheel(directory, "gamma", "0.4", ["omega; sys_platform == 'win32'"])
    make_wheel(directory, "omega", "1.0", tag="py3-none-any")
    make_wheel(directory, "omega", "1.0", tag="cp311-cp311-win_amd64")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def blast(tmp_path: Path, index: StaticIndex) -> Blast:
    directory = tmp_path / "project"
    directory.mkdir()
    files = {
        "one.in": "alpha-one[deep]\nbeta\n",
        "two.in": "# two\ndelta ; python_version > '3'\nnothing ; python_version < '3'\n",
        "limits.txt": "beta<2\nabsent<3\n",
        "links.in": "gamma ; sys_platform == 'win32'\nomega ; sys_platform == 'win32'\nbeta\n",
        "local.in": "-e ./library\nbeta\n",
        "path.in": "./library\ngamma\n",
        "sub/pyproject.toml": _MANIFEST,
        "library/pyproject.toml": _LIBRARY,
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": index.url})


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"NO {name.upper()}: it is not installed")
    return found


def below_header(text: str) -> list[str]:
    """Return the lines without those at the top that say which command made them."""
    lines = text.splitlines()
    while lines and lines[0].startswith("#"):
        del lines[0]
    return lines


def files_first(line: str) -> str:
    """Return an annotation behind a pin as pip-compile sorts it; uv puts files last."""
    pin, via, askers = line.partition("  # via ")
    return f"{pin}{via}{', '.join(sorted(askers.split(', ')))}" if via else line


def run(blast: Blast, *words: str, text: str = "") -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("UV_", "PIP_", "PYTHON"))}
    environ = {**clean, "PIP_CONFIG_FILE": os.devnull, "UV_CACHE_DIR": str(blast.home / "uv")}
    done = subprocess.run(
        words, cwd=blast.directory, env=environ, capture_output=True, text=True, check=False, input=text or None
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


_CASES = [
    ["one.in"],
    ["one.in", "two.in"],
    ["one.in", "-c", "limits.txt"],
    ["one.in", "two.in", "--generate-hashes"],
    ["one.in", "two.in", "--annotation-style", "line"],
    ["one.in", "two.in", "-c", "limits.txt", "--annotation-style", "line"],
    ["one.in", "--annotation-style", "line", "--generate-hashes"],
    ["one.in", "--no-annotate"],
    ["one.in", "--no-strip-extras"],
    ["sub/pyproject.toml"],
    ["sub/pyproject.toml", "--extra", "all"],
    ["sub/pyproject.toml", "--all-extras", "--no-annotate"],
]


@pytest.mark.parametrize(
    "words",
    [
        *_CASES,
        ["sub/pyproject.toml", "--group", "sub/pyproject.toml:dev"],
        ["--group", "sub/pyproject.toml:dev"],
        ["local.in"],
        ["path.in"],
        ["links.in", "--universal"],
        ["one.in", "two.in", "--universal", "--generate-hashes"],
        ["links.in", "--python-platform", "windows"],
        ["one.in", "--no-deps"],
        ["one.in", "--no-emit-package", "beta", "--no-emit-package", "gamma"],
        ["one.in", "two.in", "--resolution", "lowest"],
        ["one.in", "--no-header"],
    ],
    ids=" ".join,
)
def test_it_is_what_uv_writes(blast: Blast, index: StaticIndex, words: list[str]) -> None:
    options = ["--index-url", index.url, "--no-config", "--python", sys.executable, "--no-cache"]
    expected = run(blast, tool("uv"), "pip", "compile", "-q", *options, *words)
    said = blast("pip", "compile", *words).stdout
    assert below_header(said) == [files_first(line) for line in below_header(expected)]
    assert said.startswith("#") == expected.startswith("#")


@pytest.mark.parametrize("words", [case for case in _CASES if "--no-strip-extras" not in case], ids=" ".join)
def test_it_is_what_pip_compile_writes(blast: Blast, index: StaticIndex, words: list[str]) -> None:
    line = [tool("pip-compile"), "-q", "--output-file=-", "--no-emit-index-url", "--no-emit-trusted-host"]
    line += ["--index-url", index.url, "--trusted-host", "127.0.0.1", "--no-config", "--cache-dir", str(blast.home)]
    # pip-compile repeats a marker that holds here anyway; uv, whose way this is, does not.
    (blast.directory / "two.in").write_text("delta\n")
    strip = [] if "--no-strip-extras" in words else ["--strip-extras"]
    if any(word.endswith(".toml") for word in words):
        pytest.importorskip("build")
        manifest = blast.directory / "sub/pyproject.toml"
        # pip-compile builds what it reads; this is the least that can be built.
        manifest.write_text(_MANIFEST.replace("app[deep]", "delta") + _BACKEND)
        (manifest.parent / "none.py").write_text(_NONE)
        line.append("--no-build-isolation")
    try:
        expected = run(blast, *line, *strip, *words)
    except AssertionError as error:
        if "No module named" in str(error) or "unexpected keyword" in str(error):
            pytest.skip(f"NO PIP-COMPILE: it does not work with this pip: {str(error)[-200:]}")
        raise
    assert below_header(blast("pip", "compile", *words).stdout) == below_header(expected)


_BACKEND = '\n[build-system]\nrequires = []\nbuild-backend = "none"\nbackend-path = ["."]\n'
_NONE = """\
import os


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(directory, config_settings=None):
    import tomllib

    with open("pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    info = os.path.join(directory, "app-1.0.dist-info")
    os.makedirs(info)
    lines = ["Metadata-Version: 2.1", "Name: app", "Version: 1.0"]
    lines += [f"Requires-Dist: {line}" for line in project["dependencies"]]
    for extra, rows in project["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {row}; extra == "{extra}"' for row in rows)]
    with open(os.path.join(info, "METADATA"), "w") as file:
        file.write("\\n".join([*lines, ""]))
    return os.path.basename(info)
"""


def test_the_header_says_the_command(blast: Blast) -> None:
    said = blast("pip", "compile", "one.in", "-o", "out.txt", "--annotation-style=line", "-q", "--no-progress")
    assert said.stdout == ""
    head = (blast.directory / "out.txt").read_text().splitlines()[:2]
    assert head == [
        "# This file was autogenerated by blast via the following command:",
        "#    blast pip compile one.in -o out.txt --annotation-style=line",
    ]
    secret = blast("pip", "compile", "one.in", "--index-url", blast.environ["BLAST_INDEX_URL"]).stdout
    assert "127.0.0.1" not in secret
    said = blast("pip", "compile", "one.in", "--custom-compile-command", "make pins")
    assert said.stdout.splitlines()[1] == "#    make pins"
    said = blast("pip", "compile", "one.in", CUSTOM_COMPILE_COMMAND="make them")
    assert said.stdout.splitlines()[1] == "#    make them"


def test_indexes_and_links_are_written(blast: Blast, index: StaticIndex) -> None:
    (blast.directory / "wheels").mkdir()
    make_wheel(blast.directory / "wheels", "omega", "9.0")
    said = blast(
        "pip", "compile", "-", "--find-links", "wheels", "--emit-index-url", "--emit-find-links",
        "--emit-index-annotation", "--no-header", "one.in",
    ).stdout  # fmt: skip
    lines = said.splitlines()
    assert lines[:4] == [f"--index-url {index.url.rstrip('/')}", "--find-links wheels", "", "alpha-one==1.0"]
    assert f"    # from {index.url.rstrip('/')}" in lines


def test_what_was_written_is_preferred(blast: Blast) -> None:
    out = blast.directory / "out.txt"
    out.write_text("beta==1.0\ngamma==0.3\n")
    words = ["pip", "compile", "one.in", "-o", "out.txt", "--no-header", "--no-annotate", "-q"]
    blast(*words)
    assert out.read_text() == "alpha-one==1.0\nbeta==1.0\ngamma==0.3\n"
    blast(*words, "-P", "beta<2")
    assert out.read_text() == "alpha-one==1.0\nbeta==1.5\ngamma==0.3\n"
    blast(*words, "--upgrade")
    assert out.read_text() == "alpha-one==1.0\nbeta==2.0\ngamma==0.4\n"
    blast(*words)
    assert out.read_text() == "alpha-one==1.0\nbeta==2.0\ngamma==0.4\n"


def test_overrides_replace_requirements(blast: Blast) -> None:
    (blast.directory / "o.txt").write_text("beta==1.0\n")
    said = blast("pip", "compile", "one.in", "--override", "o.txt", "--no-annotate", "--no-header").stdout
    assert "beta==1.0" in said.splitlines()


def test_standard_input_is_a_file(blast: Blast) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", "pip", "compile", "-", "--no-header"],
        cwd=blast.directory,
        env=blast.variables(),
        input="gamma\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "gamma==0.4\n"


@pytest.mark.parametrize("universal", [[], ["--universal"]], ids=["here", "everywhere"])
def test_a_pylock_is_written_that_others_read(blast: Blast, universal: list[str]) -> None:
    blast("pip", "compile", "links.in", "one.in", "-o", "pylock.toml", *universal)
    document = tomllib.loads((blast.directory / "pylock.toml").read_text())
    names = [row["name"] for row in document["packages"]]
    assert names == (["alpha-one", "beta", "gamma", "omega"] if universal else ["alpha-one", "beta", "gamma"])
    assert "tool" not in document
    assert all("tool" not in row for row in document["packages"])
    packaging = pytest.importorskip("packaging.pylock")
    packaging.Pylock.from_dict(document)
    # uv installs it.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", blast.directory / "env"], check=True)
    run(blast, tool("uv"), "pip", "sync", "-q", "--no-cache", "--python", "env", "pylock.toml", "--preview")
    assert blast("pip", "freeze", "-p", "env", "--all").stdout.split() == ["Alpha_One==1.0", "beta==2.0", "gamma==0.4"]
    # What it holds is preferred.
    text = (blast.directory / "pylock.toml").read_text()
    (blast.directory / "pylock.toml").write_text(text.replace('version = "2.0"', 'version = "1.5"'))
    pins = blast.json("pip", "compile", "links.in", "one.in", "-o", "pylock.toml", *universal)["packages"]
    assert {"name": "beta", "version": "1.5"} in pins
