"""The benchmarks' harness: it measures real processes, serves a real index, and its figures add up."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
import zipfile
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from benchmarks.measure import Command, CommandFailed, Sample, measure
from benchmarks.plot import draw_ratios, draw_samples
from benchmarks.recording import Recording
from benchmarks.report import Row, make_rows, show_json, show_markdown
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.server import serve_index

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.contender import Contender

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="posix_spawn and wait4")


def _take_nothing(_contender: Contender) -> Sample:
    return Sample(0.0, 0.0, 0)


def _row(uv: float, blast: float, target: float) -> Row:
    scenario = Scenario("S9", "a `thing` <done>", target, 1, _take_nothing)
    samples = {"S9": {"uv": [Sample(value, 1.0, 10_000_000) for value in (uv, uv * 9, uv / 2)], "blast": []}}
    if blast:
        samples["S9"]["blast"] = [Sample(blast, 1.0, 20_000_000)]
    (row,) = make_rows([scenario], samples)
    return row


@pytest.mark.parametrize(
    ("uv", "blast", "target", "ratio", "is_reached"),
    [
        pytest.param(20.0, 10.0, 0.5, 0.5, True, id="just reached"),
        pytest.param(20.0, 11.0, 0.5, 0.55, False, id="missed"),
        pytest.param(20.0, 0.0, 0.5, 0.0, False, id="not measured"),
    ],
)
def test_ratio_is_of_medians(uv: float, blast: float, target: float, ratio: float, *, is_reached: bool) -> None:
    row = _row(uv, blast, target)
    assert row.uv_ms == uv
    assert (row.ratio, row.is_reached) == (ratio, is_reached)


def test_results_are_shown_with_their_verdict() -> None:
    rows = [_row(20.0, 5.0, 0.5), _row(20.0, 15.0, 0.5)]
    table = show_markdown(rows, {"processors": "2"})
    assert "| S9 | a `thing` <done> | 20 | 5 | 0.25 | 0.5 | reached | 10, 20 |" in table
    assert "| 0.75 | 0.5 | **missed** |" in table
    document = json.loads(show_json(rows, {"processors": "2"}))
    assert document["machine"] == {"processors": "2"}
    assert [(each["ratio"], each["reached"]) for each in document["results"]] == [(0.25, True), (0.75, False)]
    assert document["results"][0]["uv_samples"] == [20.0, 180.0, 10.0]


def test_plots_are_well_formed_and_hold_every_sample() -> None:
    rows = [_row(20.0, 5.0, 0.5), _row(20.0, 0.0, 0.0)]
    space = "{http://www.w3.org/2000/svg}"
    assert len(ET.fromstring(draw_samples(rows)).findall(f"{space}circle")) == 3 + 1 + 3
    assert len(ET.fromstring(draw_ratios(rows)).findall(f"{space}rect")) == 1 + 1  # background, and what was measured


def test_scenarios_have_names_of_their_own() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert {"S1", "S2", "S3", "S4", "S4b", "S5", "S11"} <= set(names)
    assert len(set(names)) == len(names)


def test_measures_a_process_with_its_directory_and_environment(tmp_path: Path) -> None:
    program = (
        "import os, time; time.sleep(0.05); block = bytearray(64 << 20)\n"
        "open('seen', 'w').write(os.environ['WORD'] + str('HOME' in os.environ))"
    )
    sample = measure(Command([sys.executable, "-c", program], tmp_path, {"WORD": "alone"}), settle=True)
    assert (tmp_path / "seen").read_text() == "aloneFalse"
    assert sample.wall_ms >= 50
    assert 0 < sample.cpu_ms < sample.wall_ms + 1000
    assert 64 << 20 <= sample.rss_bytes < 1 << 30


def test_a_failing_process_is_never_a_sample(tmp_path: Path) -> None:
    program = "import sys; print('no such package'); sys.exit(3)"
    with pytest.raises(CommandFailed, match=r"status 3(.|\n)*no such package"):
        measure(Command([sys.executable, "-c", program], tmp_path, {}))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for folder in ("wheels", "lock", "pages"):
        (tmp_path / folder).mkdir()
    metadata = "Metadata-Version: 2.1\nName: A.b\nVersion: 1.0\nRequires-Python: >=3.9\n"
    with zipfile.ZipFile(tmp_path / "wheels" / "a_b-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("a_b-1.0.dist-info/METADATA", metadata)
    page = """<!DOCTYPE html><html><body>
<a href="../x/a_b-1.0-py3-none-any.whl#sha256=00ff" data-requires-python="&gt;=3.9">a_b-1.0-py3-none-any.whl</a><br/>
<a href="../x/a_b-1.0.tar.gz#sha256=aa" data-upload-time="2020-01-01T00:00:00Z">a_b-1.0.tar.gz</a><br/>
<a href='../x/a_b-2.0+x-py3-none-any.whl' data-yanked="broken">a_b-2.0+x-py3-none-any.whl</a><br/>
</body></html>"""
    (tmp_path / "pages" / "a-b.html").write_text(page)
    (tmp_path / "pages" / "gone.html").write_text("")  # the real index has no such project
    lock = """
[[package]]
name = "a-b"
version = "1.0"
source = { registry = "https://index.invalid/" }

[[package]]
name = "root"
version = "0"
source = { virtual = "." }
"""
    (tmp_path / "lock" / "uv.lock").write_text(lock)
    return tmp_path


def _get(url: str, **headers: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return answer.status, answer.read()


def test_index_lists_what_was_recorded_or_only_what_is_locked(corpus: Path) -> None:
    with serve_index(corpus) as address:
        whole = json.loads(_get(f"{address}a-b/")[1])
        lean = json.loads(_get(f"{address.replace('/simple/', '/lean/')}a-b/")[1])
        for name in ("gone", "root"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                _get(f"{address}{name}/")
    files = {each["filename"]: each for each in whole["files"]}
    assert list(files) == ["a_b-1.0-py3-none-any.whl", "a_b-1.0.tar.gz", "a_b-2.0+x-py3-none-any.whl"]
    assert files["a_b-1.0-py3-none-any.whl"]["requires-python"] == ">=3.9"
    assert files["a_b-1.0-py3-none-any.whl"]["hashes"] == {"sha256": "00ff"}
    assert files["a_b-1.0-py3-none-any.whl"]["core-metadata"] is True
    assert files["a_b-1.0.tar.gz"]["upload-time"] == "2020-01-01T00:00:00Z"
    assert files["a_b-2.0+x-py3-none-any.whl"]["yanked"] == "broken"
    assert whole["versions"] == ["1.0", "2.0+x"]
    assert lean["files"] == whole["files"][:2]


def test_index_serves_metadata_ranges_and_what_has_not_changed(corpus: Path) -> None:
    wheel = (corpus / "wheels" / "a_b-1.0-py3-none-any.whl").read_bytes()
    with serve_index(corpus) as address:
        url = f"{address.replace('/simple/', '/files/')}a_b-1.0-py3-none-any.whl"
        sidecar = _get(f"{url}.metadata")
        whole = _get(url)
        tail = _get(url, Range="bytes=-10")
        middle = _get(url, Range="bytes=3-6")
        with urllib.request.urlopen(f"{address}a-b/") as answer:
            tag = answer.headers["ETag"]
        with pytest.raises(urllib.error.HTTPError, match="304"):
            _get(f"{address}a-b/", **{"If-None-Match": tag})
    assert sidecar[1].startswith(b"Metadata-Version: 2.1\nName: A.b\n")
    assert (whole, tail, middle) == ((200, wheel), (206, wheel[-10:]), (206, wheel[3:7]))


def test_recording_asks_the_real_index_once(corpus: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with serve_index(corpus) as address:
        recording = Recording(copy, address)
        files = recording.page("a-b")
        assert files is not None
        assert [file.filename for file in files][:1] == ["a_b-1.0-py3-none-any.whl"]
        assert recording.page("none-such") is None
        metadata = recording.metadata("a_b-1.0-py3-none-any.whl")
        wheel = recording.file("a_b-1.0-py3-none-any.whl")
        assert recording.file("a_b-9.0-py3-none-any.whl") is None
        assert recording.asked == 4
    again = Recording(copy, address)  # nobody listens there any more
    assert again.page("a-b") == files
    assert again.page("none-such") is None
    assert again.metadata("a_b-1.0-py3-none-any.whl") == metadata
    assert again.file("a_b-1.0-py3-none-any.whl") == wheel
    assert again.asked == 0


def test_a_server_that_cannot_start_is_never_measured(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock" / "uv.lock").write_text("no [toml")
    with pytest.raises(SystemExit, match="did not start"), serve_index(tmp_path):
        pass
