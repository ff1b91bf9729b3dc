"""What other tools do to an environment is seen, and what Python itself does is not taken for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from blast_core.reporter import SilentReporter
from blast_pm.install.testing import WheelStore, running_interpreter
from blast_project.environment.drift import Drift, find_drift
from blast_project.environment.manager import Composition, VenvManager

if TYPE_CHECKING:
    from pathlib import Path

_HERE = running_interpreter()


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    with WheelStore(tmp_path) as store:
        stored = (
            store.make("alpha", {"alpha/__init__.py": "", "ns/a.py": ""}),
            store.make("beta", {"beta.py": ""}, entry_points="[console_scripts]\nbeta = beta:main\n"),
        )
        VenvManager(str(tmp_path / ".venv")).apply(_HERE, Composition(stored, "test"), SilentReporter())
    return tmp_path / ".venv"


def drift_of(environment: Path) -> Drift:
    return find_drift(str(environment), 1, _HERE.site_packages)


def test_there_is_none_at_first_nor_after_imports(environment: Path) -> None:
    subprocess.run([environment / "bin/python", "-c", "import alpha, beta, ns.a"], check=True)
    assert not drift_of(environment)


def test_what_came_went_or_was_replaced_is_named(environment: Path) -> None:
    site = environment / _HERE.site_packages
    (site / "foreign-1.0.dist-info").mkdir()
    (site / "alpha").unlink()
    (site / "beta-1.0.dist-info/INSTALLER").unlink()
    (site / "beta-1.0.dist-info/INSTALLER").write_text("pip\n")
    found = drift_of(environment)
    assert found == Drift(("foreign-1.0.dist-info",), ("alpha",), ("beta-1.0.dist-info",))
    assert found.describe() == "came: foreign-1.0.dist-info; went: alpha; was replaced: beta-1.0.dist-info"


def test_a_directory_in_the_place_of_a_link_is_seen(environment: Path) -> None:
    site = environment / _HERE.site_packages
    target = os.readlink(site / "alpha")
    (site / "alpha").unlink()
    shutil.copytree(target, site / "alpha")
    assert drift_of(environment).replaced == ("alpha",)


def test_a_lost_store_a_lost_script_and_a_lost_list_are_seen(environment: Path) -> None:
    (environment / "bin/beta").unlink()
    assert drift_of(environment).missing == ("beta",)
    shutil.rmtree(environment.parent / "home/t")
    assert set(drift_of(environment).missing) >= {"alpha", "beta"}
    (environment / ".blast/generations/1/.meta/entries").write_bytes(b"junk")
    assert drift_of(environment)
