"""Whatever happened before, cleaning removes nothing that a living environment reaches, and at last all that none does.

A history is a list of things that happen to three projects and their store: syncs to other distributions, undoing,
moving and removing projects, gc, prune, clear; each of them whole, or killed before one of its changes on disk.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import traceback

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blast_core import fs
from blast_core.errors import StoreError
from blast_core.reporter import SilentReporter
from blast_core.testing_wheels import WheelRecipe, build_wheel, wheel_recipes
from blast_pm.install.testing import running_interpreter
from blast_pm.store.inventory import take_inventory
from blast_pm.store.testing import LocalWheels, check_store, want_wheel
from blast_project.cache_operations import GcOptions, clear, collect
from blast_project.environment.generations import current_number, list_numbers, read_generation
from blast_project.environment.manager import Composition, VenvManager
from blast_project.environment.reach import read_reach
from blast_project.session import Session
from blast_project.settings import Settings

pytestmark = pytest.mark.property

_HERE = running_interpreter()
_WHEELS = 5
_PROJECTS = "ABC"
# Flushing a real disk would take most of the time.
_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None

Step = tuple[str, str, frozenset[int], int, int]

_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["sync", "sync", "sync", "undo", "remove", "move", "gc", "gc", "prune", "clear", "force"]),
        st.sampled_from(_PROJECTS),
        st.frozensets(st.integers(0, _WHEELS - 1), max_size=3),
        # How many generations are kept, and 0 or the number of the change on disk before which it is killed.
        st.integers(1, 3),
        st.one_of(st.just(0), st.just(0), st.integers(1, 150)),
    ),
    max_size=14,
)
_RECIPES = st.lists(wheel_recipes(), min_size=_WHEELS, max_size=_WHEELS)


class World:
    """Three projects and a store."""

    def __init__(self, directory: str, recipes: list[WheelRecipe]) -> None:
        self.directory = directory
        self.home = os.path.join(directory, "home")
        self.projects = {name: name for name in _PROJECTS}
        self.broken: set[str] = set()
        self.moves = 0
        os.makedirs(os.path.join(directory, "wheels"))
        self.wanted = []
        for number, recipe in enumerate(recipes):
            data = f"{recipe.info.removesuffix('.dist-info')}.data/"
            recipe.name = f"p{number}"
            for member in recipe.files:
                member.name = str(member.name).replace(data, f"p{number}-{recipe.version}.data/")
            path = os.path.join(directory, "wheels", recipe.filename)
            with open(path, "wb") as file:
                file.write(build_wheel(recipe))
            self.wanted.append(want_wheel(path))

    def environment(self, name: str) -> str:
        return os.path.join(self.directory, self.projects[name], ".venv")

    def living(self) -> dict[str, str]:
        """Return the environments that stand, by the names of their projects."""
        found = {name: self.environment(name) for name in _PROJECTS}
        return {name: path for name, path in found.items() if list_numbers(path)}

    def session(self) -> Session:
        return Session(Settings(self.directory, self.home, {"BLAST_HOME": self.home}), SilentReporter())

    def do(self, step: Step) -> None:
        """Let a step happen, in a process of its own if it is to be killed."""
        operation = step[4]
        if not operation:
            self.act(step)
            return
        child = os.fork()
        if not child:
            status = 1
            try:
                fs.set_fault(f"kill:{operation}")
                self.act(step)
                status = 0
            except BaseException:  # noqa: BLE001 - shown by the process that waits
                traceback.print_exc()
            finally:
                os._exit(status)
        status = os.waitpid(child, 0)[1]
        assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status

    def act(self, step: Step) -> None:
        kind, name, chosen, keep, _ = step
        with self.session() as session:
            if kind == "sync":
                self.sync(session, name, chosen)
            elif kind == "undo":
                self.undo(name)
            elif kind == "gc":
                limit = 0 if keep == 1 else None
                collect(session, GcOptions(older_than_s=0.0 if keep > 1 else 1e6, max_bytes=limit, keep=keep))
            elif kind == "prune":
                collect(session, GcOptions(any_age=True, keep=keep))
            elif kind in {"clear", "force"}:
                self.clear(session, chosen, force=kind == "force")

    def sync(self, session: Session, name: str, chosen: frozenset[int]) -> None:
        environment = self.environment(name)
        os.makedirs(os.path.dirname(environment), exist_ok=True)
        wanted = [self.wanted[number] for number in sorted(chosen)]
        stored = session.cache.ensure(wanted, LocalWheels().fetch, SilentReporter(), 1)
        composition = Composition(
            tuple(stored[row.sha256] for row in wanted), "sync", allow_overwrite=True, home=self.home
        )
        VenvManager(environment).apply(_HERE, composition, SilentReporter())

    def undo(self, name: str) -> None:
        environment = self.environment(name)
        numbers = list_numbers(environment)
        current = current_number(environment)
        if current and numbers[0] < current:
            VenvManager(environment).switch(max(number for number in numbers if number < current))

    def clear(self, session: Session, chosen: frozenset[int], *, force: bool) -> None:
        try:
            clear(session, [f"p{number}" for number in chosen], everything=not chosen, force=force)
        except StoreError:
            # Somebody needs it, or it isn't there.
            assert not force or chosen

    def rearrange(self, step: Step) -> None:
        """Remove or move a project, as its user does: nobody tells Blast."""
        kind, name = step[:2]
        directory = os.path.join(self.directory, self.projects[name])
        if kind == "remove" and os.path.isdir(directory):
            shutil.rmtree(directory)
        if kind == "move" and os.path.isdir(directory):
            self.moves += 1
            self.projects[name] = f"{name}{self.moves}"
            os.rename(directory, os.path.join(self.directory, self.projects[name]))

    def reached(self) -> set[str]:
        """Return the trees that the kept generations of all living environments reach."""
        names: set[str] = set()
        for environment in self.living().values():
            for reach in read_reach(environment, self.home, {}):
                names |= reach.trees
        return names


def check_whole(world: World) -> None:
    """Every link of every kept generation leads somewhere, but where the user forced it away."""
    for name, environment in world.living().items():
        for number in list_numbers(environment):
            top = os.path.join(environment, ".blast/generations", str(number))
            assert read_generation(environment, number).number == number
            for parent, directories, names in os.walk(top):
                for entry in (*directories, *names):
                    path = os.path.join(parent, entry)
                    if os.path.islink(path) and "/home/t/" in os.readlink(path):
                        assert os.path.exists(path) or name in world.broken, f"{path} is broken"


def run_history(world: World, steps: list[Step]) -> None:
    for step in steps:
        if step[0] in {"remove", "move"}:
            world.rearrange(step)
        else:
            world.do(step)
        if step[0] == "force":
            world.broken |= set(world.living())
        check_whole(world)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(_RECIPES, _STEPS)
def test_cleaning_never_breaks_and_forgets_nothing(recipes: list[WheelRecipe], steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory(dir=_MEMORY) as directory:
        world = World(directory, recipes)
        run_history(world, steps)
        # What moved is known again once it was synced.
        for name, environment in world.living().items():
            # Killed before its first switch, one has generations and none that is current.
            said = read_generation(environment, current_number(environment) or list_numbers(environment)[-1])
            world.act(("sync", name, frozenset(int(row.name[1:]) for row in said.installed), 1, 0))
        world.act(("prune", "A", frozenset(), 3, 0))
        with world.session() as session:
            items = take_inventory(session.cache.paths, session.cache.rows)
            assert set(items) <= world.reached()
            # What was to be removed by force, in a process that was killed, an older generation may hold half of.
            if not any(step[0] == "force" and step[4] for step in steps):
                assert all(item.is_known and item.has_tree and item.has_archive for item in items.values())
        check_store(world.home)
        for name in _PROJECTS:
            shutil.rmtree(os.path.join(directory, world.projects[name]), ignore_errors=True)
        world.act(("prune", "A", frozenset(), 3, 0))
        check_empty(world.home)


def check_empty(home: str) -> None:
    for name in ("t", "i1", "tmp", "leases"):
        path = os.path.join(home, name)
        assert not os.path.isdir(path) or os.listdir(path) == [], name
    assert [names for _, _, names in os.walk(os.path.join(home, "store/whl")) if names] == []
    assert check_store(home) == 0
