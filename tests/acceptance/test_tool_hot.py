"""A tool that was run before is run again at a glance, and whatever decides may change only by the long way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

_BODY = """\
def main():
    import os, sys
    print(%r, os.environ.get("MODE", "unset"), *sys.argv[1:])
    raise SystemExit(3 if sys.argv[1:] == ["fail"] else 0)
"""
# Each costs the tool time: a new one needs a measurement and a reason.
_ALLOWED = {
    "__future__",
    "blast_cli",
    "blast_cli.bundle",
    "blast_cli.hot",
    "blast_cli.hot_tool",
    "blast_cli.main",
    "blast_core",
    "blast_core.boot",  # until all of the view is on the disk
    "blast_core.fnv",
    "blast_core.home",
    "blast_project",
    "blast_project.environment",
    "blast_project.environment.leases",
    "blast_project.hot_key",
    "blast_project.tool_answers",
}
_OF_PROJECTS = {"blast_project.environment.state"}


def offer(directory: Path, version: str, name: str = "shout") -> None:
    files = {f"{name}ing.py": (_BODY % version).encode()}
    make_wheel(directory, name, version, files=files, entry_points=f"[console_scripts]\n{name} = {name}ing:main\n")


@pytest.fixture
def offered(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "offered"
    directory.mkdir()
    offer(directory, "1.0")
    make_wheel(directory, "extra", "1.0")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def blast(tmp_path: Path, offered: StaticIndex) -> Blast:
    """The command, in a directory below one with a project; the tool was run twice."""
    here = tmp_path / "work" / "sub"
    here.mkdir(parents=True)
    (here.parent / "pyproject.toml").write_text('[project]\nname = "work"\nversion = "1"\n')
    blast = Blast(here, tmp_path / "home", {"BLAST_INDEX_URL": offered.url, "HOME": str(tmp_path)})
    settle(blast, "shout")
    return blast


def settle(blast: Blast, *words: str) -> str:
    """Run a tool until its answer is kept, and return what it printed."""
    for _ in range(4):
        printed = blast("tool", "run", *words).stdout
        # A tick of the file system's clock: what is younger is not believed.
        time.sleep(0.03)
        if is_quick(blast, *words):
            return printed
    pytest.fail(f"{words} take the long way for ever")


def is_quick(blast: Blast, *words: str) -> bool:
    """Tell whether a tool is run without the long way; the run counts as one, and keeps what it comes to."""
    imported = blast.imported("tool", "run", *words)
    return "blast_cli.application" not in imported


def test_imports_are_on_the_list(blast: Blast, offered: StaticIndex) -> None:
    offered.forget_requests()
    ours = blast.imported("tool", "run", "shout")
    assert ours <= _ALLOWED, f"new on the hot path: {sorted(ours - _ALLOWED)}"
    assert "blast_project.tool_answers" in ours
    assert offered.paths() == []


def test_arguments_status_and_variables_are_those_of_the_long_way(blast: Blast) -> None:
    for words in (["a b", "--from", "x", "-q"], ["--", "x"], ["fail"], []):
        quick = blast.run("tool", "run", "shout", *words)
        # An option that only the long way reads.
        long = blast.run("tool", "run", "--color=never", "shout", *words)
        assert (quick.returncode, quick.stdout, quick.stderr) == (long.returncode, long.stdout, long.stderr)
    assert blast.run("tool", "run", "shout", "fail").returncode == 3


def test_other_forms_are_quick_too(blast: Blast) -> None:
    python = os.path.realpath(blast.variables()["BLAST_PYTHON"])
    for words in (
        ("shout@1.0",),
        ("--from", "shout>=1", "shout"),
        ("--with", "extra", "shout"),
        ("-q", "--offline", "shout"),
        ("--python", python, "shout"),
    ):
        assert settle(blast, *words) == "1.0 unset\n"


def test_what_has_to_ask_asks(blast: Blast) -> None:
    for words in (("shout@latest",), ("--refresh", "shout"), ("--isolated", "shout"), ("./shout",)):
        blast.run("tool", "run", *words)
        imported = blast_imports(blast, *words)
        assert "blast_cli.application" in imported
        assert "blast_project.tool_answers" not in imported or "blast_project.tool_answer_keeping" in imported


def blast_imports(blast: Blast, *words: str) -> set[str]:
    """Return what a run imports, whatever its status."""
    program = f"""
import os, sys
from blast_cli.main import main
os._exit = lambda status: (print("modules", *sys.modules), os.kill(os.getpid(), 9))
os.execve = os.execv = lambda *_: os._exit(0)
main({["tool", "run", *words]!r})
"""
    done = subprocess.run(
        [sys.executable, "-u", "-c", program],
        cwd=blast.directory,
        env=blast.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    return set(done.stdout.partition("modules ")[2].split())


def test_a_tool_of_the_project_counts_from_its_next_line_on(blast: Blast, offered: StaticIndex) -> None:
    offer(Path(offered.directory), "2.0")
    offered.reload()
    manifest = blast.directory.parent / "pyproject.toml"
    plain = manifest.read_text()
    manifest.write_text(plain + '[tool.blast.tools]\nshout = ">=2"\n')
    assert blast("tool", "run", "--refresh-package", "shout", "shout").stdout == "2.0 unset\n"
    assert settle(blast, "shout") == "2.0 unset\n"
    ours = blast.imported("tool", "run", "shout")
    assert ours <= _ALLOWED | _OF_PROJECTS, f"new on the hot path: {sorted(ours - _ALLOWED - _OF_PROJECTS)}"
    lock = blast.directory.parent / "blast.tools" / "shout.blast.lock"
    lock.unlink()
    assert not is_quick(blast, "shout")
    assert lock.exists()
    manifest.write_text(plain + '[tool.blast.tools]\nshout = "<2"\n')
    assert blast("tool", "run", "shout").stdout == "1.0 unset\n"
    manifest.write_text(plain)
    assert blast("tool", "run", "shout").stdout == "1.0 unset\n"


def test_variables_of_the_project_count(blast: Blast) -> None:
    manifest = blast.directory.parent / "pyproject.toml"
    manifest.write_text(manifest.read_text() + '[tool.blast.env]\nMODE = "project"\n')
    for _ in range(3):
        time.sleep(0.03)
        assert blast("tool", "run", "shout").stdout == "1.0 project\n"
    assert not is_quick(blast, "shout")


def test_a_manifest_that_is_wrong_or_new_is_seen(blast: Blast) -> None:
    manifest = blast.directory / "pyproject.toml"
    manifest.write_text("[project\n")
    assert blast.run("tool", "run", "shout").returncode != 0
    manifest.unlink()
    assert is_quick(blast, "shout")
    (blast.directory.parent / "blast.toml").write_text("[env]\nMODE = 'beside'\n")
    assert blast("tool", "run", "shout").stdout == "1.0 beside\n"


def test_an_installed_tool_goes_before(blast: Blast, offered: StaticIndex) -> None:
    offer(Path(offered.directory), "2.0")
    offered.reload()
    blast("tool", "install", "--refresh", "shout==2.0")
    assert blast("tool", "run", "shout").stdout == "2.0 unset\n"
    assert settle(blast, "shout") == "2.0 unset\n"
    blast("tool", "install", "--force", "shout==1.0")
    assert blast("tool", "run", "shout").stdout == "1.0 unset\n"
    settle(blast, "shout")
    blast("tool", "uninstall", "shout")
    assert blast("tool", "run", "shout").stdout == "1.0 unset\n"


def test_settings_and_variables_are_other_questions(blast: Blast, tmp_path: Path) -> None:
    assert not is_quick(blast.at(blast.directory, BLAST_LINK_MODE="copy"), "shout")
    assert not is_quick(blast.at(blast.directory, BLAST_NO_BUILD="1"), "shout")
    assert not is_quick(blast.at(blast.directory, PIP_CONFIG_FILE=str(tmp_path / "pip.conf")), "shout")
    config = Path(f"{blast.home}-config")
    config.mkdir()
    (config / "config.toml").write_text('link-mode = "copy"\n')
    assert not is_quick(blast, "shout")


def test_pages_that_expired_are_asked_for(tmp_path: Path, offered: StaticIndex) -> None:
    offered.max_age_s = 2
    blast = Blast(tmp_path, tmp_path / "home", {"BLAST_INDEX_URL": offered.url, "HOME": str(tmp_path)})
    blast("tool", "run", "shout")
    time.sleep(0.03)
    blast("tool", "run", "shout")
    time.sleep(2.1)
    offered.forget_requests()
    assert is_quick(blast.at(tmp_path), "--offline", "shout") is False
    assert offered.paths() == []
    blast("tool", "run", "shout")
    assert offered.paths() == ["/simple/shout/"]


def test_another_command_that_asks_the_index_is_noticed(blast: Blast, offered: StaticIndex) -> None:
    offer(Path(offered.directory), "2.0")
    (Path(offered.directory) / "shout-1.0-py3-none-any.whl").unlink()
    offered.reload()
    assert is_quick(blast, "shout")
    blast("tool", "run", "--refresh", "--from", "shout", "shout")
    # The version of the last run is gone from the index.
    assert blast("tool", "run", "shout").stdout == "2.0 unset\n"


def test_what_is_gone_from_the_store_is_noticed(blast: Blast) -> None:
    for what in ("views", "t", "tool-runs", "store", "runtime", "tool-answers"):
        place = blast.home / what
        assert place.is_dir()
        for path in place.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(place)
        assert not is_quick(blast, "shout"), what
        assert settle(blast, "shout") == "1.0 unset\n"


def test_a_view_that_was_changed_is_not_used(blast: Blast) -> None:
    (site,) = blast.home.glob("views/*/lib/python*/site-packages")
    (site / "intruder.py").write_text("")
    assert not is_quick(blast, "shout")
    (view,) = blast.home.glob("views/*")
    (view / "bin" / "shout").unlink()
    assert blast("tool", "run", "shout").stdout == "1.0 unset\n"


def test_another_start_of_the_machine_is_noticed(blast: Blast) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("no system that marks what it didn't flush: another start is NOT tried")
    assert not is_quick(blast.at(blast.directory, BLAST_BOOT_ID="another0start"), "shout")


def test_the_versions_of_a_run_are_noted_daily(blast: Blast) -> None:
    (pins,) = (blast.home / "tool-runs").iterdir()
    old = time.time() - 2 * 86400
    os.utime(pins, (old, old))
    assert not is_quick(blast, "shout")
    assert pins.stat().st_mtime > old + 86400


def test_a_damaged_answer_is_none(blast: Blast) -> None:
    (kept,) = (blast.home / "tool-answers").iterdir()
    content = kept.read_bytes()
    for damaged in (b"", b"\0" * len(content), content[:-9], b"N", b"(" * 99):
        kept.write_bytes(damaged)
        assert not is_quick(blast, "shout")
        assert blast("tool", "run", "shout").stdout == "1.0 unset\n"


def test_a_program_that_runs_keeps_its_view(blast: Blast) -> None:
    """The lease of the hot path is that of the long one."""
    (view,) = blast.home.glob("views/*")
    program = f"""
import os, sys
from blast_project.environment.reserving import reserve
with reserve({str(view)!r}, 1) as free:
    print(free)
"""
    fake = "import os, subprocess, sys\nfrom blast_cli.hot_tool import answer_tool\n"
    fake += f"ask = lambda *_: print(subprocess.run([sys.executable, '-c', {program!r}], capture_output=True).stdout)\n"
    fake += "os.execv = ask\nanswer_tool(['shout'])"
    done = subprocess.run(
        [sys.executable, "-c", fake],
        cwd=blast.directory,
        env=blast.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == repr(b"False\n")
