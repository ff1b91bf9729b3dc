"""Transcripts of terminals in Markdown, run again: each command of a page in one shell, and what it prints compared.

A block that is fenced as ``console`` holds commands, which stand behind ``$`` (further lines behind ``>``), and what
they print. In what is printed ``…`` stands for any characters of a line (and blanks behind it for any number of
them), and a line of ``…`` alone for any lines.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Shell", "Step", "first_difference", "parse_transcript"]

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = "==transcript-step=="
_ANY = "…"


class Step(NamedTuple):
    """A command, what the page says that it prints, and the line of the page where it stands, from 1."""

    command: str
    printed: tuple[str, ...]
    line: int


def parse_transcript(page: str) -> list[Step]:
    """Return the steps of a page, in order."""
    steps: list[Step] = []
    for block in _BLOCK.finditer(page):
        begin = page.count("\n", 0, block.start()) + 2
        fresh: list[Step] = []
        for number, line in enumerate(block[1].splitlines(), begin):
            if line.startswith("$ "):
                fresh.append(Step(line[2:], (), number))
            elif line == ">" or (line.startswith("> ") and fresh and not fresh[-1].printed):
                fresh[-1] = fresh[-1]._replace(command=f"{fresh[-1].command}\n{line[2:]}")
            else:
                fresh[-1] = fresh[-1]._replace(printed=(*fresh[-1].printed, line))
        steps += fresh
    return steps


class Shell:
    """One shell that runs commands as somebody types them: the directory and what is set stay from one to the next."""

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],  # noqa: S607 - the one that is on PATH
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, command: str) -> tuple[list[str], int]:
        """Return the lines that a command prints, without spaces at their ends, and its status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Before a prompt a shell runs what PROMPT_COMMAND holds, such as the hook.
        self._process.stdin.write(
            f"{{ {command}\n}} </dev/null\n__status=$?; eval \"$PROMPT_COMMAND\"; printf '\\n{_MARK} %s\\n' $__status\n"
        )
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.startswith(_MARK):
                # The newline before the mark ends a last line that has none.
                if lines and not lines[-1]:
                    lines.pop()
                return lines, int(line.split()[1])
            lines.append(line.rstrip())
        raise AssertionError(f"the shell ended at {command!r}:\n" + "\n".join(lines))

    def close(self) -> None:
        """End the shell."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=60)
        if self._process.stdout is not None:
            self._process.stdout.close()


def first_difference(expected: Sequence[str], printed: Sequence[str]) -> str:
    """Return what is not as expected, in words; "" if all of it is."""
    patterns = [None if line.strip() == _ANY else _pattern(line.rstrip()) for line in expected]
    # Which lines may have been reached: a line of … holds none, one or many.
    reached = _closure({0}, patterns)
    for number, line in enumerate(printed):
        after = {at for at in reached if at < len(patterns) and patterns[at] is None}
        for at in reached:
            pattern = patterns[at] if at < len(patterns) else None
            if pattern is not None and pattern.fullmatch(line):
                after.add(at + 1)
        if not after:
            wanted = {expected[at] for at in reached if at < len(expected)} or {"nothing more"}
            return f"line {number + 1} is {line!r}, not {' or '.join(map(repr, sorted(wanted)))}"
        reached = _closure(after, patterns)
    if len(patterns) in reached:
        return ""
    return f"it ends before {expected[max(reached)]!r}"


def _closure(reached: Iterable[int], patterns: Sequence[re.Pattern[str] | None]) -> set[int]:
    found = set(reached)
    for at in range(len(patterns)):
        if at in found and patterns[at] is None:
            found.add(at + 1)
    return found


def _pattern(line: str) -> re.Pattern[str]:
    # Two blanks or more behind it are the column's: as many as are printed.
    parts = re.sub(rf"{_ANY} {{2,}}", f"{_ANY} ", line).split(_ANY)
    return re.compile(".*".join(re.escape(part) for part in parts))
