"""What a plan says of a distribution: which directories are one link, which are real, what is a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import StoreError
from blast_pm.install.plan import PREFIX, SITE, TreePlan, read_listing, read_plan
from blast_pm.install.testing import WheelStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_pm.store.cache import StoredDistribution


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WheelStore]:
    with WheelStore(tmp_path) as store:
        yield store


def plan_of(stored: StoredDistribution) -> TreePlan:
    return read_plan(stored.plan)


def links(plan: TreePlan) -> set[str]:
    return {f"{folder[1]}/{name}".lstrip("/") for folder in plan.folders for name in folder[3]}


def real(plan: TreePlan, scheme: int = SITE) -> set[str]:
    info = plan.dist_info
    return {folder[1] for folder in plan.folders if folder[0] == scheme and folder[1] not in {"", info}}


def test_a_regular_package_is_one_link_whatever_it_holds(store: WheelStore) -> None:
    plan = plan_of(store.make("a", {"a/__init__.py": "", "a/data/x.txt": "", "a/sub/__init__.py": "", "mod.py": ""}))
    assert links(plan) == {"a"}
    assert real(plan) == set()
    assert plan.folders[0][4] == ("mod.py",)


@pytest.mark.parametrize(
    "init",
    [
        "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
        "__import__('pkg_resources').declare_namespace(__name__)\n",
        "try:\n    import pkg_resources\n    pkg_resources.declare_namespace(__name__)\nexcept ValueError:\n    1\n",
    ],
)
def test_an_old_namespace_package_is_real(store: WheelStore, init: str) -> None:
    plan = plan_of(store.make("a", {"ns/__init__.py": init, "ns/a/__init__.py": "", "ns/b.py": ""}))
    assert links(plan) == {"ns/a"}
    assert real(plan) == {"ns"}


def test_directories_without_init_are_real_all_the_way_down(store: WheelStore) -> None:
    files = {"g/c/one/__init__.py": "", "g/c/two/x.txt": "", "a.libs/b.so": "", "p.prefix/__init__.py": ""}
    plan = plan_of(store.make("a", files))
    assert links(plan) == {"g/c/one"}
    assert real(plan) == {"g", "g/c", "g/c/two", "a.libs", "p.prefix"}


def test_extension_modules_and_stubs_make_packages_too(store: WheelStore) -> None:
    files = {"c/__init__.cpython-312-x86_64-linux-gnu.so": "", "s-stubs/__init__.pyi": "", "t/__init__.pyi": ""}
    plan = plan_of(store.make("a", files))
    assert links(plan) == {"c", "s-stubs"}
    assert real(plan) == {"t"}


def test_a_directory_from_two_places_of_the_wheel_is_real(store: WheelStore) -> None:
    plan = plan_of(
        store.make("a", {"p/__init__.py": "", "{data}/purelib/p/x.py": "", "{data}/purelib/q/__init__.py": ""})
    )
    assert links(plan) == {"q"}
    assert real(plan) == {"p"}


def test_what_programs_change_in_place_is_copied_and_the_rest_linked(store: WheelStore) -> None:
    files = {"certifi/__init__.py": "", "certifi/cacert.pem": "", "certifi/d/x": "", "{data}/data/etc/c.json": ""}
    plan = plan_of(store.make("certifi", files))
    assert {name for folder in plan.folders for name in folder[5]} == {"cacert.pem", "c.json"}
    assert links(plan) == {"certifi/d"}


def test_data_files_are_real_below_the_environment(store: WheelStore) -> None:
    plan = plan_of(store.make("a", {"a.py": "", "{data}/data/share/a/x": "", "{data}/data/share/a/b/y": ""}))
    assert real(plan, PREFIX) == {"share", "share/a", "share/a/b"}


def test_dist_info_is_real_and_its_directories_are_links(store: WheelStore) -> None:
    plan = plan_of(
        store.make("a", {"a.py": "", "a-1.0.dist-info/licenses/LICENSE": "", "a-1.0.dist-info/INSTALLER": "x"})
    )
    (folder,) = (folder for folder in plan.folders if folder[1] == plan.dist_info)
    assert folder[3] == ("licenses",)
    assert set(folder[4]) == {"METADATA", "WHEEL"}


def test_programs_are_told_apart(store: WheelStore) -> None:
    entries = "[console_scripts]\nb = m:f\nshared = m:g [extra]\n[gui_scripts]\nw = m:w\n[other]\nx = m\n"
    files = {
        "m.py": "",
        "{data}/scripts/s": "#!python\n",
        "{data}/scripts/sh": "#!/bin/sh\n",
        "{data}/scripts/shared": "",
    }
    plan = plan_of(store.make("a", files, entry_points=entries))
    assert [(name, bool(source), reference) for name, source, reference, _ in plan.scripts] == [
        ("b", False, "m:f"),
        ("s", True, ""),
        ("sh", True, ""),
        ("shared", False, "m:g"),
        ("w", False, "m:w"),
    ]


def test_start_up_files_are_named(store: WheelStore) -> None:
    files = {"x.pth": "import os\n", "y.pth": "sub\n", "sitecustomize.py": "", "p/sitecustomize.py": "", "m.py": ""}
    assert plan_of(store.make("a", files)).startup == ("sitecustomize.py", "x.pth")


def test_bytecode_of_the_wheel_is_left_out(store: WheelStore) -> None:
    plan = plan_of(store.make("a", {"m.py": "", "__pycache__/m.cpython-311.pyc": "", "n.pyc": ""}))
    assert [row[3] for row in read_listing(plan) if row[1] == ""] == [("m.py",)]


def test_a_damaged_or_foreign_plan_is_refused() -> None:
    for plan in (b"", b"BTP9abc", b"BTP1", b"BTP1\xff\xff", b"BTP1i\x01\x00\x00\x00"):
        with pytest.raises(StoreError):
            read_plan(plan)
