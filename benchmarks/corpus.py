"""A benchmark's project, locked by uv from the real index while that is recorded into ``.dev/bench``."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from benchmarks.recording import find_upstream
from benchmarks.server import serve_index

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.machine import Machine

__all__ = ["fetch_corpus"]


def fetch_corpus(project: Path, folder: Path, machine: Machine) -> Path:
    """Return ``folder`` with the answers of the real index and ``lock/uv.lock``, which says what the lean view lists.

    The index is the one that pip's configuration leads to.

    Args:
        project: the folder with the manifest.
        folder: where all is kept; it is not fetched again while the manifest stays the same.
        machine: interpreters and tools.
    """
    manifest = (project / "pyproject.toml").read_text(encoding="utf-8")
    upstream = find_upstream()
    stamp = folder / "recorded"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == manifest:
        return folder
    print(f"recording what the index says of {project.name} in {folder}", flush=True)
    work = folder / "lock"
    for old in (work, folder / "pages", folder / "metadata"):
        shutil.rmtree(old, ignore_errors=True)
    work.mkdir(parents=True)
    (folder / "upstream").write_text(upstream, encoding="utf-8")
    shutil.copy(project / "pyproject.toml", work)
    cache = folder / "uv-cache"
    shutil.rmtree(cache, ignore_errors=True)
    with serve_index(folder) as index:
        command = [machine.uv, "--directory", str(work), "--cache-dir", str(cache), "--quiet", "lock"]
        _run([*command, "--default-index", index, "--python", machine.python])
    shutil.rmtree(cache, ignore_errors=True)
    stamp.write_text(manifest, encoding="utf-8")
    return folder


def _run(command: list[str]) -> None:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        message = f"{' '.join(command)}\nended with status {run.returncode}:\n{run.stdout}{run.stderr}"
        raise SystemExit(message)
