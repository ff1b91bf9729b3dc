"""Laws of how a page's files are grouped and kept: all ways come to what one file after the other says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_core.errors import InvalidVersion
from blast_core.interpreter import Target
from blast_core.names import normalize_name
from blast_core.platform_tags import linux_tags, macos_tags, python_tags, windows_tags
from blast_core.version import normalize_version, version_key
from blast_pm.index.pages import parse_json
from blast_pm.index.plain_pages import PlainPage, plain_page
from blast_pm.index.text_pages import open_text
from blast_pm.metadata.grouping import group_files
from blast_pm.metadata.page_records import PageRecord, make_page
from blast_pm.metadata.records import TargetView
from blast_pm.metadata.sdists import sdist_version

pytestmark = pytest.mark.property

URL = "https://index.invalid/simple/a-thing/"
TARGETS = (
    Target("linux", "3.12.99", {}, python_tags("cpython", 12, linux_tags("x86_64"))),
    Target("macos", "3.10.99", {}, python_tags("cpython", 10, macos_tags("arm64"))),
    Target("windows", "3.13.99", {}, python_tags("cpython", 13, windows_tags("AMD64"))),
)

names = st.sampled_from(["a_thing", "A.thing", "a-thing", "thing", "a_thing_b", "a"])
versions = st.from_regex(r"0?[0-9](\.0?[0-9]){0,2}((a|rc|\.post)[0-9])?(\+x)?", fullmatch=True) | st.sampled_from(
    ["", "x", "1.0-1", "2!1", "01", "py3"]
)
ends = st.sampled_from(
    [
        "-py3-none-any.whl",
        "-py2-none-any.whl",
        "-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "-cp312-cp312-win_amd64.whl",
        "-cp39-abi3-macosx_11_0_arm64.whl",
        "-cp310.cp313-none.abi3-win32.win_amd64.whl",
        "--none-any.whl",
        "-any.whl",
        "-1-2-py3-none-any.whl",
        ".whl",
        ".tar.gz",
        "-2.tar.gz",
        ".zip",
        ".exe",
    ]
)
filenames = st.builds(lambda name, version, end: f"{name}-{version}{end}", names, versions, ends)


def _version_of(filename: str) -> str | None:
    """Return what one name says, by the definition."""
    if not filename.endswith(".whl"):
        return sdist_version(filename, "a-thing")
    if filename.count("-") not in (4, 5):
        return None
    written, version, rest = filename.split("-", 2)
    return version if rest[0] != "-" and normalize_name(written) == "a-thing" else None


@given(st.lists(filenames, max_size=20))
def test_files_are_grouped_as_one_after_the_other(found: list[str]) -> None:
    expected: dict[bytes, tuple[str, list[tuple[int, str]]]] = {}
    for place, filename in enumerate(found):
        version = _version_of(filename)
        try:
            key = version_key(version or "")
        except InvalidVersion:
            continue
        tag = "-".join(filename[:-4].split("-")[-3:]) if filename.endswith(".whl") else ""
        expected.setdefault(key, (normalize_version(version or ""), []))[1].append((place, tag))
    table, releases = group_files(found, "a-thing")
    assert list(table.keys) == sorted(expected)
    assert list(table.texts) == [release.text for release in releases] == [expected[key][0] for key in table.keys]
    grouped = [list(zip(release.places, release.tags, strict=True)) for release in releases]
    assert grouped == [expected[key][1] for key in table.keys]


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    filename = draw(filenames)
    directory = draw(st.sampled_from(["../../files/", "https://files.invalid/a/b/", "https://files.invalid/c/"]))
    address = filename.replace("+", draw(st.sampled_from(["+", "%2B"])))
    entry: dict[str, Any] = {"filename": filename, "url": directory + address}
    more = {
        "hashes": st.sampled_from([{}, {"sha256": "ab" * 32}, {"sha256": "odd"}]),
        "requires-python": st.sampled_from([None, "", ">=3.8", ">=3.12", "<3.11", "nonsense", "3 > x\u00e9"]),
        "yanked": st.sampled_from([False, True, "", "broken", None]),
        "size": st.sampled_from([0, 12, -1, "9", 1.5]),
        "core-metadata": st.sampled_from([True, False, {"sha256": "cd" * 32}, None, 3]),
        "provenance": st.sampled_from([None, "https://index.invalid/p", {"a": ["b", {}]}]),
    }
    for key, values in more.items():
        if draw(st.booleans()):
            entry[key] = draw(values)
    return entry


def _record(files: Any) -> PageRecord:
    return make_page("a-thing", "i", bytes(8), files, "", times=(0, 0), validators=("", ""))[0]


@given(st.lists(entries(), max_size=12), st.booleans())
def test_every_way_through_a_page_leads_to_the_same(found: list[dict[str, Any]], builds: bool) -> None:
    body = json.dumps({"meta": {"api-version": "1.0"}, "files": found}).encode()
    expected = _record(parse_json(body, URL, "i"))
    text = open_text(body, URL, "i")
    ways: list[PlainPage | None] = [plain_page(json.loads(body)["files"], URL, "i"), text.page if text else None]
    for way in ways:
        if way is None:
            continue
        record = _record(way)
        assert record.versions == expected.versions
        view = TargetView(TARGETS, builds=builds)
        assert view.judge(record) == view.judge(expected)
        assert [list(group) for group in record.files] == [list(group) for group in expected.files]
