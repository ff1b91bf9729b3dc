"""Laws of pages, names and records, on generated input."""

from __future__ import annotations

import html
import string
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import parse_tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from blast_core.errors import BlastError
from blast_core.interpreter import Target
from blast_pm.index import html_pages
from blast_pm.index.html_pages import parse_html
from blast_pm.index.model import IndexFile
from blast_pm.index.pages import parse_json
from blast_pm.metadata.core_metadata import decode_metadata, encode_metadata, parse_metadata
from blast_pm.metadata.file_table import FileTable, encode_files
from blast_pm.metadata.page_records import make_page
from blast_pm.metadata.records import TargetView, representative
from blast_pm.metadata.sdists import sdist_version
from blast_pm.metadata.wheels import best_filename, best_wheel, parse_wheel_name

if TYPE_CHECKING:
    from collections.abc import Sequence

URL = "https://index.invalid/simple/thing/"
# All zeros stand for "no digest" in a row, as no file has it.
SHA = st.text("0123456789abcdef", min_size=63, max_size=63).map(lambda digits: f"f{digits}")
TAGS = ("cp311-cp311-linux_x86_64", "cp311-abi3-linux_x86_64", "py3-none-linux_x86_64", "py3-none-any", "py2-none-any")
TARGET = Target("t", "3.11.4", {}, TAGS)
TARGETS = (
    TARGET,
    Target("older", "3.10.99", {}, ("cp310-cp310-linux_x86_64", "py3-none-linux_x86_64", "py3-none-any")),
    Target("newer", "3.12.99", {}, ("cp312-cp312-linux_x86_64", "cp312-abi3-linux_x86_64", "py3-none-any")),
    Target("elsewhere", "3.11.99", {}, ("cp311-cp311-win32", "py3-none-win32", "py3-none-any")),
)

pytestmark = pytest.mark.property

versions = st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}((a|rc)[0-9])?", fullmatch=True)
tags = st.builds(
    "-".join,
    st.tuples(
        st.sampled_from(["py3", "py2.py3", "cp311", "cp312", "cp310.cp311"]),
        st.sampled_from(["none", "abi3", "cp311", "abi3.none"]),
        st.sampled_from(["any", "linux_x86_64", "win32", "linux_x86_64.win32"]),
    ),
)
builds = st.sampled_from(["", "-1", "-2", "-10", "-2b"])
wheels = st.builds(lambda version, build, tag: f"thing-{version}{build}-{tag}.whl", versions, builds, tags)
filenames = st.one_of(wheels, versions.map(lambda version: f"thing-{version}.tar.gz"))
requires_pythons = st.sampled_from(["", ">=3.8", ">=3.12", "<3.11", "!=3.11.4", "nonsense", ">=3.6.*"])


@st.composite
def files(draw: st.DrawFn) -> IndexFile:
    filename = draw(filenames)
    directory = draw(
        st.sampled_from(["https://files.invalid/ab/", "https://index.invalid/files/", "https://o.invalid/://"])
    )
    return IndexFile(
        filename,
        directory + filename,
        draw(st.one_of(st.just(""), SHA)),
        draw(st.integers(0, 1 << 40)),
        draw(requires_pythons),
        draw(st.one_of(st.none(), st.text(max_size=5))),
        draw(st.sampled_from(["", "2024-01-01T00:00:00Z"])),
        draw(st.sampled_from([None, True, False])),
        "i",
        draw(st.one_of(st.just(""), SHA)),
    )


def _write(file: IndexFile) -> str:
    fragment = f"#sha256={file.sha256}" if file.sha256 else ""
    attributes = [f'href="{html.escape(file.url)}{fragment}"']
    if file.requires_python:
        attributes.append(f'data-requires-python="{html.escape(file.requires_python)}"')
    if file.yanked is not None:
        attributes.append(f'data-yanked="{html.escape(file.yanked)}"')
    if file.has_metadata is not None:
        digest = f"sha256={file.metadata_sha256}" if file.metadata_sha256 else str(file.has_metadata).lower()
        attributes.append(f'data-core-metadata="{digest}"')
    return f"<a {' '.join(attributes)}>{file.filename}</a><br/>\n"


@given(st.lists(files(), max_size=8))
def test_both_html_parsers_read_what_was_written(written: list[IndexFile]) -> None:
    text = "<html><body>\n" + "".join(map(_write, written)) + "</body></html>"
    fast = parse_html(text, URL, "i")
    assert fast == html_pages._read_odd(text, URL, "i")
    assert [(file.filename, file.sha256, file.requires_python) for file in fast] == [
        (file.filename, file.sha256, file.requires_python) for file in written
    ]


@given(st.text(string.printable, max_size=200) | st.text(max_size=60))
def test_any_text_is_a_page_or_an_error(text: str) -> None:
    for page in (text, f'<a href="{text}">x</a>', f'<a {text}><a href="thing-1.zip">'):
        try:
            found = parse_html(page, URL, "i")
        except BlastError:
            continue
        for file in found:
            assert "/" not in file.filename
            assert file.url.startswith(("https://", "http://"))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_json_page_or_an_error(body: bytes) -> None:
    for page in (body, b'{"meta": {"api-version": "1.0"}, "files": [' + body + b"]}"):
        try:
            parse_json(page, URL, "i")
        except BlastError:
            continue


@given(st.lists(st.lists(files(), max_size=4), max_size=6), st.sampled_from(["", "https://files.invalid/"]))
def test_packed_files_come_back(groups: list[list[IndexFile]], base: str) -> None:
    blob = encode_files(b"12345678", base, groups)
    table = FileTable(b"12345678", len(groups), base, "i", lambda decode: decode(blob))
    assert [list(found) for found in table] == groups


class _NoNewest:
    """A policy that refuses files by their names."""

    def allows(self, name: str, file: IndexFile) -> bool:
        return name == "thing" and "cp311" not in file.filename

    def key(self, name: str) -> bytes:
        return name.encode()


@given(st.lists(files(), max_size=12), st.booleans(), st.sampled_from([None, _NoNewest()]))
def test_one_pass_judgement_equals_the_plain_definition(
    found: list[IndexFile], builds: bool, policy: _NoNewest | None
) -> None:
    page, _ = make_page("thing", "i", bytes(8), found, "", times=(0, 0), validators=("", ""))
    view = TargetView(TARGETS, builds=builds, files=policy)  # type: ignore[arg-type]
    usability = view.judge(page)
    assert sum(targets for targets, _ in usability.usable_by) == (1 << len(TARGETS)) - 1
    assert len({versions for _, versions in usability.usable_by}) == len(usability.usable_by)
    for position, group in enumerate(page.files):
        allowed = [file for file in group if policy is None or policy.allows("thing", file)]
        assert bool(usability.refused >> position & 1) == (not allowed)
        usable = sum(targets for targets, versions in usability.usable_by if versions >> position & 1)
        expected = 0
        for file in allowed:
            expected |= view.is_usable(file)
        assert usable == expected
        chosen = _stands_for(view, allowed, group)
        found_file = view.choose("thing", group)
        assert found_file is not None
        assert found_file.filename == chosen.filename
    if policy is None:
        page.files.outlines = [
            (tuple(_tag(file.filename) for file in group), tuple(file.requires_python for file in group))
            for group in page.files
        ]
        assert view.judge(page) == usability


def _tag(filename: str) -> str:
    return "-".join(filename[:-4].split("-")[-3:]) if filename.endswith(".whl") else ""


def _stands_for(view: TargetView, allowed: list[IndexFile], group: Sequence[IndexFile]) -> IndexFile:
    for position, target in enumerate(TARGETS):
        suited = [file for file in allowed if view.runs_on_python(file.requires_python) >> position & 1]
        best = best_wheel(suited, target)
        if best is not None:
            return best
    runs = [file for file in allowed if view.runs_on_python(file.requires_python)]
    chosen = representative(runs or allowed or group)
    assert chosen is not None
    return chosen


@given(st.lists(files(), max_size=12), st.booleans())
def test_all_targets_at_once_are_what_each_is_alone(found: list[IndexFile], builds: bool) -> None:
    page, _ = make_page("thing", "i", bytes(8), found, "", times=(0, 0), validators=("", ""))
    together = TargetView(TARGETS, builds=builds)
    judged = together.judge(page)
    for position, target in enumerate(TARGETS):
        alone = TargetView((target,), builds=builds)
        ((targets, usable),) = alone.judge(page).usable_by
        assert targets == 1
        assert [versions for targets, versions in judged.usable_by if targets >> position & 1] == [usable]


@given(st.lists(files(), max_size=12))
def test_every_own_file_is_in_exactly_one_version(found: list[IndexFile]) -> None:
    page, _ = make_page("thing", "i", bytes(8), found, "", times=(0, 0), validators=("", ""))
    assert sorted((file for group in page.files for file in group), key=repr) == sorted(found, key=repr)
    assert list(page.table.keys) == sorted(set(page.table.keys))


@given(wheels | st.text("ab-1._", max_size=20).map(lambda stem: f"{stem}.whl"))
def test_wheel_names_agree_with_packaging(filename: str) -> None:
    try:
        _, _, build, expected = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return
    found = parse_wheel_name(filename)
    assert found is not None
    assert (found.build, set(parse_tag(found.tag))) == (build or (0, ""), set(expected))


@given(st.lists(wheels, max_size=6, unique=True))
def test_best_wheel_is_the_oracles(names: list[str]) -> None:
    def rank(name: str) -> tuple[int, int, str]:
        _, _, build, found = parse_wheel_filename(name)
        singles = {str(tag) for tag in found}
        place = min((position for position, tag in enumerate(TAGS) if tag in singles), default=99)
        number, suffix = build or (0, "")
        return place, -number, "" if suffix else "~"

    suited = [name for name in names if rank(name)[0] < 99]
    best = best_filename(names, TARGET)
    assert (best is None) == (not suited)
    if best is not None:
        assert rank(best) == min(map(rank, suited))


@given(st.from_regex(r"[a-z][a-z-]{0,5}[a-z]", fullmatch=True), versions)
def test_version_of_an_sdist_is_what_follows_the_name(project: str, version: str) -> None:
    normal = "-".join(part for part in project.split("-") if part)
    for written in (normal, normal.replace("-", "_"), normal.replace("-", "."), normal.upper()):
        assert sdist_version(f"{written}-{version}.tar.gz", normal) == version


@given(st.binary(max_size=200))
def test_any_metadata_is_a_record_or_an_error_and_comes_back(tail: bytes) -> None:
    for content in (tail, b"Metadata-Version: 2.1\nName: x\nVersion: 1\nRequires-Dist: a>=1; extra == 'b'\n" + tail):
        try:
            record = parse_metadata(content, "x")
        except BlastError:
            continue
        assert decode_metadata(encode_metadata(record)) == record
