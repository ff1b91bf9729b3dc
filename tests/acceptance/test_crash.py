"""Killed at any moment, a command leaves the old state or the new one, and the next command puts everything right."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = [pytest.mark.acceptance, pytest.mark.crash]

_FILES = ("pyproject.toml", "blast.lock", "pylock.toml")
_KILLED = -signal.SIGKILL


@dataclass
class Template:
    """A project before and after a command, to be copied for every kill."""

    blast: Blast
    before: Path
    after: Path
    words: tuple[str, ...]
    # `sync` changes the environment alone: its manifest and lock are the new ones from the start.
    operations: int

    def fresh(self, name: str) -> Blast:
        """Return the command in a new copy of the project as it was before, with a copy of the store."""
        directory = self.before.parents[1] / name / "project"
        shutil.copytree(self.before, directory, symlinks=True)
        shutil.copytree(self.blast.home, directory.parent / "home", symlinks=True)
        _retarget(directory, str(self.blast.home), str(directory.parent / "home"))
        copy = self.blast.at(directory)
        copy.home = directory.parent / "home"
        return copy


def _retarget(directory: Path, old: str, new: str) -> None:
    """Point the environment's links into the copied store."""
    for path in directory.rglob("*"):
        if path.is_symlink():
            target = str(path.readlink())
            if target.startswith(old):
                path.unlink()
                path.symlink_to(new + target[len(old) :])


def contents(directory: Path) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in _FILES if (directory / name).exists()}


def count_operations(blast: Blast, words: tuple[str, ...]) -> int:
    """Return how many changes on disk the command makes, by letting it print them."""
    done = blast(*words, BLAST_COUNT_OPERATIONS="1")
    return int(next(line for line in done.stderr.splitlines() if line.startswith("operations: ")).split()[1])


@pytest.fixture(scope="module", params=["add", "lock", "sync"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, index: object) -> Template:
    from blast_cli.testing import Blast

    root = tmp_path_factory.mktemp(request.param)
    before = root / "before" / "project"
    before.mkdir(parents=True)
    blast = Blast(before, root / "before" / "home", {"BLAST_INDEX_URL": index.url})  # type: ignore[attr-defined]
    blast("init", "--name", "demo")
    blast("add", "beta", "gamma", "--bounds", "none")
    words: tuple[str, ...] = (request.param,)
    text = (before / "pyproject.toml").read_text()
    if request.param == "add":
        words = ("add", "alpha", "space-one", "--bounds", "none")
    else:
        (before / "pyproject.toml").write_text(text.replace('"gamma"', '"alpha", "space-one"'))
    made = Template(blast, before, root / "after" / "project", words, 0)
    after = made.fresh("after")
    made.operations = count_operations(after, words)
    return made


def check_old_or_new(template: Template, blast: Blast) -> None:
    old, new = contents(template.before), contents(template.after)
    for name, content in contents(blast.directory).items():
        assert content in {old.get(name), new.get(name)}, f"{name} is neither old nor new"
    program = "\n".join(
        [
            "import importlib.metadata as m",
            "names = {d.name for d in m.distributions()}",
            "assert 'beta' in names, names",
            "assert ('alpha' in names) == ('space-one' in names), names",
            "import beta; beta.VERSION",
        ]
    )
    blast.python(program)


def check_recovers(template: Template, blast: Blast) -> None:
    blast("sync")
    check_old_or_new(template, blast)
    blast("sync", "--locked")
    manifest = (blast.directory / "pyproject.toml").read_text()
    blast.python("import alpha, space.one" if "alpha" in manifest else "import gamma")


def test_killed_at_random_operations(template: Template) -> None:
    chosen = random.Random(1729)
    points = sorted(chosen.sample(range(1, template.operations + 1), min(template.operations, 60)))
    for point in points:
        blast = template.fresh(f"operation-{point}")
        done = blast.run(*template.words, BLAST_FAULT=f"kill:{point}")
        assert done.returncode == _KILLED, f"not killed at operation {point}: {done.stderr}"
        check_old_or_new(template, blast)
        check_recovers(template, blast)
        shutil.rmtree(blast.directory.parent, ignore_errors=True)


def test_killed_at_random_times(template: Template) -> None:
    chosen = random.Random(4104)
    began = time.monotonic()
    template.fresh("timing")(*template.words)
    whole = time.monotonic() - began
    for number in range(10):
        blast = template.fresh(f"time-{number}")
        process = blast.start(*template.words)
        try:
            process.communicate(timeout=chosen.uniform(0.1, 1.0) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        check_old_or_new(template, blast)
        check_recovers(template, blast)
        shutil.rmtree(blast.directory.parent, ignore_errors=True)


@pytest.mark.parametrize("name", ["ENOSPC", "EIO", "EROFS"])
def test_failing_operations_leave_the_old_state(template: Template, name: str) -> None:
    chosen = random.Random(name)
    for point in sorted(chosen.sample(range(1, template.operations + 1), min(template.operations, 12))):
        blast = template.fresh(f"{name}-{point}")
        done = blast.run(*template.words, BLAST_FAULT=f"fail:{point}:{name}")
        assert "Traceback" not in done.stderr
        check_old_or_new(template, blast)
        check_recovers(template, blast)
        shutil.rmtree(blast.directory.parent, ignore_errors=True)
