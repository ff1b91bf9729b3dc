"""The input hash changes exactly with what a resolution depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_project.inputs import input_hash
from blast_project.policy import policy_key
from blast_project.settings import PolicyOptions
from blast_project.targets import asked_targets
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from pathlib import Path

HEAD = ["requires-python = '>=3.9'", "dependencies = ['alpha>=1', 'beta']"]
PLAIN = "[dependency-groups]\ndev = ['gamma']\n"
INDEX = "[[tool.blast.index]]\nname = 'corp'\nurl = 'https://index.invalid/'\n"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench.make(tmp_path)


def digest(bench: Workbench, *lines: str, more: str = PLAIN, name: str = "demo") -> bytes:
    project = bench.write_manifest(*(lines or HEAD), name=name, more=more)
    return input_hash(project, asked_targets(project), policy_key(PolicyOptions(), project.manifest.tool))


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
        pytest.param(HEAD, PLAIN + "[tool.blast]\ntargets = ['linux-x86_64']\n", id="targets"),
        pytest.param(HEAD, PLAIN + "[tool.blast]\nexclude-newer = '2025-01-01'\n", id="a cut-off"),
        pytest.param(HEAD, PLAIN + "[tool.blast]\nresolution = 'lowest'\n", id="resolution"),
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


def test_name_targets_and_wishes_count(bench: Workbench) -> None:
    project = bench.write_manifest(*HEAD, more=PLAIN)
    found = {
        input_hash(project),
        digest(bench, name="other"),
        input_hash(project, ["linux-x86_64"]),
        input_hash(project, (), "wishes"),
    }
    assert len(found) == 4


def test_a_declared_conflict_and_what_a_group_includes_count(bench: Workbench) -> None:
    groups = "[dependency-groups]\na = ['beta']\nb = ['beta']\n"
    included = "[dependency-groups]\na = ['beta']\nb = [{ include-group = 'a' }]\n"
    conflict = (
        "[project.optional-dependencies]\nx = []\n[tool.blast]\nconflicts = [[{ group = 'a' }, { extra = 'x' }]]\n"
    )
    plain = conflict.partition("[tool")[0]
    assert len({digest(bench, more=one) for one in (groups + plain, groups + conflict, included + conflict)}) == 3
    assert digest(bench, more=groups + plain) == digest(bench, more=included + plain)
