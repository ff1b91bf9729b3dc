"""Progress is drawn on a terminal, only for what takes long, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from blast_cli import progress
from blast_cli.output import Output
from blast_cli.progress import PlainReporter, QuietReporter, TerminalReporter, make_reporter

pty = pytest.importorskip("pty")

PROGRAM = """
import sys, time
from blast_cli.output import Output
from blast_cli.progress import make_reporter
output = Output(json=False, quiet=False, color={color!r}, environ={{}})
reporter = make_reporter(output, enabled={enabled})
reporter.step("Resolving")
reporter.start("a", "alpha.whl", 1000)
reporter.advance("a", 400)
time.sleep({seconds})
reporter.note("a note")
reporter.note("a note")
reporter.step("Composing")
reporter.advance("a", 600)
time.sleep({seconds} / 4)
reporter.finish("a")
reporter.close()
print("rich" in sys.modules)
"""


def on_terminal(seconds: float, *, color: str = "auto", enabled: bool = True) -> tuple[str, str]:
    """Run the program with a terminal as standard error; return what it printed and what it drew."""
    leader, follower = pty.openpty()
    environ = {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "25"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(seconds=seconds, color=color, enabled=enabled)],
        stdout=subprocess.PIPE,
        stderr=follower,
        env=environ,
        text=True,
    ) as process:
        os.close(follower)
        drawn = b""
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                break
            if not chunk:
                break
            drawn += chunk
        out = process.stdout.read() if process.stdout else ""
    os.close(leader)
    return out.strip(), drawn.decode()


def test_what_is_quick_draws_nothing_and_imports_nothing() -> None:
    out, drawn = on_terminal(0.05)
    assert out == "False"
    assert drawn.replace("\x1b[33;1m", "").replace("\x1b[0m", "") == "note: a note\r\n"


def test_what_takes_long_is_drawn_and_taken_away() -> None:
    out, drawn = on_terminal(1.0)
    assert out == "True"
    for words in ("Resolving", "alpha.whl", "Composing", "note"):
        assert words in drawn
    assert drawn.count("a note") == 1
    # The cursor is shown again after it was hidden, and the last lines are erased.
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")
    assert "\x1b[2K" in drawn[drawn.rindex("Composing") :]


def test_no_colour_is_drawn_where_none_is_wanted() -> None:
    import re

    _, drawn = on_terminal(1.0, color="never")
    assert "Resolving" in drawn
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", drawn)


def test_it_can_be_switched_off() -> None:
    out, drawn = on_terminal(0.7, enabled=False)
    assert out == "False"
    assert "Resolving" not in drawn


def test_without_a_terminal_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = make_reporter(plain(), enabled=True)
    assert type(reporter) is PlainReporter
    reporter.step("x")
    reporter.start("k", "l", 1)
    reporter.advance("k", 1)
    reporter.finish("k")
    reporter.note("said")
    reporter.close()
    assert capsys.readouterr() == ("", "note: said\n")


def test_without_a_terminal_what_may_take_minutes_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    reporter = make_reporter(plain(), enabled=True)
    assert isinstance(reporter, PlainReporter)
    reporter.step("Building alpha")
    for seconds in (1.0, 10.4, 19.0, 21.0):
        now[0] = seconds
        reporter.look()
    reporter.step("Composing the environment")
    now[0] = 99.0
    reporter.look()
    reporter.close()
    now[0] = 0.0
    reporter.start("one", "one.whl", 4096)
    reporter.start("two", "two.whl", 4096)
    reporter.advance("one", 1024)
    reporter.finish("one")
    reporter.finish("one")
    now[0] = 11.0
    reporter.advance("two", 1024)
    now[0] = 12.0
    reporter.advance("two", 1024)
    reporter.finish("two")
    said = "Building alpha (10 s)\nBuilding alpha (21 s)\nFetching: 2.0 KiB, 1 done, 1 under way\n"
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("enabled", [True, False])
def test_verbose_or_switched_off_it_says_no_more(enabled: bool) -> None:
    assert type(make_reporter(plain(), enabled=enabled, verbose=int(enabled))) is QuietReporter


def plain() -> Output:
    return Output(json=False, quiet=False, color="never", environ={})


def test_closing_while_it_begins_to_draw_wins() -> None:
    """The timer's thread may be importing rich when the command ends."""
    reporter = TerminalReporter(plain())
    reporter.close()
    reporter._draw_now()
    assert reporter._live is None


def test_work_that_was_never_announced_is_no_error() -> None:
    reporter = TerminalReporter(plain())
    reporter.advance("unknown", 5)
    reporter.finish("unknown")
    reporter._draw_now()
    reporter.advance("unknown", 5)
    reporter.start("late", "late", 0)
    reporter.finish("late")
    reporter.close()
    reporter.close()
    assert reporter._live is None
