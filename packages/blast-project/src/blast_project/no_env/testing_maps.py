"""Helpers for tests of module maps: a map's site directory and an ordinary one, and what a Python sees in each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import blast_runtime
from blast_pm.install.compose import compose
from blast_pm.install.testing import running_interpreter
from blast_project.no_env import testing_observer
from blast_project.no_env.maps import make_map

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_pm.store.cache import StoredDistribution

__all__ = ["interpreters", "make_ordinary_site", "make_site", "run_in_site", "seen_in_site"]

_RUNTIME = os.path.dirname(os.path.dirname(os.path.abspath(blast_runtime.__file__)))
_VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13")


def interpreters() -> list[str]:
    """Return the CPythons from 3.9 on that this machine has, the running one among them."""
    found = {".".join(map(str, sys.version_info[:2])): sys.executable}
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in _VERSIONS:
        places = sorted(home.glob(f"{version}.*/bin/python")) + sorted(
            Path("/opt/python").glob(f"{version}*/bin/python")
        )
        if places:
            found.setdefault(version, str(places[-1]))
    return [found[version] for version in sorted(found, key=lambda text: [*map(int, text.split("."))])]


def make_site(directory: str | os.PathLike[str], rows: Sequence[StoredDistribution], **options: Any) -> str:
    """Make a site directory with a map and the path file that activates it, and return its path."""
    site = os.path.join(directory, "site-packages")
    os.makedirs(site)
    place = os.path.join(directory, "map")
    Path(place).write_bytes(make_map(rows, **options))
    line = (
        f"import sys; sys.path.insert(0, {_RUNTIME!r}); from blast_runtime.bootstrap import activate; "
        f"del sys.path[0]; activate({place!r}, sitedir)\n"
    )
    Path(site, "blast.pth").write_text(line, encoding="utf-8")
    return site


def make_ordinary_site(directory: str | os.PathLike[str], rows: Sequence[StoredDistribution], mode: str) -> str:
    """Compose an environment of the same distributions, and return its site-packages."""
    interpreter = running_interpreter()
    compose(os.fspath(directory), interpreter, rows, link_mode=mode, allow_overwrite=True, bytecode=False)
    return os.path.join(directory, interpreter.site_packages)


def seen_in_site(python: str, site: str) -> dict[str, Any]:
    """Return what an interpreter sees in a site directory; see `blast_project.no_env.testing_observer`."""
    command = [python, "-I", "-S", "-W", "error", testing_observer.__file__, site]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert run.returncode == 0, run.stderr
    assert not run.stderr, run.stderr
    seen: dict[str, Any] = json.loads(run.stdout)
    return seen


def run_in_site(python: str, site: str, code: str, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """Run code with a site directory in its place on `sys.path`, and return what it prints."""
    start = f"import site; site.addsitedir({site!r})\n"
    command = [python, "-S", "-W", "error", "-c", start + code, *arguments]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env={**kept, **(environ or {})})
    assert run.returncode == 0, run.stderr
    assert not run.stderr, run.stderr
    return run.stdout
