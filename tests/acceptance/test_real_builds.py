"""Real projects from source distributions on the index: ``blast build``, install what came out, import it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_core.reporter import SilentReporter
from blast_project.session import Session
from blast_project.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.acceptance, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(900)]

# Distribution, what its build shows, and something that it does.
_PROJECTS = {
    "attrs": ("hatchling with plugins", "import attrs; print(attrs.asdict(attrs.make_class('C', ['x'])(3))['x'])"),
    "flask": ("flit", "import flask; print(flask.Flask('a').test_client().get('/').status_code)"),
    "httpx": ("hatchling", "import httpx; print(httpx.URL('http://h/a').path)"),
    "rich": ("poetry-core", "from rich.text import Text; print(Text('abc').plain)"),
    "poetry-core": ("a backend that builds itself", "import poetry.core; print(poetry.core.__version__)"),
    "frozenlist": ("Cython, by a backend of its own", "import frozenlist; print(len(frozenlist.FrozenList([1, 2])))"),
    "docopt": ("setuptools without pyproject.toml", "import docopt; print(docopt.docopt('Usage: a', []))"),
    "pluggy": ("setuptools with a version from git", "import pluggy; print(pluggy.PluginManager('a').project_name)"),
    "pdm-backend": ("pdm's backend", "import pdm.backend; print(pdm.backend.__name__)"),
    "markupsafe": ("setuptools with an extension", "import markupsafe; print(markupsafe.escape('<'))"),
}
# Their wheels come from other tools: meson, maturin.
_WHEELS = {
    "numpy": "import numpy; print(numpy.arange(3).sum())",
    "rpds-py": "import rpds; print(len(rpds.HashTrieMap({1: 2})))",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def download_sdist(name: str, directory: Path, home: Path) -> Path:
    """Bring the newest source distribution of a project from the index that pip's configuration leads to."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("BLAST_")}
    with Session(Settings(str(directory), str(home), environ), SilentReporter()) as session:
        files = [file for file in session.client.page(name).files if file.filename.endswith(".tar.gz")]
        path = directory / files[-1].filename
        session.client.download(files[-1], str(path), None)
    return path


@pytest.mark.parametrize("name", _PROJECTS)
def test_builds_and_runs(name: str, tmp_path: Path, home: Path) -> None:
    archive = download_sdist(name, tmp_path, home)
    blast = Blast(tmp_path, home)
    blast("build", archive.name, "-o", "out")
    (wheel,) = (tmp_path / "out").glob("*.whl")
    blast("venv", "-p", sys.executable)
    blast("pip", "install", str(wheel))
    assert blast.python(_PROJECTS[name][1]).strip()


@pytest.mark.parametrize("name", _WHEELS)
def test_installs_wheels_of_other_tools(name: str, tmp_path: Path, home: Path) -> None:
    blast = Blast(tmp_path, home)
    blast("venv", "-p", sys.executable)
    blast("pip", "install", name)
    assert blast.python(_WHEELS[name]).strip()
