"""What the benchmarks find on this machine: interpreters, uv, and a freshly installed Blast."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.measure import Command, measure

__all__ = ["PROJECT_PYTHON", "Machine", "describe_machine", "find_machine"]

PROJECT_PYTHON = "3.12"

_TOP = Path(__file__).resolve().parents[1]


class Machine(NamedTuple):
    """The programs that are measured.

    Attributes:
        python: interpreter of the project, and of Blast; 3.12 where there is one.
        uv: uv's executable, from its wheel.
        blast: Blast's executable, installed by ``pip install packages/*/``; "" if that was not asked for.
    """

    python: str
    uv: str
    blast: str


def find_machine(folder: Path, *, with_blast: bool) -> Machine:
    """Find what is measured, and install Blast below ``folder`` where its sources have changed.

    Raises:
        SystemExit: a part can't be had; the text says which.
    """
    python = _find_python()
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        message = "benchmarks: uv is missing; `python3 dev.py bench` installs it"
        raise SystemExit(message)
    return Machine(python, uv, _install_blast(python, folder) if with_blast else "")


def describe_machine(machine: Machine) -> dict[str, str]:
    """Return what a reader has to know of the machine, in words."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": str(os.cpu_count()),
        "python": _ask(machine.python, "--version"),
        "a bare interpreter (-I -S -c pass)": f"{_time_interpreter(machine.python):.1f} ms",
        "uv": _ask(machine.uv, "--version"),
        "blast": _ask(machine.blast, "--version") if machine.blast else "",
    }


def _find_python() -> str:
    """Return the real executable of a Python 3.12, else of the running one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    candidates = [*sorted(map(str, pyenv.glob(f"versions/{PROJECT_PYTHON}.*/bin/python")), reverse=True)]
    on_path = shutil.which(f"python{PROJECT_PYTHON}")
    for candidate in [*candidates, *([on_path] if on_path else []), sys.executable]:
        ask = "import os, sys; print(os.path.realpath(sys.executable))"
        run = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, check=False)
        if run.returncode == 0:
            return run.stdout.strip()
    return sys.executable


def _install_blast(python: str, folder: Path) -> str:
    """Install all packages, not editable, into an environment named after their content."""
    digest = hashlib.sha256(python.encode())
    packages = sorted(path.parent for path in _TOP.glob("packages/*/pyproject.toml"))
    for package in packages:
        files = [package / "pyproject.toml", *sorted(path for path in package.glob("src/**/*") if path.is_file())]
        for file in (file for file in files if file.suffix != ".pyc"):
            digest.update(str(file.relative_to(_TOP)).encode() + file.read_bytes())
    venv = folder / f"blast-{digest.hexdigest()[:12]}"
    blast = venv / "bin" / "blast"
    if not blast.is_file():
        for old in folder.glob("blast-*"):
            shutil.rmtree(old)
        print(f"installing Blast into {venv}", flush=True)
        subprocess.run([python, "-m", "venv", str(venv)], check=True)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run = subprocess.run(
            [*pip, *map(str, packages)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if run.returncode:
            shutil.rmtree(venv)
            message = f"benchmarks: Blast can't be installed:\n{run.stdout}"
            raise SystemExit(message)
    return str(blast)


def _time_interpreter(python: str) -> float:
    """Return what Blast's no-ops can't go below, in milliseconds."""
    command = Command([python, "-I", "-S", "-c", "pass"], Path.cwd(), {})
    return median(measure(command).wall_ms for _ in range(15))


def _ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
