"""Words go to standard error, data to standard output, JSON is one document, colours come where they are wanted."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_cli.exit_codes import exit_code
from blast_cli.outcome import Outcome
from blast_cli.output import Output
from blast_cli.testing import Blast
from blast_core import errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from blast_core.errors import BlastError

CODES = {
    errors.UsageError: 2,
    errors.IndexAccessError: 3,
    errors.IndexTimeout: 3,
    errors.IndexDenied: 3,
    errors.OfflineError: 3,
    errors.FormatError: 4,
    errors.TruncatedInput: 4,
    errors.BadMagic: 4,
    errors.UnsupportedFormatVersion: 4,
    errors.InvalidField: 4,
    errors.IntegrityError: 4,
    errors.DigestMismatch: 4,
    errors.RecordMismatch: 4,
    errors.ArchiveRejected: 4,
    errors.StoreLocked: 5,
}
OUTCOME = Outcome({"name": "x"}, (" + alpha 1.0", "Done"), "data")


def output(
    *, json: bool = False, quiet: bool = False, color: str = "never", environ: Mapping[str, str] | None = None
) -> Output:
    return Output(json=json, quiet=quiet, color=color, environ=environ or {})


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "error_from_dict"])
def test_every_error_has_the_status_that_is_promised(name: str) -> None:
    kind: type[BlastError] = getattr(errors, name)
    assert exit_code(kind("something")) == CODES.get(kind, 1)


@pytest.mark.parametrize(
    ("json_", "quiet", "out", "err"),
    [
        pytest.param(False, False, "data\n", " + alpha 1.0\nDone\n", id="plain"),
        pytest.param(False, True, "data\n", "", id="quiet"),
        pytest.param(True, False, '{\n  "name": "x"\n}\n', "", id="json"),
        pytest.param(True, True, '{\n  "name": "x"\n}\n', "", id="quiet json"),
    ],
)
def test_data_and_words_are_kept_apart(
    json_: bool, quiet: bool, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output(json=json_, quiet=quiet).show(OUTCOME)
    assert capsys.readouterr() == (out, err)


def test_an_error_is_three_lines_and_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.NoSolution("what", reason="why\nmore", hint="do", derivation=[1])
    output(json=True, quiet=True).show_error(error)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": error.to_dict()}
    assert err == "error: what\n  why: why\n       more\n  try: do\n"


@pytest.mark.property
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(st.characters()), st.lists, max_leaves=5))
def test_any_document_is_json_in_utf_8(value: object) -> None:
    """Paths may hold bytes that are no text."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    before, sys.stdout = sys.stdout, stream
    try:
        output(json=True).show(Outcome({"value": value}))
    finally:
        sys.stdout = before
    stream.flush()
    assert json.loads(stream.buffer.getvalue().decode()) == {"value": value}


@pytest.mark.parametrize(
    ("color", "environ", "colored"),
    [
        pytest.param("always", {}, True, id="always"),
        pytest.param("always", {"NO_COLOR": "1"}, True, id="the option counts more"),
        pytest.param("never", {"FORCE_COLOR": "1"}, False, id="never"),
        pytest.param("auto", {}, False, id="no terminal"),
        pytest.param("auto", {"FORCE_COLOR": "1"}, True, id="forced"),
        pytest.param("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, id="NO_COLOR wins"),
        pytest.param("auto", {"CLICOLOR_FORCE": "1", "TERM": "dumb"}, False, id="a dumb terminal"),
        pytest.param("auto", {"NO_COLOR": "", "FORCE_COLOR": "1"}, True, id="an empty NO_COLOR"),
    ],
)
def test_colours(color: str, environ: dict[str, str], colored: bool, capsys: pytest.CaptureFixture[str]) -> None:
    output(color=color, environ=environ).show(OUTCOME)
    assert ("\x1b[" in capsys.readouterr().err) is colored


def test_data_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    output(color="always").show(OUTCOME)
    assert capsys.readouterr().out == "data\n"


@pytest.mark.skipif(sys.platform != "linux", reason="paths are any bytes on Linux")
def test_a_home_that_is_no_text_is_printed_as_it_is(tmp_path: Path) -> None:
    blast = Blast(tmp_path, tmp_path / "home")
    home = os.fsencode(tmp_path) + b"/\xff\xc3\xa9"
    variables = {**{os.fsencode(k): os.fsencode(v) for k, v in blast.variables().items()}, b"BLAST_HOME": home}
    for words, expected in (([], home + b"\n"), (["--json"], b'"directory": "')):
        line = [sys.executable, "-m", "blast_cli", "cache", "dir", *words]
        done = subprocess.run(line, env=variables, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout


def test_a_script_named_like_a_module_runs_on_the_short_way_too(tmp_path: Path) -> None:
    """``rst2html.py`` is a script of the environment, not a file here."""
    from blast_pm.testing import StaticIndex, make_wheel

    (tmp_path / "wheels").mkdir()
    (tmp_path / "project").mkdir()
    entry = "[console_scripts]\nconvert.py = conv:main\n"
    make_wheel(
        tmp_path / "wheels", "conv", "1.0", files={"conv.py": b"def main(): print('script')\n"}, entry_points=entry
    )
    with StaticIndex(tmp_path / "wheels") as index:
        blast = Blast(tmp_path / "project", tmp_path / "home", {"BLAST_INDEX_URL": index.url})
        blast("init", "--name", "demo")
        blast("add", "conv")
        assert blast("run", "convert.py").stdout == "script\n"
        (blast.directory / "convert.py").write_text("print('file')\n")
        assert blast("run", "convert.py").stdout == "file\n"
