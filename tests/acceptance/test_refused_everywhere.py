"""Refused by the system at any change on disk: a clear error and the old state, or another way and the new one."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing_forks import ForkServer
from blast_cli.testing_worlds import SCENARIOS, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_cli.testing_worlds import Scenario
    from blast_pm.testing import StaticIndex

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.crash,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="NO FORK: the command that fails is a fork"),
]

_ERRORS = ("ENOSPC", "EDQUOT", "EROFS", "EMFILE", "ENFILE", "EXDEV", "EACCES", "EPERM", "EIO", "EMLINK", "EINTR")
# BLAST_TEST_REFUSALS=1000 tries all.
_POINTS = int(os.environ.get("BLAST_TEST_REFUSALS", "2"))


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
@pytest.mark.parametrize("lasting", ["", "+"], ids=["once", "for-good"])
def test_refused_at_a_change_on_disk(server: ForkServer, index: StaticIndex, scenario: Scenario, lasting: str) -> None:
    chosen = random.Random(f"{scenario.name} {lasting}")
    with World(server, index.url, scenario, loose=True) as world:
        for name in _ERRORS:
            for number in chosen.sample(range(1, world.operations + 1), min(world.operations, _POINTS)):
                world.put_back()
                fault = f"fail:{number}{lasting}:{name}"
                done = server.run(world.blast, *scenario.words, fault=fault)
                try:
                    _check_said(done.returncode, done.stderr)
                    world.check_goes_on(is_new=world.check_old_or_new())
                except AssertionError as error:
                    error.add_note(f"{fault} of {world.operations} of {scenario.words}: {done.stderr}")
                    raise


def _check_said(code: int, said: str) -> None:
    """Check that what went wrong, why and what to do is said, and that the exit status fits."""
    assert "Traceback" not in said
    assert "internal error" not in said
    # 4 is for `verify --repair`, which could not repair; 5 for a lock that was not to be had.
    assert code in (0, 1, 4, 5), code
    if code == 1:
        lines = said.splitlines()
        assert [line for line in lines if line.startswith("error: ")], "no error"
        assert [line for line in lines if line.startswith("  why: ")], "no reason"
        assert [line for line in lines if line.startswith("  try: ")], "no hint"
