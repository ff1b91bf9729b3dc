"""The input hash changes exactly with what a resolution depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_project.inputs import input_hash
from blast_project.testing import Workbench, make_target

if TYPE_CHECKING:
    from pathlib import Path

HEAD = ["requires-python = '>=3.9'", "dependencies = ['alpha>=1', 'beta']"]
PLAIN = "[dependency-groups]\ndev = ['gamma']\n"
INDEX = "[[tool.blast.index]]\nname = 'corp'\nurl = 'https://index.invalid/'\n"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench.make(tmp_path)


def digest(
    bench: Workbench, *lines: str, more: str = PLAIN, name: str = "demo", target: str = "linux-x86_64-py312"
) -> bytes:
    return input_hash(bench.write_manifest(*(lines or HEAD), name=name, more=more), make_target(target))


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        pytest.param([HEAD[0], "dependencies = ['alpha>=2', 'beta']"], PLAIN, id="specifier"),
        pytest.param([HEAD[0], "dependencies = ['alpha>=1']"], PLAIN, id="removed"),
        pytest.param([HEAD[0], "dependencies = ['alpha[x]>=1', 'beta']"], PLAIN, id="extra of a requirement"),
        pytest.param([HEAD[0], "dependencies = ['alpha>=1', \"beta; os_name == 'nt'\"]"], PLAIN, id="marker"),
        pytest.param(["requires-python = '>=3.10'", HEAD[1]], PLAIN, id="requires-python"),
        pytest.param(HEAD, "[dependency-groups]\ntest = ['gamma']\n", id="name of a group"),
        pytest.param(HEAD, "[dependency-groups]\ndev = ['gamma']\ndocs = []\n", id="an empty group"),
        pytest.param(HEAD, PLAIN + "[project.optional-dependencies]\ndev = ['gamma']\n", id="an extra"),
        pytest.param(HEAD, PLAIN + "[tool.blast]\nprerelease = 'allow'\n", id="pre-releases"),
        pytest.param(HEAD, PLAIN + "[tool.blast]\npackage = true\n", id="a package"),
        pytest.param(HEAD, PLAIN + "[tool.blast]\nconstraint-dependencies = ['beta<2']\n", id="constraints"),
        pytest.param(HEAD, PLAIN + "[tool.blast]\noverride-dependencies = ['beta<2']\n", id="overrides"),
        pytest.param(HEAD, PLAIN + INDEX, id="an index"),
        pytest.param(HEAD, PLAIN + INDEX + "explicit = true\n", id="an index for pinned names only"),
        pytest.param(HEAD, PLAIN + INDEX + "[tool.blast.sources]\nalpha = {index = 'corp'}\n", id="a pinned name"),
    ],
)
def test_what_matters_changes_it(bench: Workbench, lines: list[str], more: str) -> None:
    assert digest(bench, *lines, more=more) != digest(bench)


def test_an_index_that_is_explicit_is_another_than_one_that_is_not(bench: Workbench) -> None:
    plain, explicit, default = (
        digest(bench, more=PLAIN + INDEX + line) for line in ("", "explicit = true", "default = true")
    )
    assert len({plain, explicit, default}) == 3


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        pytest.param([HEAD[0], "dependencies = ['beta', 'alpha>=1']"], PLAIN, id="order"),
        pytest.param([HEAD[0], "dependencies = ['Alpha >= 1', 'beta']"], PLAIN, id="spelling"),
        pytest.param([*HEAD, "description = 'new'", "keywords = ['a']"], PLAIN, id="metadata"),
        pytest.param([HEAD[1], HEAD[0]], PLAIN, id="order of keys"),
        pytest.param(HEAD, "# a comment\n" + PLAIN, id="comments"),
        pytest.param(HEAD, PLAIN + "[tool.black]\nline-length = 3\n", id="another tool"),
        pytest.param(HEAD, PLAIN + "[tool.blast]\nlink-mode = 'copy'\n", id="how files are linked"),
        pytest.param(HEAD, PLAIN + "[tool.blast]\nlock = 'dpl'\n", id="how the lock is written"),
        pytest.param(HEAD, PLAIN.replace("dev", "DEV"), id="spelling of a group"),
    ],
)
def test_what_does_not_matter_leaves_it(bench: Workbench, lines: list[str], more: str) -> None:
    assert digest(bench, *lines, more=more) == digest(bench)


def test_the_address_of_an_index_does_not_count(bench: Workbench) -> None:
    """A lock is the same through a mirror."""
    assert digest(bench, more=INDEX) == digest(bench, more=INDEX.replace("index.invalid", "mirror.invalid"))


def test_name_version_and_target_count(bench: Workbench) -> None:
    found = {
        digest(bench),
        digest(bench, name="other"),
        digest(bench, target="linux-x86_64-py313"),
        input_hash(bench.write_manifest(*HEAD, more=PLAIN), make_target(implementation_name="pypy")),
    }
    assert len(found) == 4


def test_the_patch_release_of_the_interpreter_does_not_count(bench: Workbench) -> None:
    """A team's locks are equal though its Pythons differ in the last number."""
    project = bench.write_manifest(*HEAD, more=PLAIN)
    markers = {"python_full_version": "3.12.9", "implementation_version": "3.12.9", "platform_release": "9"}
    assert input_hash(project, make_target(**markers)) == input_hash(project, make_target())
