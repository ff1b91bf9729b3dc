"""Random histories of environments, images, leases and cleaning, beside a model that knows what must stay.

The model is a few sets of numbers. It knows nothing of registrations, links or tables: what a kept generation of an
environment that stands somewhere was made of must stay, so must what an image was registered with, and what a running
command looked up. Everything else is gone after a prune.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from blast_core.errors import StoreError
from blast_core.reporter import SilentReporter
from blast_pm.install.testing import running_interpreter
from blast_pm.store.inventory import take_inventory
from blast_pm.store.roots import group_trees, register_root
from blast_pm.store.testing import LocalWheels, check_store, want_wheel
from blast_pm.testing import make_wheel
from blast_project.cache_operations import GcOptions, clear, collect
from blast_project.environment.generations import current_number, list_numbers
from blast_project.environment.manager import KEPT_GENERATIONS, Composition, VenvManager
from blast_project.session import Session
from blast_project.settings import Settings

pytestmark = pytest.mark.property

_WHEELS = 6
_PLACES = st.sampled_from(["a", "b", "c", "d"])
_CHOSEN = st.frozensets(st.integers(0, _WHEELS - 1), max_size=4)
_HERE = running_interpreter()
_SHARED_MEMORY = "/dev/shm"
_MEMORY = _SHARED_MEMORY if os.path.isdir(_SHARED_MEMORY) else None


class Standing:
    """What the model knows of an environment."""

    def __init__(self) -> None:
        self.generations: dict[int, frozenset[int]] = {}
        self.current = 0
        # What the store was told last: where, and of which generations. Who moves tells it nothing.
        self.told_at = ""
        self.told: frozenset[int] = frozenset()

    def reached(self) -> frozenset[int]:
        return frozenset().union(*self.generations.values())

    def keep(self, count: int) -> set[int]:
        """Return the numbers of the generations that stay when so many are kept."""
        return {*sorted(self.generations)[-count:], self.current}


class Lease(NamedTuple):
    """A command that has looked something up and goes on later."""

    session: Session
    wheels: frozenset[int]


class Histories(RuleBasedStateMachine):
    """The store, and the model beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp(dir=_MEMORY, prefix="blast-roots-")
        self.home = os.path.join(self.directory, "home")
        wheels = os.path.join(self.directory, "wheels")
        os.mkdir(wheels)
        self.wanted = [
            want_wheel(make_wheel(wheels, f"p{number}", "1", files={f"p{number}/__init__.py": b"%d" % number}))
            for number in range(_WHEELS)
        ]
        self.standing: dict[str, Standing] = {}
        self.images: dict[str, frozenset[int]] = {}
        self.leases: list[Lease] = []
        self.trees: dict[int, str] = {}

    def teardown(self) -> None:
        for lease in self.leases:
            lease.session.close()
        check_store(self.home)
        shutil.rmtree(self.directory)

    def session(self) -> Session:
        return Session(Settings(self.directory, self.home, {"BLAST_HOME": self.home}), SilentReporter())

    def environment(self, place: str) -> str:
        return os.path.join(self.directory, place, ".venv")

    def ensure(self, session: Session, chosen: frozenset[int]) -> Composition:
        wanted = [self.wanted[number] for number in sorted(chosen)]
        stored = session.cache.ensure(wanted, LocalWheels().fetch, SilentReporter(), 1)
        rows = tuple(stored[row.sha256] for row in wanted)
        self.trees.update(
            {number: os.path.basename(row.tree) for number, row in zip(sorted(chosen), rows, strict=True)}
        )
        return Composition(rows, "sync", home=self.home)

    def must_stay(self) -> frozenset[int]:
        reached = [one.reached() for one in self.standing.values()]
        return frozenset().union(*reached, *self.images.values(), *(lease.wheels for lease in self.leases))

    # What people do

    @rule(place=_PLACES, chosen=_CHOSEN, mode=st.sampled_from(["fold", "fold", "hardlink", "copy"]))
    def sync(self, place: str, chosen: frozenset[int], mode: str) -> None:
        with self.session() as session:
            self.compose(place, self.ensure(session, chosen)._replace(link_mode=mode), chosen)

    def compose(self, place: str, composition: Composition, chosen: frozenset[int]) -> None:
        os.makedirs(os.path.join(self.directory, place), exist_ok=True)
        made = VenvManager(self.environment(place)).apply(_HERE, composition, SilentReporter())
        one = self.standing.setdefault(place, Standing())
        assert made.number == max(one.generations, default=0) + 1
        one.generations[made.number] = chosen
        one.current = made.number
        if chosen:
            one.told_at, one.told = place, one.reached()
        kept = one.keep(KEPT_GENERATIONS)
        one.generations = {number: row for number, row in one.generations.items() if number in kept}

    @precondition(lambda self: self.standing)
    @rule(data=st.data())
    def switch(self, data: st.DataObject) -> None:
        """What ``undo``, ``redo`` and ``rollback`` do."""
        place = data.draw(st.sampled_from(sorted(self.standing)))
        one = self.standing[place]
        one.current = data.draw(st.sampled_from(sorted(one.generations)))
        VenvManager(self.environment(place)).switch(one.current)

    @precondition(lambda self: self.standing)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(sorted(self.standing)))
        shutil.rmtree(os.path.join(self.directory, place))
        del self.standing[place]

    @precondition(lambda self: self.standing)
    @rule(data=st.data(), to=_PLACES)
    def move(self, data: st.DataObject, to: str) -> None:
        place = data.draw(st.sampled_from(sorted(self.standing)))
        if not os.path.lexists(os.path.join(self.directory, to)):
            os.rename(os.path.join(self.directory, place), os.path.join(self.directory, to))
            self.standing[to] = self.standing.pop(place)

    @rule(name=st.sampled_from("xy"), chosen=_CHOSEN.filter(bool))
    def make_image(self, name: str, chosen: frozenset[int]) -> None:
        """Register what is no environment, but a directory with a file of the same name: that is all that it takes."""
        path = os.path.join(self.directory, f"image-{name}")
        os.makedirs(os.path.join(path, ".blast"), exist_ok=True)
        with self.session() as session:
            composition = self.ensure(session, chosen)
            trees = group_trees(row.tree for row in composition.distributions)
            register_root(self.home, path, "", trees, 1, ())
        self.images[path] = chosen

    @precondition(lambda self: self.images)
    @rule(data=st.data())
    def remove_image(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.images)))
        shutil.rmtree(path)
        del self.images[path]

    @rule(chosen=_CHOSEN.filter(bool))
    def begin(self, chosen: frozenset[int]) -> None:
        """Let a command look up or fetch what it needs, and pause there."""
        session = self.session()
        self.ensure(session, chosen)
        self.leases.append(Lease(session, chosen))

    @precondition(lambda self: self.leases)
    @rule(place=_PLACES)
    def go_on(self, place: str) -> None:
        """Let the first of them go on: nothing may have been taken from under it."""
        lease = self.leases[0]
        stored = lease.session.cache.rows.find([self.wanted[number].sha256 for number in sorted(lease.wheels)])
        assert len(stored) == len(lease.wheels)
        self.compose(place, Composition(tuple(stored.values()), "sync", home=self.home), lease.wheels)
        self.leases.pop(0).session.close()

    @precondition(lambda self: self.leases)
    @rule()
    def give_up(self) -> None:
        self.leases.pop().session.close()

    # What cleans

    @rule(
        keep=st.integers(1, 4),
        how=st.sampled_from([{"older_than_s": 0.0}, {"max_bytes": 0}, {"any_age": True}, {"any_age": True}, {}]),
    )
    def clean(self, keep: int, how: dict[str, float]) -> None:
        with self.session() as session:
            report = collect(session, GcOptions(keep=keep, **how))  # type: ignore[arg-type]
        assert report.busy == 0
        for place, one in self.standing.items():
            left = set(list_numbers(self.environment(place)))
            kept = one.keep(keep)
            assert kept <= left <= one.generations.keys()
            if one.told_at == place:
                assert left == kept, "a generation beyond those to be kept stays"
            one.generations = {number: row for number, row in one.generations.items() if number in left}
        if "any_age" in how:
            self.check_rest_is_gone()

    @rule(chosen=_CHOSEN.filter(bool))
    def clear(self, chosen: frozenset[int]) -> None:
        with self.session() as session:
            try:
                clear(session, [f"p{number}" for number in sorted(chosen)], everything=False, force=False)
            except StoreError:
                # Somebody needs it, or it isn't there.
                return

    # What holds

    @invariant()
    def nothing_is_missing(self) -> None:
        with self.session() as session:
            items = take_inventory(session.cache.paths, session.cache.rows)
            for number in self.must_stay():
                item = items.get(self.trees[number])
                assert item is not None, f"p{number} is gone"
                assert item.is_known, f"p{number} has no row"
                assert item.has_tree, f"p{number} has no tree"
        for place, one in self.standing.items():
            environment = self.environment(place)
            assert current_number(environment) == one.current
            for number, wheels in one.generations.items():
                site = os.path.join(environment, ".blast/generations", str(number), _HERE.site_packages)
                for wheel in wheels:
                    with open(os.path.join(site, f"p{wheel}/__init__.py"), "rb") as file:
                        assert file.read() == b"%d" % wheel

    def check_rest_is_gone(self) -> None:
        """What was moved and not used since is known by what it was: that may be too much."""
        moved = [one.told for place, one in self.standing.items() if one.told_at != place]
        allowed = {self.trees[number] for number in self.must_stay().union(*moved)}
        with self.session() as session:
            assert set(take_inventory(session.cache.paths, session.cache.rows)) <= allowed


Histories.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestHistories = pytest.mark.property(Histories.TestCase)
