"""What a Python sees through a module map is what it sees in an environment with the same distributions.

The oracle is `compose`: an environment of hard links, in which each file lies where its wheel says.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from blast_pm.install.testing import WheelStore
from blast_project.no_env.maps import make_map
from blast_project.no_env.testing_maps import interpreters, make_ordinary_site, make_site, seen_in_site
from blast_runtime.modmap import ModuleMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from blast_pm.store.cache import StoredDistribution

PKGUTIL = '__path__ = __import__("pkgutil").extend_path(__path__, __name__)\n'
# Of each set: the files of its distributions, by their names.
SETS: dict[str, dict[str, dict[str, str]]] = {
    "names that differ from the project's": {
        "beautifulsoup": {"bs/__init__.py": "A = 1", "bs/deep/__init__.py": "", "bs/deep/x.py": "", "bs/data.txt": "d"},
        "yaml-like": {"yaml/__init__.py": "", "_yaml/__init__.py": "", "loose.py": "B = 2"},
        "nothing": {},
    },
    "namespaces of PEP 420": {
        "jaraco-a": {"jaraco/a.py": "", "jaraco/deep/one/__init__.py": "", "jaraco/deep/data.txt": ""},
        "jaraco-b": {"jaraco/b/__init__.py": "", "jaraco/deep/two.py": ""},
        "jaraco-c": {"jaraco/deep/one/more/not.txt": ""},
    },
    "namespaces of pkgutil": {
        "zope-a": {"zope/__init__.py": PKGUTIL, "zope/a/__init__.py": "", "zope/sub/__init__.py": PKGUTIL},
        "zope-b": {"zope/__init__.py": PKGUTIL, "zope/b.py": "", "zope/sub/__init__.py": PKGUTIL, "zope/sub/b.py": ""},
    },
    "a namespace in which one has an init": {
        "mixed-a": {"mixed/a.py": ""},
        "mixed-b": {"mixed/__init__.py": PKGUTIL, "mixed/b.py": ""},
        "mixed-c": {"mixed/c/__init__.py": "", "mixed/c/d.py": ""},
    },
    "a package that another adds to": {
        "base": {"base/__init__.py": "", "base/plugins/__init__.py": "", "base/plugins/own.py": "", "base/x.py": ""},
        "base-more": {"base/plugins/more.py": "", "base/plugins/data/here.txt": "", "base/new/deep/__init__.py": ""},
        "base-other": {"base/plugins/other/__init__.py": "", "base/new/deep/below.py": ""},
    },
    "directories before files": {
        "as-file": {"same.py": "", "ns/same.py": "", "port.py": "", "reg/__init__.py": "", "reg/same.py": ""},
        "as-package": {"same/__init__.py": "", "ns/same/__init__.py": "", "port/x.py": "", "reg/same/__init__.py": ""},
    },
    "several kinds of files for one name": {
        "native": {
            "fast.so": "\x7fELF",
            "fast.py": "",
            "fast.abi3.so": "abi3",
            "other.cpython-39-x86_64-linux-gnu.so": "39",
            "other.cpython-311-x86_64-linux-gnu.so": "311",
            "other.cpython-312-x86_64-linux-gnu.so": "312",
            "foreign.cpython-38-x86_64-linux-gnu.so": "38",
            "win.cp312-win_amd64.pyd": "",
            "pkg/__init__.cpython-312-x86_64-linux-gnu.so": "",
            "pkg/y.py": "",
            "both/__init__.py": "",
            "both/__init__.abi3.so": "",
            "compiled.pyc": "",
            "compiled/readme.txt": "",
        },
    },
    "files that lie in .data": {
        "datas": {
            "{data}/purelib/pure/__init__.py": "",
            "{data}/purelib/pure/data.txt": "",
            "{data}/platlib/plat.py": "",
            "{data}/data/share/doc.txt": "",
            "{data}/scripts/run.sh": "#!/bin/sh\n",
            "pure/root.py": "",
            "pure/sub/__init__.py": "",
            "{data}/purelib/pure/sub/more.py": "",
        },
    },
    "path files": {
        "paths": {
            "paths.pth": "added\n# a comment\nmissing\nimport os; os.environ.pop('x', None)\n",
            "added/inner.py": "",
        },
        "paths-late": {"z.pth": "added2\nadded2\n", "added2/inner.py": "other", "added2/own/__init__.py": ""},
    },
    "names that no import statement can mean": {
        "odd": {
            "with-dash.py": "",
            "with-dash2/__init__.py": "",
            "dotted.name/__init__.py": "",
            "no_suffix": "",
            "templates/{{x}}.py": "",
            "__init__.py": "",
            "__main__.py": "",
            "ünï.py": "",
            "data_only/x.txt": "",
        },
    },
    "the first of two wins": {
        "aa": {"tests/__init__.py": "A", "tests/test_a.py": "", "conf.py": "A"},
        "bb": {"tests/__init__.py": "B", "tests/test_b.py": "", "conf.py": "B"},
    },
}

OVERWRITTEN = "bb"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """All sets in one place, through a map and as files."""
    directory = tmp_path_factory.mktemp("maps")
    with WheelStore(directory) as store:
        rows = [row for members in SETS.values() for row in make_set(store, members)]
        yield make_site(directory / "map", rows), make_ordinary_site(directory / "env", rows, "hardlink")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WheelStore]:
    with WheelStore(tmp_path) as made:
        yield made


def make_set(store: WheelStore, members: Mapping[str, Mapping[str, str]]) -> list[StoredDistribution]:
    points = "[console_scripts]\n{0} = x:y\n[things]\n{0}.a = x\n"
    return [
        store.make(name, files, version=f"1.{number}", entry_points=points.format(name))
        for number, (name, files) in enumerate(members.items())
    ]


def compare(seen: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert sorted(seen["modules"]) == sorted(wanted["modules"])
    for name, module in wanted["modules"].items():
        assert (name, seen["modules"][name]) == (name, module)
    mine, theirs = ({row[0]: row for row in one.pop("distributions")} for one in (seen, wanted))
    assert sorted(mine) == sorted(theirs)
    for name, row in theirs.items():
        if name == OVERWRITTEN:
            # An environment takes from its RECORD what another one's files have taken the place of.
            row[4] = mine[name][4] = sorted({*mine[name][4]} & {*row[4]})
        assert mine[name] == row
    # For the same reason.
    owners = ({**one.pop("by_package"), "conf": [], "tests": []} for one in (seen, wanted))
    assert next(owners) == next(owners)
    assert seen == wanted


@pytest.mark.parametrize("python", interpreters())
def test_a_map_shows_what_an_environment_shows(sites: tuple[str, str], python: str) -> None:
    mapped, ordinary = sites
    wanted = seen_in_site(python, ordinary)
    # Else nothing was compared.
    assert len(wanted["modules"]) > 60
    assert len(wanted["distributions"]) == sum(len(members) for members in SETS.values())
    compare(seen_in_site(python, mapped), wanted)


def test_a_map_is_made_without_a_look_at_the_disk(store: WheelStore) -> None:
    """Plans know it all; 240 distributions have 7,000 directories."""
    rows = make_set(store, SETS["a package that another adds to"])
    for row in rows:
        os.rename(row.tree, f"{row.tree}.away")
    events: list[str] = []
    watching = True

    def watch(event: str, _: object) -> None:
        if watching and event.partition(".")[0] in {"open", "os", "glob", "shutil", "subprocess"}:
            events.append(event)

    make_map(rows)
    sys.addaudithook(watch)
    data = make_map(rows[::-1])
    watching = False
    assert events == []
    assert data == make_map(rows)
    assert ModuleMap("map", data).merged() == ("base", "base.new")
