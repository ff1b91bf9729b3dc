"""``pip list``, ``freeze``, ``show``, ``check`` and ``tree`` say what pip and uv say, letter by letter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_metadata, make_wheel
from blast_project.testing_builds import source_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Oracle = Callable[..., tuple[int, str]]

pytestmark = pytest.mark.acceptance

_ABOUT = b"""\
Summary: What it is for
Home-page: https://index.invalid/alpha
Author: Ann O. Nym
Author-email: ann@index.invalid
License: MIT
Classifier: Programming Language :: Python
Classifier: Topic :: Utilities
Project-URL: Source, https://index.invalid/source
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    plain = make_metadata("Alpha_Beta", "1.0", ["Delta>=1", "gamma<2,>=1; python_version > '3'", "zeta; extra == 'x'"])
    head, _, rest = plain.partition(b"\n")
    about = head + b"\n" + _ABOUT + rest
    points = "[console_scripts]\nalpha = alpha_beta:main\n"
    files = {"alpha_beta/__init__.py": b"def main(): ...\n"}
    make_wheel(directory, "Alpha_Beta", "1.0", metadata=about, files=files, entry_points=points)
    make_wheel(directory, "alpha-beta", "1.5", ["delta", "gamma"])
    make_wheel(directory, "Delta", "1.0", ["gamma"])
    make_wheel(directory, "gamma", "1.0", ["omega.dotted"])
    make_wheel(directory, "gamma", "1.5", ["omega.dotted"])
    make_wheel(directory, "gamma", "2.0", ["omega.dotted"])
    make_wheel(directory, "gamma", "3.0a1", ["omega.dotted"])
    make_wheel(directory, "omega.dotted", "0.1")
    modern = make_metadata("modern", "1.0").replace(b"Metadata-Version: 2.1", b"Metadata-Version: 2.4", 1)
    head, _, rest = modern.partition(b"\n")
    more = b"\nLicense-Expression: MIT OR Apache-2.0\nProject-URL: Home Page, https://index.invalid/m\n"
    make_wheel(directory, "modern", "1.0", metadata=head + more + rest)
    for one, other in (("ring-a", "ring-b"), ("ring-b", "ring-a")):
        make_wheel(directory, one, "1.0", [other])
    return directory


@pytest.fixture(scope="module")
def index(wheels: Path) -> Iterator[StaticIndex]:
    with StaticIndex(wheels) as server:
        yield server


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, index: StaticIndex) -> Blast:
    """A directory with `env`: an environment with pip, in which Blast installed all kinds of things."""
    directory = tmp_path_factory.mktemp("place")
    blast = Blast(directory, tmp_path_factory.mktemp("home"), {"BLAST_INDEX_URL": index.url})
    subprocess.run([sys.executable, "-m", "venv", directory / "env"], check=True)
    for name, content in source_tree(directory / "log", requires=("gamma",)).items():
        path = directory / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (directory / "archive").mkdir()
    archive = make_wheel(directory / "archive", "packed", "2.0")
    blast("pip", "install", "-p", "env", "Alpha-Beta==1.0", "modern", "ring-a", "-e", "./lib", archive)
    return blast


@pytest.fixture(scope="module")
def pip(place: Blast) -> Oracle:
    """Run the environment's pip."""

    def run(*words: str) -> tuple[int, str]:
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
        environ |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONFIG_FILE": os.devnull}
        # The newest pip here, at work on that environment.
        line = [sys.executable, "-m", "pip", "--python", str(place.directory / "env/bin/python"), *words]
        done = subprocess.run(line, capture_output=True, text=True, check=False, env=environ, cwd=place.directory)
        return done.returncode, done.stdout

    return run


@pytest.fixture(scope="module")
def uv(place: Blast) -> Oracle:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("NO UV: it is not installed")

    def run(*words: str) -> tuple[int, str]:
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("UV_", "VIRTUAL_ENV"))}
        line = [found, "pip", *words, "--python", str(place.directory / "env")]
        done = subprocess.run(line, capture_output=True, text=True, check=False, env=environ, cwd=place.directory)
        return done.returncode, done.stdout

    return run


def ours(place: Blast, *words: str) -> tuple[int, str]:
    done = place.run("pip", *words, "-p", "env")
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["list", "--format", "freeze"],
        ["list", "--format", "json"],
        ["list", "-v"],
        ["list", "--editable"],
        ["list", "--exclude-editable"],
        ["list", "--exclude", "alpha.beta", "--exclude", "pip"],
        ["list", "--not-required"],
        ["list", "--format", "json", "--not-required"],
        ["freeze"],
        ["freeze", "--all"],
        ["freeze", "--exclude-editable"],
        ["freeze", "--exclude", "Delta"],
        ["show", "alpha-beta"],
        ["show", "-f", "alpha_beta", "gamma", "lib", "modern"],
        ["show", "-v", "alpha-beta", "modern"],
        ["show", "gamma", "missing"],
        ["show", "missing"],
        ["check"],
    ],
    ids=" ".join,
)
def test_it_is_what_pip_says(place: Blast, pip: Oracle, words: list[str]) -> None:
    assert ours(place, *words) == pip(*words)


def comparable(text: str, command: str) -> list[str]:
    """Return the lines without what is a matter of taste: where a circle begins, how names are spelled."""
    lines = [line for line in text.splitlines() if "ring-" not in line]
    return (
        [line.lower().replace("_", "-").replace("omega.", "omega-") for line in lines] if command == "list" else lines
    )


@pytest.mark.parametrize(
    "words",
    [
        ["tree"],
        ["tree", "--depth", "1"],
        ["tree", "--invert"],
        ["tree", "--no-dedupe"],
        ["tree", "--prune", "gamma"],
        ["tree", "--package", "delta"],
        ["tree", "--package", "gamma", "--invert"],
        ["tree", "--show-version-specifiers"],
        ["tree", "--show-version-specifiers", "--invert"],
        ["list", "--format", "freeze"],
    ],
    ids=" ".join,
)
def test_it_is_what_uv_says(place: Blast, uv: Oracle, words: list[str]) -> None:
    status, said = uv(*words)
    found_status, found = ours(place, *words)
    assert found_status == status
    assert comparable(found, words[0]) == comparable(said, words[0])


def test_broken_environments_are_told_as_pip_tells_them(place: Blast, pip: Oracle) -> None:
    site = next((place.directory / "env/lib").glob("python*/site-packages"))
    broken = site / "broken_one-1.0.dist-info"
    broken.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: Broken_One", "Version: 1.0"]
    lines += ["Requires-Dist: gamma>=7,<9", "Requires-Dist: nowhere>=2", "Requires-Dist: never; python_version < '3'"]
    (broken / "METADATA").write_text("\n".join([*lines, ""]))
    (broken / "WHEEL").write_text("Wheel-Version: 1.0\nTag: cp27-cp27m-win32\n")
    try:
        said = ours(place, "check")
        assert said == pip("check")
        assert said[0] == 1
        (broken / "METADATA").write_text("\n".join([*lines[:3], "Requires-Python: <3", ""]))
        document = json.loads(place.run("pip", "check", "-p", "env", "--json").stdout)
        assert {row["kind"] for row in document["problems"]} == {"python", "platform"}
    finally:
        shutil.rmtree(broken)


def test_newer_versions_are_told_as_pip_tells_them(place: Blast, pip: Oracle, index: StaticIndex) -> None:
    place("pip", "install", "-p", "env", "gamma==1.0")
    options = ["--index-url", index.url]
    for words in (["list", "--outdated"], ["list", "--outdated", "--format", "json"], ["list", "--outdated", "--pre"]):
        expected = pip(*words, *options, "--trusted-host", "127.0.0.1", "--exclude", "pip")
        assert ours(place, *words, "--exclude", "pip") == (expected[0], expected[1])
    current = ours(place, "list", "--uptodate", "--format", "freeze")[1].splitlines()
    assert "Delta==1.0" in current
    assert not [line for line in current if line.startswith("gamma")]


def test_places_are_listed_in_json(place: Blast) -> None:
    shown = place.json("pip", "show", "-f", "alpha-beta", "-p", "env")["packages"][0]
    assert (shown["name"], shown["version"], shown["requires"]) == ("Alpha_Beta", "1.0", ["Delta", "gamma"])
    assert "../../../bin/alpha" in shown["files"]
    tree = place.json("pip", "tree", "-p", "env")
    assert {"name": "delta", "needs": "gamma", "specifier": ""} in tree["needs"]
    frozen = place.json("pip", "freeze", "-p", "env")["packages"]
    assert {row["name"]: row["requirement"] for row in frozen}["gamma"].startswith("gamma==")


def test_an_editable_from_a_repository_is_frozen_by_its_commit(place: Blast, pip: Oracle) -> None:
    if shutil.which("git") is None:
        pytest.skip("NO GIT: it is not installed")
    library = place.directory / "lib"

    def git(*words: str) -> None:
        config = ["-c", "user.name=a", "-c", "user.email=a@index.invalid", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", library, *config, *words], check=True, capture_output=True)

    git("init", "-q")
    try:
        git("add", ".")
        git("commit", "-q", "-m", "one")
        assert ours(place, "freeze") == pip("freeze")
        git("remote", "add", "origin", "https://index.invalid/lib.git")
        said = ours(place, "freeze")
        assert said == pip("freeze")
        assert "-e git+https://index.invalid/lib.git@" in said[1]
    finally:
        shutil.rmtree(library / ".git")


def test_blasts_own_environments_say_the_same(tmp_path: Path, index: StaticIndex) -> None:
    directory = tmp_path / "project"
    directory.mkdir()
    blast = Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": index.url})
    blast("venv")
    blast("pip", "install", "alpha-beta==1.0")
    assert blast("pip", "freeze").stdout.split() == ["Alpha_Beta==1.0", "Delta==1.0", "gamma==1.5", "omega.dotted==0.1"]
    assert "Required-by: Alpha_Beta, Delta" in blast("pip", "show", "gamma").stdout
    assert blast("pip", "check").stdout == "No broken requirements found.\n"
    assert blast("pip", "tree", "--depth", "0").stdout == "alpha-beta v1.0\n"
    assert blast.json("pip", "uninstall", "alpha-beta")["generation"] == 3
    blast("undo")
    assert "Alpha_Beta==1.0" in blast("pip", "freeze").stdout
