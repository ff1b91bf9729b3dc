"""Words for people on standard error, data on standard output, colours only where a terminal shows them."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_cli.outcome import Outcome
    from blast_core.errors import BlastError

__all__ = ["Output", "took"]

_STYLES = {"+": "32", "-": "31", "~": "33", "bold": "1", "dim": "2", "red": "31;1", "yellow": "33;1", "cyan": "36"}


class Output:
    """Renders outcomes and errors.

    Args:
        json: print one JSON document on standard output and no words.
        quiet: print no words but errors.
        color: ``auto``, ``always`` or ``never``.
        environ: where NO_COLOR and TERM are looked up.
    """

    def __init__(self, *, json: bool, quiet: bool, color: str, environ: Mapping[str, str]) -> None:
        self.json = json
        self.quiet = quiet
        self.color = _wants_color(color, environ)

    def paint(self, text: str, style: str) -> str:
        """Return ``text`` in a style, or as it is where colours are not wanted."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color else text

    def say(self, text: str) -> None:
        """Print words for people."""
        if not self.quiet:
            sys.stderr.write(text + "\n")

    def show(self, outcome: Outcome) -> None:
        """Print what a command found or did."""
        if self.json:
            _write(_as_json(outcome.document))
            return
        if outcome.lines:
            self.show_lines(outcome.lines)
        if outcome.data:
            _write(outcome.data if outcome.data.endswith("\n") else outcome.data + "\n")

    def show_lines(self, lines: Sequence[str]) -> None:
        """Print lines for people, those about changes in colour."""
        # At once: a terminal's stream is written line by line otherwise, 240 of them for a lock.
        self.say("\n".join(map(self._painted, lines)))

    def show_error(self, error: BlastError) -> None:
        """Print what went wrong, why, and what to do."""
        if self.json:
            _write(_as_json({"error": error.to_dict()}))
        sys.stderr.write(f"{self.paint('error', 'red')}: {error.message}" + "\n")
        if error.reason:
            sys.stderr.write(f"  {self.paint('why', 'dim')}: {_indented(error.reason)}" + "\n")
        if error.hint:
            sys.stderr.write(f"  {self.paint('try', 'cyan')}: {_indented(error.hint)}" + "\n")

    def show_interruption(self) -> None:
        """Say that the user ended the command."""
        if self.json:
            error = {"code": "interrupted", "message": "interrupted", "reason": "", "hint": ""}
            _write(_as_json({"error": error}))
        self.say("interrupted; nothing was changed that is not complete")

    def _painted(self, line: str) -> str:
        mark = line.lstrip()[:2]
        if mark in {"+ ", "- ", "~ "}:
            return self.paint(line, mark[0])
        return line


def took(milliseconds: int) -> str:
    """Return a time as people read it: ``85 ms``, ``4.3 s``, ``2 min 5 s``."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 59.95 else "{} min {} s".format(*divmod(round(seconds), 60))


def _as_json(document: object) -> str:
    import json

    text = json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"
    # A path that is no text has lone surrogates, which are not UTF-8; escaped they are JSON.
    return text if text.isascii() or _is_text(text) else json.dumps(document, indent=2, default=str) + "\n"


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _write(text: str) -> None:
    """Write to standard output; a path of other bytes than the terminal's is written as it is."""
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(text))


def _indented(text: str) -> str:
    return text.replace("\n", "\n       ")


def _wants_color(color: str, environ: Mapping[str, str]) -> bool:
    if color != "auto":
        return color == "always"
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb" or not sys.stderr:
        return False
    if environ.get("FORCE_COLOR") or environ.get("CLICOLOR_FORCE"):
        return True
    try:
        return os.isatty(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
