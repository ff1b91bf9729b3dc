"""Real distributions in Blast's environments, against uv's: same files, same metadata, safe under pip and uv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from blast_core.reporter import SilentReporter
from blast_pm.install.testing import WheelStore, running_interpreter, seen_files
from blast_project.environment.drift import find_drift
from blast_project.environment.manager import Composition, VenvManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_pm.store.cache import StoredDistribution

pytestmark = [pytest.mark.network, pytest.mark.slow]

# Namespaces of all three kinds, bundled libraries, data files, .data scripts, programs, stubs, a copied file.
_PROJECTS = (
    *("attrs", "certifi", "cffi", "click", "google-api-core", "google-auth", "google-cloud-core"),
    *("googleapis-common-protos", "ipykernel", "jmespath", "jupyterlab-pygments", "jupyterlab-widgets", "markupsafe"),
    *("numpy", "pillow", "proto-plus", "protobuf", "pycparser", "pyyaml", "ruamel.yaml", "ruamel.yaml.clib", "ruff"),
    *("scipy", "setuptools", "six", "sphinxcontrib-applehelp", "sphinxcontrib-jsmath", "types-pyyaml", "wheel"),
    *("widgetsnbextension", "zope.event", "zope.interface"),
)

_IMPORTS = """
import attr, certifi, cffi, click, jmespath, markupsafe, numpy.linalg, PIL.Image, scipy.linalg, scipy.sparse, yaml
import google.protobuf.message, google.api_core.exceptions, google.rpc.status_pb2, google.cloud.version, proto
import ruamel.yaml, zope.interface, zope.event, importlib.util, setuptools, six
assert importlib.util.find_spec('sphinxcontrib.jsmath') and importlib.util.find_spec('sphinxcontrib.applehelp')
import numpy as np
print(round(float(scipy.linalg.det(np.eye(3) * 2)), 6), PIL.Image.new("RGB", (2, 2)).getpixel((0, 0)))
print(yaml.__with_libyaml__)
"""

_METADATA = """
import importlib.metadata as m, importlib.resources as r, json, pkgutil
rows = {}
for d in m.distributions():
    texts = [d.read_text("WHEEL"), d.read_text("METADATA")]
    rows[d.metadata["Name"]] = [d.version, sorted(map(str, d.entry_points)), sorted(d.requires or []), texts]
packages = {k: sorted(v) for k, v in sorted(m.packages_distributions().items()) if k != "__pycache__"}
scripts = sorted(map(str, m.entry_points(group="console_scripts")))
authorities = len(r.files("certifi").joinpath("cacert.pem").read_bytes())
print(json.dumps([rows, packages, scripts, authorities, sorted(x.name for x in pkgutil.iter_modules())]))
"""


class Real(NamedTuple):
    """The store, what is in it, and three environments with all of it."""

    store: WheelStore
    stored: tuple[StoredDistribution, ...]
    wheels: Path
    fold: Path
    hardlink: Path
    uv: Path


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    uv = shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable))
    if uv is None:
        pytest.skip("NO PEER: uv is not installed")
    top = tmp_path_factory.mktemp("real")
    wheels = top / "downloads"
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(wheels)]
    subprocess.run([*download, *_PROJECTS], check=True)
    with WheelStore(top) as store:
        stored = tuple(store.add(str(path)) for path in sorted(wheels.iterdir()))
        real = Real(store, stored, wheels, top / "fold", top / "hardlink", top / "uv")
        for mode in ("fold", "hardlink"):
            apply(real, getattr(real, mode), mode)
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, real.uv], check=True)
        offline = ["--no-index", "--find-links", str(wheels), "--no-deps", "-q"]
        subprocess.run([uv, "pip", "install", *offline, "--python", real.uv / "bin/python", *_PROJECTS], check=True)
        yield real


def apply(real: Real, environment: Path, mode: str = "fold") -> None:
    composition = Composition(real.stored, "test", mode)
    VenvManager(str(environment)).apply(running_interpreter(), composition, SilentReporter())


def run(*line: str | Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=clean)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(environment: Path, *arguments: str | Path) -> str:
    return run(sys.executable, "-m", "pip", "--python", environment / "bin/python", "--no-input", *arguments)


def is_compared(path: str) -> bool:
    """Leave out what each installer writes for itself, and Blast's top_level.txt for folded distributions."""
    name = path.rpartition("/")[2]
    own = {"RECORD", "INSTALLER", "REQUESTED", "uv_cache.json", "top_level.txt"}
    return (
        "__pycache__" not in path
        and not (".dist-info/" in path and name in own)
        and not path.endswith("virtualenv.pth")
    )


@pytest.mark.parametrize("mode", ["fold", "hardlink"])
def test_the_same_files_as_uv(real: Real, mode: str) -> None:
    tops = ("lib", "share", "etc")
    found, expected = (
        {path: content for path, content in seen_files(str(where), *tops).items() if is_compared(path)}
        for where in (getattr(real, mode), real.uv)
    )
    assert found.keys() == expected.keys()
    assert [path for path in found if found[path] != expected[path]] == []
    programs = {name for name in os.listdir(real.uv / "bin") if "activate" not in name.lower() and name != "pydoc.bat"}
    assert programs <= set(os.listdir(getattr(real, mode) / "bin"))


def test_everything_imports_and_native_code_works(real: Real) -> None:
    expected = run(real.uv / "bin/python", "-c", _IMPORTS)
    for environment in (real.fold, real.hardlink):
        assert run(environment / "bin/python", "-c", _IMPORTS) == expected


def test_metadata_answers_as_in_uvs_environment(real: Real) -> None:
    expected = run(real.uv / "bin/python", "-c", _METADATA).replace('"_virtualenv", ', "")
    for environment in (real.fold, real.hardlink):
        assert run(environment / "bin/python", "-c", _METADATA) == expected


def test_programs_and_data_files_work(real: Real) -> None:
    for environment in (real.fold, real.hardlink):
        assert run(environment / "bin/ruff", "--version").startswith("ruff ")
        assert "usage" in run(environment / "bin/jp.py", "--help").lower()
        assert run(environment / "bin/wheel", "version").startswith("wheel ")
        assert (environment / "share/jupyter/kernels/python3/kernel.json").is_file()


def test_pip_and_uv_list_the_same_and_pip_check_says_the_same(real: Real) -> None:
    expected = pip(real.uv, "list", "--format", "freeze")
    for environment in (real.fold, real.hardlink):
        assert pip(environment, "list", "--format", "freeze") == expected
    line = [sys.executable, "-m", "pip", "--python", "bin/python", "check"]
    answers = {
        subprocess.run(line, cwd=where, capture_output=True, text=True, check=False).stdout
        for where in (real.uv, real.fold, real.hardlink)
    }
    assert len(answers) == 1


def test_mypy_finds_modules_stubs_and_namespaces(real: Real, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import attr, click, google.protobuf.message, numpy, yaml, zope.interface  # type: ignore[import-untyped]\n"
        "reveal_type(numpy.zeros(3).shape)\nreveal_type(yaml.safe_load('1'))\nreveal_type(click.echo('x'))\n"
    )
    answers = []
    for environment in (real.fold, real.uv):
        line = [sys.executable, "-m", "mypy", "--python-executable", str(environment / "bin/python"), str(program)]
        done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
        answers.append(done.stdout.replace(str(environment), ""))
    assert answers[0] == answers[1]
    assert "Cannot find" not in answers[0]


def check_store(real: Real) -> None:
    """Check that every tree of the store is what its container says (rule 5)."""
    for one in real.stored:
        report = real.store.cache.verify_object(one.blake3)
        assert report.is_sound, (one.name, report)


def test_pip_and_uv_on_top_never_change_the_store(real: Real, tmp_path: Path) -> None:
    """FOLDING.md's dangers, as whatever user runs the tests, root above all."""
    environment = tmp_path / ".venv"
    apply(real, environment)
    site = environment / running_interpreter().site_packages
    offline = ("--no-index", "--find-links", real.wheels, "--no-deps", "-q")
    pip(environment, "install", "-q", "--no-deps", "click==8.1.7", "six==1.16.0")
    assert not (site / "click").is_symlink()
    pip(
        environment,
        "install",
        "--force-reinstall",
        *offline,
        "numpy",
        "protobuf",
        "certifi",
        "ruamel.yaml",
        "ipykernel",
    )
    pip(environment, "uninstall", "-q", "-y", "scipy", "googleapis-common-protos", "zope.event", "jmespath", "pillow")
    assert not any(name.startswith(("scipy", "PIL", "pillow", "jmespath")) for name in os.listdir(site))
    assert (site / "google/protobuf").exists()
    uv = shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable)) or "uv"
    run(
        uv, "pip", "uninstall", "-q", "--python", environment / "bin/python", "attrs", "google-api-core", "cffi", "ruff"
    )
    run(uv, "pip", "install", "--python", environment / "bin/python", *offline, "attrs", "scipy")
    run(
        environment / "bin/python",
        "-c",
        "import attr, click, numpy, scipy.linalg, google.protobuf.message, ruamel.yaml",
    )
    check_store(real)
    drift = find_drift(str(environment), 1, running_interpreter().site_packages)
    assert {"click", "ruff"} <= {*drift.missing, *drift.replaced}
    assert any(name.startswith("click-8.1.7") for name in drift.foreign)
    apply(real, environment)
    assert run(environment / "bin/python", "-c", _IMPORTS) == run(real.uv / "bin/python", "-c", _IMPORTS)


def test_uninstalling_all_leaves_nothing(real: Real, tmp_path: Path) -> None:
    for mode in ("fold", "hardlink"):
        environment = tmp_path / mode
        apply(real, environment, mode)
        pip(environment, "uninstall", "-q", "-y", *_PROJECTS)
        left = seen_files(str(environment), "lib")
        assert [path for path in left if "__pycache__" not in path] == []
        own = {"python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}"}
        assert {name for name in os.listdir(environment / "bin") if "ctivate" not in name} == own
    check_store(real)
