"""What Blast does, on real packages: a project is made, filled, run, changed and taken back.

``python3 dev.py demo`` runs it. Everything happens in a temporary directory, with a store of its own: the first steps
fetch from the index that pip's configuration leads to, and the later ones show what a filled store changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_PROGRAM = """
import flask, numpy, pandas

application = flask.Flask("demo")

@application.get("/mean")
def mean():
    frame = pandas.DataFrame({"x": numpy.arange(10), "y": numpy.linspace(0, 1, 10)})
    return flask.jsonify(frame.mean().to_dict())

answer = application.test_client().get("/mean").get_json()
assert answer == {"x": 4.5, "y": 0.5}, answer
print(f"numpy {numpy.__version__} and pandas {pandas.__version__} computed, flask served: {answer}")
"""
_WITH_RICH = """
from importlib.metadata import version
from rich.text import Text
print(f"rich {version('rich')} is there: {Text('hello').plain}")
"""
_WITHOUT_RICH = """
from importlib.util import find_spec
assert find_spec("rich") is None, "rich is still there"
print("rich is gone")
"""


class Demo:
    """A project in a temporary directory and a record of how long each step took."""

    def __init__(self, top: Path) -> None:
        self.project = top / "demo"
        self.times: list[tuple[str, float]] = []
        kept = {key: value for key, value in os.environ.items() if not key.startswith("BLAST_") or "INDEX" in key}
        self._environment = kept | {"BLAST_HOME": str(top / "home")}
        # A tool that is measured keeps its bytecode, and no environment but the project's is active.
        for name in ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"):
            self._environment.pop(name, None)

    def step(self, title: str, *arguments: str, directory: Path | None = None) -> None:
        """Run one ``blast`` command, show it with what it prints, and note its time."""
        blast = shutil.which("blast", path=str(Path(sys.executable).parent)) or "blast"
        shown = " ".join(argument if "\n" not in argument else "'...'" for argument in arguments)
        print(f"\n# {title}\n$ blast {shown}", flush=True)
        started = time.perf_counter()
        run = subprocess.run([blast, *arguments], cwd=directory or self.project, env=self._environment, check=False)
        self.times.append((title, time.perf_counter() - started))
        if run.returncode:
            sys.exit(f"demo: 'blast {shown}' ended with status {run.returncode}")

    def check(self, claim: str, *, holds: bool) -> None:
        """Say what is true now, or end."""
        if not holds:
            sys.exit(f"demo: not true: {claim}")
        print(f"ok: {claim}", flush=True)

    def manifest(self) -> str:
        """Return the text of the project's pyproject.toml."""
        return (self.project / "pyproject.toml").read_text(encoding="utf-8")


def run_demo(top: Path) -> list[tuple[str, float]]:
    """Go through all steps below ``top``; return each step's title and seconds."""
    demo = Demo(top)
    demo.step("Make a project", "init", "demo", directory=top)
    demo.step("Add three packages", "add", "flask", "numpy", "pandas")
    program = demo.project / "program.py"
    program.write_text(_PROGRAM, encoding="utf-8")
    demo.step("Run code that uses all three", "run", "python", "program.py")
    before = demo.manifest()
    demo.step("Add another package", "add", "rich")
    demo.step("Use it", "run", "python", "-c", _WITH_RICH)
    demo.step("Take the change back", "undo")
    demo.check("pyproject.toml is what it was before", holds=demo.manifest() == before)
    demo.step("See that it is gone", "run", "python", "-c", _WITHOUT_RICH)
    demo.step("Look back", "history")
    (demo.project / ".venv").rename(top / "venv-of-before")
    demo.step("Make the environment anew from the filled store", "sync")
    demo.step("Run the code again", "run", "python", "program.py")
    return demo.times


def main() -> None:
    """Run the demonstration in a temporary directory and sum it up."""
    with tempfile.TemporaryDirectory(prefix="blast-demo-", ignore_cleanup_errors=True) as folder:
        times = run_demo(Path(folder).resolve())
    print("\nWhat it did, and how long each step took:")
    for title, seconds in times:
        print(f"  {seconds * 1000:8.0f} ms  {title}")
    print(f"  {sum(seconds for _, seconds in times) * 1000:8.0f} ms  in all")


if __name__ == "__main__":
    main()
