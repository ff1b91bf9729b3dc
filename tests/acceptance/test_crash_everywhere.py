"""Killed before any change on disk, every command leaves the old state or the new one, and the next one goes on."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing_forks import ForkServer
from blast_cli.testing_worlds import SCENARIOS, Scenario, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_pm.testing import StaticIndex

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.crash,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="NO FORK: the command that dies is a fork"),
]

# Otherwise some commands are killed before every other change only.
_ALL = bool(os.environ.get("BLAST_TESTS_SLOW"))
_KILLED = -signal.SIGKILL
# As the process does it, which takes the processor only when nobody else wants it.
_BACKGROUND = "blast_project.bytecode_process:complete_generation"
_SHARDS = [
    pytest.param(scenario, shard, id=f"{scenario.name}-{shard + 1}of{scenario.shards}")
    for scenario in SCENARIOS
    for shard in range(scenario.shards)
]


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


def test_the_points_are_a_thousand() -> None:
    assert sum(scenario.fewest // scenario.stride for scenario in SCENARIOS) >= 1000


@pytest.mark.parametrize(("scenario", "shard"), _SHARDS)
def test_killed_before_every_change_on_disk(
    server: ForkServer, index: StaticIndex, scenario: Scenario, shard: int
) -> None:
    stride = 1 if _ALL else scenario.stride
    with World(server, index.url, scenario) as world:
        assert world.operations >= scenario.fewest
        # With the process each run tries others.
        for number in range(
            1 + (shard * stride + os.getpid() % stride), world.operations + 1, scenario.shards * stride
        ):
            world.put_back()
            done = server.run(world.blast, *scenario.words, fault=f"kill:{number}")
            # Threads take turns, so that the number of changes is not always the same.
            assert done.returncode == _KILLED or number > scenario.fewest, (number, done.stderr)
            try:
                world.check_goes_on(is_new=world.check_old_or_new())
            except AssertionError as error:
                error.add_note(f"killed before change {number} of {world.operations} of {scenario.words}")
                raise


def test_the_compiler_in_the_background_killed(server: ForkServer, index: StaticIndex) -> None:
    """Nobody waits for it, and nobody sees that it died: the next environment has the rest compiled."""
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "compile")
    with World(server, index.url, scenario) as world:
        arguments = (str(world.blast.home), str(world.blast.directory / ".venv"), 3)
        world.put_back()
        counted = server.call(world.blast, _BACKGROUND, *arguments)
        assert counted.returncode == 0, counted.stderr
        operations = int(counted.stderr.split("operations: ")[1])
        assert operations > 30
        for number in range(1 + os.getpid() % 2, operations + 1, 2):
            world.put_back()
            assert server.call(world.blast, _BACKGROUND, *arguments, fault=f"kill:{number}").returncode == _KILLED
            try:
                world.check_goes_on(is_new=world.check_old_or_new())
            except AssertionError as error:
                error.add_note(f"killed before change {number} of {operations}")
                raise
