"""Helpers for tests: the ``blast`` command as a process, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Blast"]

# In a checkout the packages lie beside each other; installed, they are found without help.
_SOURCES = [str(path) for path in sorted(Path(__file__).parents[3].glob("*/src"))]
# Variables of the machine that runs the tests must not reach the command under test.
_FOREIGN = ("BLAST_", "PIP_", "UV_", "VIRTUAL_ENV", "PYTHON")


@dataclass
class Blast:
    """Runs the command in a directory; ``environ`` is added to a clean environment."""

    directory: Path
    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def variables(self, **more: str) -> dict[str, str]:
        """Return the variables that the command is given."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
        own = {
            "BLAST_HOME": str(self.home),
            "BLAST_PYTHON": sys.executable,
            "BLAST_KEEP_PYTHONPATH": "1",
            "BLAST_CONFIG_DIR": f"{self.home}-config",
            # A test that is about bytecode says so.
            "BLAST_COMPILE_BYTECODE": "never",
            # So does one that is about interpreters, and none touches the user's own.
            "BLAST_PYTHON_DOWNLOADS": "never",
            "BLAST_PYTHON_BIN_DIR": str(self.home / "bin"),
            "BLAST_TOOL_BIN_DIR": str(self.home / "bin"),
            # Nor does a test want the disk flushed behind it.
            "BLAST_FLUSH": "never",
            "PYTHONPATH": os.pathsep.join(_SOURCES),
            "NO_COLOR": "1",
        }
        return {**clean, **own, **self.environ, **more}

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """Start the command and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "blast_cli", *words],
            cwd=self.directory,
            env=self.variables(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, whatever its status."""
        with self.start(*words, **more) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def __call__(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command, which must succeed."""
        done = self.run(*words, **more)
        assert done.returncode == 0, f"blast {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, **more: str) -> Any:
        """Run the command with ``--json``, which must succeed, and return its document."""
        return json.loads(self(*words, "--json", **more).stdout)

    def at(self, directory: Path, **environ: str) -> Blast:
        """Return the same command in another directory."""
        return Blast(directory, self.home, {**self.environ, **environ})

    def imported(self, *words: str) -> set[str]:
        """Return the modules that a command imports beyond those of a bare interpreter."""
        command = f"import sys, os; from blast_cli.main import main; main({list(words)!r})"
        return self._imported(command) - self._imported("import sys, os; os._exit(0)")

    def _imported(self, program: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", program],
            cwd=self.directory,
            env=self.variables(),
            capture_output=True,
            text=True,
            check=True,
        )
        rows = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
        return {row[2].strip() for row in rows if len(row) == 3 and not row[2].strip().startswith("imported package")}

    def python(self, program: str) -> str:
        """Run a program with the environment's interpreter and return what it prints."""
        done = subprocess.run(
            [self.directory / ".venv" / "bin" / "python", "-c", program],
            env={key: value for key, value in self.variables().items() if not key.startswith("PYTHON")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
