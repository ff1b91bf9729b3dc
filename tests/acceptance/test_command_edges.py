"""The command under odd circumstances: options before it, closed and full outputs, its own defects, vanished places."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli import application
from blast_cli.application import run

if TYPE_CHECKING:
    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

_FULL = Path("/dev/full")
# A build backend that speaks in every way it can, and makes the smallest editable wheel.
_BACKEND = """
import base64, hashlib, os, sys, warnings, zipfile

def build_editable(directory, config_settings=None, metadata_directory=None):
    print("noise on standard output")
    print("noise on standard error", file=sys.stderr)
    warnings.warn("noise as a warning")
    files = {
        "demo.py": b"",
        "demo-0.1.0.dist-info/METADATA": b"Metadata-Version: 2.1\\nName: demo\\nVersion: 0.1.0\\n",
        "demo-0.1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    rows = [
        name + ",sha256=" + base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        + "," + str(len(body)) for name, body in files.items()
    ]
    files["demo-0.1.0.dist-info/RECORD"] = "\\n".join([*rows, "demo-0.1.0.dist-info/RECORD,,", ""]).encode()
    with zipfile.ZipFile(os.path.join(directory, "demo-0.1.0-py3-none-any.whl"), "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return "demo-0.1.0-py3-none-any.whl"

build_wheel = build_editable
"""


def shell(blast: Blast, line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which ``blast`` is the command."""
    program = f'blast() {{ "{sys.executable}" -m blast_cli "$@"; }}\n{line}'
    return subprocess.run(
        ["bash", "-c", program],
        cwd=blast.directory,
        env=blast.variables(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_options_may_stand_before_the_command(blast: Blast) -> None:
    blast("-q", "init", "x")
    document = json.loads(blast("--json", "--project", "x", "sync").stdout)
    assert document["packages"] == 0
    assert blast("--project", "x", "run", "x/main.py").stdout == "Hello from x!\n"


def test_an_option_without_a_command_is_named(blast: Blast) -> None:
    done = blast.run("--offline")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no command follows '--offline'" in done.stderr


def test_version_speaks_json(blast: Blast) -> None:
    assert set(blast.json("--version")) == {"version"}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--json"], id="no command"),
        pytest.param(["snyc", "--json"], id="unknown command"),
        pytest.param(["pip", "foo", "--json"], id="unknown command of a group"),
        pytest.param(["remove", "--json"], id="missing argument"),
        pytest.param(["sync", "--json", "--banana"], id="unknown option"),
        pytest.param(["sync", "--json", "--link-mode", "banana"], id="wrong choice"),
        pytest.param(["rollback", "x", "--json"], id="wrong type"),
        pytest.param(["sync", "--json"], id="no project"),
        pytest.param(["lock", "--project", "nowhere", "--json"], id="no directory"),
    ],
)
def test_wrong_usage_is_one_json_document(blast: Blast, words: list[str]) -> None:
    done = blast.run(*words)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "usage"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("line", ["blast -h", "blast --version", "blast sync", "blast sync --json", "blast history"])
def test_closed_streams_change_nothing_but_the_output(project: Blast, line: str) -> None:
    project("sync")
    done = shell(project, f"{line} >&- 2>&- <&-")
    assert done.returncode == 0


def test_closed_streams_do_not_become_the_database(project: Blast) -> None:
    done = shell(project, "blast add alpha >&- 2>&- <&-; blast run python -c 'print(1)' <&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.skipif(not _FULL.exists(), reason="there is no /dev/full: a full output is NOT tested")
@pytest.mark.parametrize("line", ["blast -h", "blast --version", "blast sync --json", "blast history"])
def test_a_full_output_is_said_in_one_line(project: Blast, line: str) -> None:
    project("sync")
    done = shell(project, f"{line} > {_FULL}")
    assert done.returncode == 1
    assert "output can't be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(project: Blast) -> None:
    done = shell(project, "blast -h | head -1; blast lock -h | head -1")
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_a_vanished_directory_is_said(blast: Blast) -> None:
    done = shell(blast, "mkdir gone && cd gone && rmdir ../gone && blast sync")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "the current directory is gone" in done.stderr


def test_installing_what_is_there_makes_no_generation(blast: Blast) -> None:
    (blast.directory / "wanted.txt").write_text("alpha\n")
    blast("venv")
    assert blast.json("pip", "install", "-r", "wanted.txt")["generation"] == 2
    document = blast.json("pip", "install", "alpha")
    assert (document["changed"], document["generation"]) == (False, 2)
    assert [row["command"] for row in blast.json("history")["generations"]] == ["venv", "pip install -r wanted.txt"]
    (blast.directory / ".venv" / "bin" / "alpha").unlink()
    assert blast.json("pip", "install", "alpha")["changed"]
    assert blast("run", "alpha").stdout == "alpha 2.0\n"


@pytest.mark.parametrize("place", ["--optional", "--to-group", "--group"])
def test_what_was_added_is_installed_wherever_it_was_added(project: Blast, place: str) -> None:
    document = project.json("add", place, "more", "gamma")
    assert [row["name"] for row in document["sync"]["changes"]] == ["gamma"]


@pytest.mark.parametrize("source", ['path = "../alpha"', "workspace = true", 'git = "https://index.invalid/a.git"'])
@pytest.mark.parametrize("tool", ["uv", "blast"])
def test_a_source_that_is_not_there_is_not_made_up_for_by_the_index(project: Blast, tool: str, source: str) -> None:
    manifest = project.directory / "pyproject.toml"
    text = manifest.read_text().replace("dependencies = []", 'dependencies = ["Alpha"]')
    manifest.write_text(f"{text}\n[tool.{tool}.sources]\nalpha = {{ {source} }}\n")
    before = manifest.read_bytes()
    for words in (["lock"], ["sync"], ["add", "beta"]):
        done = project.run(*words)
        assert done.returncode in {1, 3}
        assert "alpha" in done.stderr or "index.invalid/a.git" in done.stderr
    assert manifest.read_bytes() == before
    assert not (project.directory / "blast.lock").exists()


def test_an_index_that_is_neither_address_nor_directory_is_named(project: Blast) -> None:
    done = project.run("add", "alpha", "--index-url", "nowhere")
    assert done.returncode == 2
    assert "there is no index at nowhere" in done.stderr


def test_a_link_at_the_environments_place_is_left_alone(project: Blast) -> None:
    (project.directory / "elsewhere").mkdir()
    (project.directory / ".venv").symlink_to("elsewhere")
    done = project.run("sync")
    assert done.returncode == 1
    assert ".venv is a symbolic link" in done.stderr
    assert list((project.directory / "elsewhere").iterdir()) == []


def test_what_can_not_be_decoded_is_named(blast: Blast) -> None:
    (blast.directory / "x.dx").write_bytes(b"nothing")
    done = blast.run("dx", "decode", "x.dx")
    assert done.returncode == 4
    assert "x.dx can't be read" in done.stderr.splitlines()[0]


def test_what_a_build_says_is_not_repeated(blast: Blast) -> None:
    blast("init", "--lib", "--name", "demo")
    manifest = blast.directory / "pyproject.toml"
    head = manifest.read_text().partition("[build-system]")[0]
    system = '[build-system]\nrequires = ["alpha"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    manifest.write_text(head + system)
    (blast.directory / "backend.py").write_text(_BACKEND)
    done = blast("sync")
    assert "noise" not in done.stderr + done.stdout
    assert [line.strip() for line in done.stderr.splitlines()][2:] == ["+ demo 0.1.0"]


def test_a_defect_is_one_error_and_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError("three")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(application, "settings_from", broken)
    assert run(["sync", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["message"] == "internal error: ZeroDivisionError: three"
    assert "Traceback" not in err
    assert run(["sync", "-vv"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_narrow_terminal_is_no_reason_to_fail(blast: Blast) -> None:
    for columns in ("1", "10", "banana"):
        assert "--help" in blast("sync", "-h", COLUMNS=columns).stdout


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed: a full disk is NOT tested")
def test_a_full_disk_leaves_the_project_as_it_was(project: Blast) -> None:
    """On the small disk every small file takes a page of 4 KiB, and what the store on another disk has is copied.

    So the project with one distribution takes some 110 KiB, and one more generation as much again: eight scripts that
    activate it, seven files that tell of it, its copies of manifest and locks among them, and five for each
    distribution. Both, and what is written beside before it is renamed, must fit when the filler is gone.
    """
    project("add", "beta")
    line = """
    cp pyproject.toml blast.lock pylock.toml {out}
    mount -t tmpfs -o size=320k tmpfs . && cd "$PWD" && cp {out}/* . || exit 77
    blast sync -q || exit 78
    dd if=/dev/zero of=filler bs=1k 2> /dev/null
    blast add alpha; status=$?
    for name in pyproject.toml blast.lock pylock.toml; do cmp $name {out}/$name || exit 79; done
    blast run python -c 'import beta' || exit 80
    rm filler && blast add -q alpha && blast run python -c 'import alpha' || exit 81
    exit $status
    """
    out = project.home.parent / "out"
    out.mkdir()
    script = project.home.parent / "script.sh"
    script.write_text(
        f'blast() {{ "{sys.executable}" -m blast_cli "$@"; }}\n' + line.format(out=out).replace("\n    ", "\n")
    )
    done = subprocess.run(
        ["unshare", "-rm", "bash", str(script)],
        cwd=project.directory,
        env=project.variables(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"NO MOUNTS HERE, a full disk is not tested: {done.stderr.strip()}")
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr


def test_one_add_edits_one_group(project: Blast) -> None:
    before = (project.directory / "pyproject.toml").read_bytes()
    done = project.run("add", "beta", "--group", "one", "--group", "two")
    assert done.returncode == 2
    assert "one and two" in done.stderr
    assert (project.directory / "pyproject.toml").read_bytes() == before


@pytest.mark.parametrize(("value", "words"), [("0", True), ("no", True), ("", True), ("1", False)])
def test_quiet_by_variable_means_the_same_when_nothing_is_to_be_done(project: Blast, value: str, words: bool) -> None:
    project("add", "beta")
    project("sync")
    assert bool(project("sync", BLAST_QUIET=value).stderr) is words
    assert bool(project("lock", BLAST_QUIET=value).stderr) is words
