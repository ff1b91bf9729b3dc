"""Laws of composing: link modes look the same to whoever follows links, RECORD is true, removing spares the rest."""

from __future__ import annotations

import csv
import os
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.errors import FileConflict
from blast_pm.install.compose import ComposeReport, compose
from blast_pm.install.record import hash_file
from blast_pm.install.testing import WheelStore, running_interpreter, seen_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_pm.store.cache import StoredDistribution

pytestmark = pytest.mark.property

_HERE = running_interpreter()
_NAMESPACE = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"

# Few names, so that distributions meet: in regular packages, in namespaces, in data directories, in tests/.
_DIRECTORIES = ("p", "ns", "tests", "x.libs", "{data}/data/share", "{data}/data/etc", "{data}/purelib/p", "certifi")
_NAMES = ("__init__.py", "a.py", "b.txt", "cacert.pem", "deep/__init__.py", "deep/c.py", "deep/er/d.py", "LICENSE")
_CONTENTS = ("", "1\n", _NAMESPACE)


def is_possible(files: dict[str, str]) -> bool:
    """Tell whether one wheel can hold these: no file is a directory of another one, in any scheme."""
    placed = [path.removeprefix("{data}/purelib/") for path in files]
    return len(set(placed)) == len(placed) and not any(
        one.startswith(other + "/") for one in placed for other in placed
    )


_paths = st.one_of(
    st.builds("{}/{}".format, st.sampled_from(_DIRECTORIES), st.sampled_from(_NAMES)),
    st.sampled_from(("m.py", "LICENSE", "{data}/headers/h.h", "{data}/scripts/tool", "{data}/data/share")),
)
_files = st.dictionaries(_paths, st.sampled_from(_CONTENTS), min_size=3, max_size=9)
_sets = st.lists(_files.filter(is_possible), min_size=2, max_size=4)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WheelStore:
    return WheelStore(tmp_path_factory.mktemp("laws"))


def try_compose(where: str, stored: Sequence[StoredDistribution], mode: str) -> ComposeReport | None:
    try:
        return compose(where, _HERE, stored, link_mode=mode, requested={"d1"}, direct_urls={"d2": b"{}"})
    except FileConflict:
        assert not os.path.exists(where)
        return None


def read_rows(where: str, info: str) -> list[tuple[str, str]]:
    site = os.path.join(where, _HERE.site_packages)
    with open(os.path.join(site, info, "RECORD"), encoding="utf-8", newline="") as file:
        return [(os.path.normpath(os.path.join(site, row[0])), ",".join(row[1:])) for row in csv.reader(file)]


def visible(where: str) -> dict[str, bytes]:
    """What is seen, without the two files that differ between link modes on purpose."""
    return {
        path: content for path, content in seen_files(where).items() if not path.endswith(("/RECORD", "/top_level.txt"))
    }


@settings(max_examples=80)
@given(contents=_sets)
def test_laws(store: WheelStore, contents: list[dict[str, str]]) -> None:
    stored = [store.make(f"d{i}", files) for i, files in enumerate(contents)]
    before = [seen_files(one.tree) for one in stored]
    with tempfile.TemporaryDirectory() as top:
        reports = {mode: try_compose(os.path.join(top, mode), stored, mode) for mode in ("fold", "hardlink", "copy")}
        if reports["fold"] is None:
            assert set(reports.values()) == {None}
            return
        assert visible(os.path.join(top, "fold")) == visible(os.path.join(top, "hardlink"))
        assert visible(os.path.join(top, "fold")) == visible(os.path.join(top, "copy"))
        for mode, report in reports.items():
            assert report is not None
            where = os.path.join(top, mode)
            check_records(where, report)
            check_removal(where, report)
    assert [seen_files(one.tree) for one in stored] == before


def check_records(where: str, report: ComposeReport) -> None:
    """Every row is true, and every entry has one."""
    listed = set()
    for one in report.distributions:
        for path, cells in read_rows(where, one.dist_info):
            listed.add(path)
            assert os.path.lexists(path), path
            assert cells == "," if os.path.islink(path) or path.endswith("/RECORD") else cells == hash_file(path), path
    for directory, names, files in os.walk(where):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            assert path in listed or (os.path.isdir(path) and not os.path.islink(path)), path


def check_removal(where: str, report: ComposeReport) -> None:
    """Removing the first distribution's rows leaves the rows of the others, but for files that both have."""
    if len(report.distributions) < 2:
        return
    first, *others = ({path for path, _ in read_rows(where, one.dist_info)} for one in report.distributions)
    for path in first:
        os.unlink(path)
    for path in set().union(*others) - first:
        assert os.path.exists(path), path
