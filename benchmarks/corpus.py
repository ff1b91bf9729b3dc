"""The wheels of a benchmark's project, really fetched, once, into ``.dev/bench``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.machine import Machine

__all__ = ["fetch_corpus", "release_of"]

_FOREIGN_PLATFORMS = ("any", "win_amd64", "macosx_11_0_arm64", "macosx_10_13_universal2")


def fetch_corpus(project: Path, folder: Path, machine: Machine) -> Path:
    """Return ``folder`` with ``wheels/``, one for each distribution that uv locks, and ``lock/uv.lock``.

    uv decides the versions, from the index that pip's configuration leads to; pip fetches. What other platforms need is
    there too, in one file each, because a universal lock asks for its metadata.

    Args:
        project: the folder with the manifest.
        folder: where all is kept; it is not fetched again while the manifest stays the same.
        machine: interpreters and tools.
    """
    wheels = folder / "wheels"
    stamp = folder / "complete"
    manifest = (project / "pyproject.toml").read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == manifest:
        return folder
    print(f"fetching the wheels of {project.name} into {wheels}", flush=True)
    work = folder / "lock"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    wheels.mkdir(exist_ok=True)
    shutil.copy(project / "pyproject.toml", work)
    index = _find_index()
    uv = [machine.uv, "--directory", str(work), "--cache-dir", str(folder / "uv-cache"), "--quiet"]
    _run([*uv, "lock", "--default-index", index, "--python", machine.python])
    requirements = work / "requirements.txt"
    plain = ["--frozen", "--no-hashes", "--no-emit-project", "--no-header", "--format", "requirements-txt"]
    _run([*uv, "export", *plain, "--output-file", str(requirements)])
    _download(machine, wheels, "-r", str(requirements))
    platforms = [part for platform in _FOREIGN_PLATFORMS for part in ("--platform", platform)]
    for release in _find_missing(work / "uv.lock", wheels):  # one by one: some are two releases of one project
        anywhere = ["--ignore-requires-python", "--python-version", "3.12", "--implementation", "cp", *platforms]
        _download(machine, wheels, *anywhere, release)
    stamp.write_text(manifest, encoding="utf-8")
    return folder


def _find_index() -> str:
    """Return the address of the index that pip would use."""
    from blast_compat.pip_config import read_pip_configuration
    from blast_pm.index.default import pip_default_url

    return read_pip_configuration(os.environ).index_url or pip_default_url()


def _download(machine: Machine, wheels: Path, *arguments: str) -> None:
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(wheels)]
    _run([machine.python, "-m", "pip", "download", *options, *arguments])


def release_of(filename: str) -> tuple[str, str]:
    """Return the normalised name and the version that a wheel's file name states."""
    name, version = filename.split("-")[:2]
    return re.sub(r"[-_.]+", "-", name).lower(), version


def _find_missing(lock: Path, wheels: Path) -> list[str]:
    """Return ``name==version`` of what the lock names and no fetched wheel is of."""
    have = {release_of(path.name) for path in wheels.glob("*.whl")}
    entries = [entry for entry in tomllib.loads(lock.read_text(encoding="utf-8"))["package"] if "version" in entry]
    wanted = [(entry["name"], entry["version"]) for entry in entries if "registry" in entry["source"]]
    return [f"{name}=={version}" for name, version in wanted if (name, version) not in have]


def _run(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        message = f"{' '.join(command)}\nended with status {run.returncode}:\n{run.stdout}{run.stderr}"
        raise SystemExit(message)
    return run.stdout
