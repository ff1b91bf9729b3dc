"""Real distributions in every link mode against uv's environment: files, modes, metadata, programs.

A few small ones in every run. ``BLAST_TESTS_EQUIVALENCE`` names a folder of wheels to take instead, one of each
project, such as those of a large one; docs/equivalence.md says what came of it.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core.reporter import SilentReporter
from blast_pm.install.link import MODES
from blast_pm.install.testing import WheelStore, running_interpreter, seen_files
from blast_project.environment.manager import Composition, VenvManager

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from blast_pm.store.cache import StoredDistribution

pytestmark = pytest.mark.network

_GIVEN = os.environ.get("BLAST_TESTS_EQUIVALENCE", "")

# Small ones: namespaces of all kinds, native code, data files, programs of .data/scripts, stubs, a copied file.
_PROJECTS = (
    *(
        "attrs",
        "blinker",
        "certifi",
        "cffi",
        "click",
        "flask",
        "googleapis-common-protos",
        "idna",
        "itsdangerous",
        "jinja2",
    ),
    *("jmespath", "jupyterlab-widgets", "markupsafe", "packaging", "pluggy", "protobuf", "pycparser", "pyyaml"),
    *("requests", "ruamel.yaml", "ruamel.yaml.clib", "six", "sphinxcontrib-jsmath", "types-pyyaml", "werkzeug"),
    *("zope.event", "zope.interface"),
)

_METADATA = """
import importlib.metadata as m, json
rows = {}
for d in m.distributions():
    texts = [d.read_text("WHEEL"), d.read_text("METADATA"), d.read_text("entry_points.txt")]
    rows[d.metadata["Name"]] = [d.version, sorted(map(str, d.entry_points)), sorted(d.requires or []), texts]
named = sorted(m.packages_distributions().items())
# mypyc's shared modules have names that no import statement can name; a folded environment does not list them all.
packages = {k: sorted(v) for k, v in named if k != "__pycache__" and (k.isidentifier() or not k.endswith("__mypyc"))}
print(json.dumps([rows, packages]))
"""


class Compared:
    """Environments with the same distributions: one of uv's, and those of Blast's that were asked for.

    Attributes:
        store: Blast's.
        stored: what is in it.
        peer: uv's environment.
    """

    def __init__(self, top: Path, store: WheelStore, stored: tuple[StoredDistribution, ...]) -> None:
        self.store = store
        self.stored = stored
        self.peer = top / "uv"
        self._top = top

    def environment(self, mode: str) -> Path:
        """Return the environment in a link mode, made when it is first asked for."""
        where = self._top / mode
        if not where.exists():
            composition = Composition(self.stored, "test", mode)
            VenvManager(str(where)).apply(running_interpreter(), composition, SilentReporter())
        return where


def download(folder: Path) -> list[Path]:
    """Download wheels of the small projects that fit here."""
    line = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    subprocess.run([*line, *_PROJECTS], check=True)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    uv = shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable))
    if uv is None:
        pytest.skip("NO PEER: uv is not installed")
    top = tmp_path_factory.mktemp("equal")
    paths = sorted(Path(_GIVEN).glob("*.whl")) if _GIVEN else download(top / "downloads")
    with WheelStore(top) as store:
        compared = Compared(top, store, tuple(store.add(str(path)) for path in paths))
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, compared.peer], check=True)
        offline = ["--no-index", "--no-deps", "-q", "--link-mode", "copy"]
        python = ["--python", str(compared.peer / "bin/python")]
        subprocess.run([uv, "pip", "install", *offline, *python, *map(str, paths)], check=True)
        yield compared


def is_compared(path: str) -> bool:
    """Leave out what each installer writes for itself, and Blast's top_level.txt for folded distributions."""
    name = path.rpartition("/")[2]
    own = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "top_level.txt"}
    if ".dist-info/" in path and name in own:
        return False
    return "__pycache__" not in path and not name.startswith("_virtualenv")


def files_of(environment: Path) -> dict[str, bytes]:
    """Return the content of every file that is compared."""
    found = seen_files(str(environment), "lib", "share", "etc")
    return {path: content for path, content in found.items() if is_compared(path)}


def executables(environment: Path, paths: Mapping[str, bytes]) -> set[str]:
    """Return those of the files that may be executed."""
    return {path for path in paths if os.stat(environment / path).st_mode & 0o111}


@pytest.mark.parametrize("mode", MODES)
def test_files_are_the_same(compared: Compared, mode: str) -> None:
    environment = compared.environment(mode)
    found, expected = files_of(environment), files_of(compared.peer)
    assert found.keys() == expected.keys()
    assert [path for path in found if found[path] != expected[path]] == []
    assert executables(environment, found) == executables(compared.peer, expected)


@pytest.mark.parametrize("mode", ["clone", "copy"])
def test_files_of_their_own_have_the_same_permissions(compared: Compared, mode: str) -> None:
    environment = compared.environment(mode)
    for path in files_of(environment):
        assert stat.S_IMODE(os.stat(environment / path).st_mode) == stat.S_IMODE(os.stat(compared.peer / path).st_mode)


@pytest.mark.parametrize("mode", MODES)
def test_metadata_and_entry_points_are_the_same(compared: Compared, mode: str) -> None:
    assert ask(compared.environment(mode)) == ask(compared.peer)


def ask(environment: Path) -> object:
    """Return what importlib.metadata knows of an environment."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    line = [str(environment / "bin/python"), "-c", _METADATA]
    answer = json.loads(subprocess.run(line, capture_output=True, text=True, check=True, env=clean).stdout)
    answer[1].pop("_virtualenv", None)
    return answer


@pytest.mark.parametrize("mode", MODES)
def test_programs_are_the_same(compared: Compared, mode: str) -> None:
    own = {"activate", "Activate", "deactivate", "python", "pydoc"}
    programs = [
        {name for name in os.listdir(where / "bin") if not name.startswith(tuple(own))}
        for where in (compared.environment(mode), compared.peer)
    ]
    assert programs[0] == programs[1]
    assert "flask" in programs[0]
    line = [str(compared.environment(mode) / "bin/flask"), "--version"]
    assert "Werkzeug" in subprocess.run(line, capture_output=True, text=True, check=True).stdout


def test_the_store_is_as_it_was(compared: Compared) -> None:
    for mode in MODES:
        compared.environment(mode)
    for one in compared.stored:
        assert compared.store.cache.verify_object(one.blake3).is_sound
