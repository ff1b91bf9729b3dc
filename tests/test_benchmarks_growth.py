"""Growth curves: the wheels are real, disk is counted once per file, slopes and drawings are of what was measured."""

from __future__ import annotations

import json
import os
import time
import zipfile
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from benchmarks.disk import find_inodes, measure_disk
from benchmarks.growth import CURVES
from benchmarks.growth_model import Point
from benchmarks.growth_report import draw_growth, find_slope, publish, read_points, show_growth
from benchmarks.synthetic import FILE_COUNTS, make_distributions, make_manifest, spread_files
from blast_compat.pyproject import parse_manifest
from blast_core.archive.wheel import read_wheel

if TYPE_CHECKING:
    from pathlib import Path

_SPACE = "{http://www.w3.org/2000/svg}"


def test_synthetic_wheels_have_as_many_files_as_asked_and_pass_the_front_door(tmp_path: Path) -> None:
    counts = [4, 6, 41, 349]
    names = make_distributions(tmp_path / "wheels", "dist", counts)
    for name, count in zip(names, counts, strict=True):
        path = tmp_path / "wheels" / f"{name}-1.0-py3-none-any.whl"
        wheel = read_wheel(str(path))
        assert len(wheel.files) == count
        assert wheel.import_names == (name,)
        wheel.close()
        with zipfile.ZipFile(path) as archive:
            assert len({archive.read(member) for member in archive.namelist()}) == count, "no two files are the same"
    manifest = parse_manifest(make_manifest(names), "pyproject.toml")
    assert manifest.dependencies == tuple(f"{name}==1.0" for name in names)


def test_sizes_of_distributions_are_mixed_alike_at_every_number() -> None:
    assert sorted(spread_files(len(FILE_COUNTS))) == sorted(FILE_COUNTS)
    mean = sum(FILE_COUNTS) / len(FILE_COUNTS)
    for number in (10, 30, 100, 300, 1000):
        assert sum(spread_files(number)) / number == pytest.approx(mean, rel=0.35), number


def test_a_file_with_several_names_is_counted_once_and_the_stores_are_told_apart(tmp_path: Path) -> None:
    store, one = tmp_path / "store", tmp_path / "one"
    store.mkdir()
    (one / "deep").mkdir(parents=True)
    (store / "a").write_bytes(b"a" * 10_000)
    os.link(store / "a", one / "a")
    os.link(store / "a", one / "deep" / "again")
    (one / "own").write_bytes(b"b" * 5_000)
    (one / "link").symlink_to("own")
    usage = measure_disk([str(one)], find_inodes(str(store)))
    blocks = {
        path: os.lstat(path).st_blocks * 512 for path in (one, one / "deep", one / "own", one / "link", store / "a")
    }
    assert usage.shared_bytes == blocks[store / "a"] >= 10_000
    assert usage.unique_bytes == sum(blocks.values()) - blocks[store / "a"] >= 5_000
    assert (usage.files, usage.links, usage.directories) == (3, 1, 2)
    assert measure_disk([str(one), str(one)], set()).files == 6
    assert measure_disk([str(one)], set()).shared_bytes == 0


def _points() -> list[Point]:
    rows = [("uv", 10, 100.0), ("uv", 1000, 1090.0), ("blast", 10, 30.0), ("blast", 1000, 89.4)]
    return [Point("distributions", tool, size, wall, wall, size * 1000, 0, size) for tool, size, wall in rows]


def test_a_slope_is_what_one_more_takes() -> None:
    points = _points()
    assert find_slope(points[:2]) == pytest.approx(1.0)
    assert find_slope(points[2:]) == pytest.approx(0.06)
    assert find_slope(points[:1]) == 0.0


def test_tables_show_both_tools_and_what_one_more_takes() -> None:
    text = show_growth(CURVES, _points(), {"processors": "2"})
    assert "| 1,000 | 1.09e+03 | 89.4 | 0.082 | 1 MB | 1 MB | 1,000, 1,000 |" in text
    assert "One more takes: uv 1e+03 us, Blast 60 us." in text
    assert "lock" not in text


def test_the_drawing_is_well_formed_and_holds_every_point() -> None:
    points = [*_points(), Point("lookup", "blast", 100, 0.02, 0.0), Point("lookup", "blast", 100_000, 0.02, 0.0)]
    drawing = ET.fromstring(draw_growth(CURVES, points))
    plots = drawing.findall(f"{_SPACE}g")
    assert [len(plot.findall(f"{_SPACE}circle")) for plot in plots] == [4, 4, 2], "time, disk, and time alone"


def test_publishing_twice_leaves_the_rest_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n\n<!-- growth -->\nold\n<!-- end of growth -->\n\nmore\n")
    for text in ("first", "second"):
        publish(CURVES, _points(), text, page)
    shown = page.read_text()
    assert shown.startswith("# Performance\n")
    assert shown.endswith("<!-- end of growth -->\n\nmore\n")
    assert "second" in shown
    assert "first" not in shown
    assert "old" not in shown
    assert (tmp_path / "images" / "growth.svg").is_file()


def test_curves_reach_as_far_as_they_must() -> None:
    reach = {curve.name: max(curve.sizes) for curve in CURVES}
    assert reach["distributions"] == 1_000
    assert reach["files"] == reach["lookup"] == 100_000
    assert reach["environments"] == 200
    assert reach["store"] == 10_000


def test_curves_that_were_measured_today_are_kept(tmp_path: Path) -> None:
    points = [Point("files", "uv", 10, 1.0, 1.0), Point("store", "uv", 10, 2.0, 2.0)]
    path = tmp_path / "growth.json"
    assert read_points(["files"], path) == []
    for day, kept in ((time.strftime("%Y-%m-%d"), points[1:]), ("2020-01-01", [])):
        path.write_text(json.dumps({"date": day, "points": [point._asdict() for point in points]}))
        assert read_points(["files"], path) == kept
