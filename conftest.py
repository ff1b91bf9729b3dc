"""Settings for every test of the workspace: hypothesis' profiles, and what runs offline."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# Deadlines measure the machine, not the code: two workers share two cores. `deep` is `dev.py property`.
_SLOW_MACHINE = [HealthCheck.too_slow]
settings.register_profile("default", max_examples=100, deadline=None, suppress_health_check=_SLOW_MACHINE)
settings.register_profile("deep", max_examples=3000, deadline=None, suppress_health_check=_SLOW_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
# Thousands of small stores, gone in a moment: nothing has to reach the disk. A test that is about it says so.
os.environ.setdefault("BLAST_FLUSH", "never")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs an index where ``BLAST_TESTS_OFFLINE`` says that there is none."""
    if not os.environ.get("BLAST_TESTS_OFFLINE"):
        return
    for item in items:
        if item.get_closest_marker("network"):
            item.add_marker(pytest.mark.skip(reason="NO INDEX: BLAST_TESTS_OFFLINE is set"))
