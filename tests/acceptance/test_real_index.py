"""The main job with real packages from the index that pip's configuration leads to, beside uv."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blast_cli.testing import Blast

pytestmark = [pytest.mark.acceptance, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(900)]

REQUIREMENTS = (
    "jupyter",
    "pandas",
    "scipy",
    "matplotlib",
    "scikit-learn",
    "flask",
    "django",
    "sqlalchemy",
    "fastapi",
    "requests",
    "boto3",
    "pytest",
    "black",
    "mypy",
    "sphinx",
    "celery",
)

# uv decides python-dateutil (newest: 4.0.0) before it knows that botocore wants an older one, and then walks boto3 back
# to 0.0.3 of 2014, celery to an older release, and six to 1.7.3. Blast sees that nearly every boto3 is blocked by one
# decision, and takes that decision back instead. Asked for a boto3 of this decade, uv finds the very same versions.
EXPLAINED_BY = "boto3>=1.40"

# Modules that can't be imported without an extra of their distribution that nobody asked for.
NOT_IMPORTABLE = {"blackd": "black[d]"}

_IMPORT_ALL = """
import importlib, importlib.metadata as metadata, json, sys, warnings
warnings.simplefilter("ignore")
failed = {}
names = metadata.packages_distributions()
for name in sorted(names):
    if not name.isidentifier() or name.startswith("_") or name in ("antigravity", "this"):
        continue
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = f"{type(error).__name__}: {error}"
json.dump({"failed": failed, "distributions": sorted({d.name.lower() for d in metadata.distributions()}),
           "named": sorted({d.lower() for ds in names.values() for d in ds})}, sys.stdout)
"""


_PLAIN = ("--no-header", "--no-annotate", "-q")


def find_uv() -> str:
    """Return uv's executable: the development environment has it, or PATH."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("uv is not installed: the equality with it is NOT checked")
    return found


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Blast:
    """The command in a project with all of `REQUIREMENTS`, from the real index."""
    root = tmp_path_factory.mktemp("real")
    directory = root / "x"
    directory.mkdir()
    pip = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
    blast = Blast(directory, root / "home", pip)
    blast("init", "--name", "x")
    blast("add", *REQUIREMENTS)
    return blast


def compile_with_uv(real: Blast, *constraints: str) -> dict[str, str]:
    """Return what uv resolves the requirements to, by normalised name."""
    limits = real.directory / "constraints.txt"
    limits.write_text("\n".join(constraints) + "\n")
    done = subprocess.run(
        [find_uv(), "pip", "compile", "-", "-c", limits, "--python", sys.executable, *_PLAIN],
        input="\n".join(REQUIREMENTS),
        capture_output=True,
        text=True,
        check=True,
        env=real.variables(UV_CACHE_DIR=str(real.home / "uv")),
    )
    return dict(line.split("==") for line in done.stdout.split() if "==" in line)


def test_versions_equal_those_of_uv(real: Blast) -> None:
    rows = real.json("pip", "list")["packages"]
    ours = {row["name"].lower().replace("_", "-").replace(".", "-"): row["version"] for row in rows}
    theirs = compile_with_uv(real)
    if ours != theirs:
        assert compile_with_uv(real, EXPLAINED_BY) == ours
        # The explanation holds only as long as it is uv that gives up boto3.
        assert theirs["boto3"].startswith("0."), {
            name: (ours.get(name), theirs.get(name)) for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)
        }


def test_every_distribution_imports(real: Blast) -> None:
    found = json.loads(real.python(_IMPORT_ALL).splitlines()[-1])
    failed = {
        name: why for name, why in found["failed"].items() if NOT_IMPORTABLE.get(name, "no such extra") not in why
    }
    assert failed == {}
    assert len(found["distributions"]) > 100


def test_pip_finds_nothing_wrong(real: Blast) -> None:
    python = str(real.directory / ".venv/bin/python")
    environ = real.variables()
    environ.pop("PYTHONPATH")
    check = subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "check"],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    assert check.returncode == 0, check.stdout
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "list", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
        env=environ,
    )
    theirs = {(row["name"].lower().replace("_", "-"), row["version"]) for row in json.loads(listed.stdout)}
    ours = {(row["name"].lower().replace("_", "-"), row["version"]) for row in real.json("pip", "list")["packages"]}
    assert theirs == ours


def test_scripts_data_files_and_entry_points_are_there(real: Blast) -> None:
    assert real("run", "flask", "--version").stdout.startswith("Python 3")
    assert (real.directory / ".venv/share/jupyter/kernels/python3/kernel.json").exists()
    assert "sphinx-build" in real("run", "sphinx-build", "--version").stdout
    plugins = real.python("import importlib.metadata as m; print(len(m.entry_points(group='pygments.lexers')) >= 0)")
    assert plugins == "True"
    assert "matplotlib" in real.python("import matplotlib; print(matplotlib.get_data_path())")


def test_namespace_packages_are_whole(real: Blast) -> None:
    program = "import sphinxcontrib, sys; from sphinxcontrib import htmlhelp, qthelp, serializinghtml; print('ok')"
    assert real.python(program) == "ok"


def test_mypy_finds_every_module(real: Blast) -> None:
    module = real.directory / "typed.py"
    module.write_text(
        "import flask, sqlalchemy, fastapi, numpy as np\n\n"
        "x: np.ndarray = np.zeros(3)\nreveal_type(flask.Flask('x').name)\n"
    )
    done = real.run("run", "mypy", "typed.py")
    assert 'Revealed type is "' in done.stdout
    assert "import-not-found" not in done.stdout


def test_pyright_finds_every_module(real: Blast) -> None:
    pyright = Path(__file__).parents[2] / ".dev/node/node_modules/pyright/index.js"
    node = shutil.which("node")
    if node is None or not pyright.exists():
        pytest.skip("pyright is not installed (dev.py installs it through npm): it is NOT tried")
    module = real.directory / "typed_too.py"
    module.write_text(
        "import flask\nimport pandas\nimport sqlalchemy\n\nflask.Flask('x')\npandas.DataFrame()\nsqlalchemy\n"
    )
    done = subprocess.run(
        [node, pyright, "--pythonpath", real.directory / ".venv/bin/python", module],
        capture_output=True,
        text=True,
        check=False,
        cwd=real.directory,
    )
    assert "0 errors" in done.stdout, done.stdout + done.stderr
    assert "could not be resolved" not in done.stdout, done.stdout


def test_undo_of_a_change_to_real_packages(real: Blast) -> None:
    real("add", "rich")
    assert real.python("import rich; print('there')") == "there"
    real("undo")
    done = real.run("run", "python", "-c", "import rich")
    assert done.returncode == 1
    assert "No module named 'rich'" in done.stderr
