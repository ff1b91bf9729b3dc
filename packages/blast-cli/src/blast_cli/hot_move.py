"""``blast undo``, ``redo`` and ``rollback N`` without arguments to be parsed.

Whatever is not plain goes the long way: ``answer_move`` returns None. A test holds what is imported.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_cli.output import Output

__all__ = ["answer_move"]

_OFF = ("", "0", "false", "no", "off")
_QUIET = ("-q", "--quiet")
# Variables of tests, which change nothing but the process's end.
_FAULTS = ("BLAST_COUNT_OPERATIONS", "BLAST_FAULT")


def answer_move(verb: str, words: list[str]) -> int | None:
    """Return 0 when another generation is current; None when the command must go the long way."""
    environ = os.environ
    numbers = [word for word in words if word not in _QUIET]
    if len(numbers) != (verb == "rollback") or not all(word.isascii() and word.isdigit() for word in numbers):
        return None
    from blast_project.hot_key import config_paths, has_unknown_options

    known = {name: value for name, value in environ.items() if name not in _FAULTS}
    if os.name == "nt" or has_unknown_options(known) or any(map(os.path.exists, config_paths(environ))):
        return None
    from blast_core.home import find_home

    home = find_home(environ)
    root = _find_root(os.getcwd(), home)
    if not root:
        return None
    environment = os.path.normpath(os.path.join(root, environ.get("BLAST_PROJECT_ENVIRONMENT") or ".venv"))
    from blast_cli.interrupts import take_interrupts
    from blast_project.moving import move_at_once

    take_interrupts()
    moved = move_at_once(home, root, environment, verb, int(numbers[0]) if numbers else 0)
    if moved is None:
        return None
    before, after, restored, changes, refused = moved
    if refused is not None:
        from blast_cli.application import show_failure

        return show_failure(_output(environ), refused, 0)
    if len(numbers) == len(words) and environ.get("BLAST_QUIET", "").lower() in _OFF:
        _tell(_output(environ), before, after, restored, changes)
    if environ.get("BLAST_COUNT_OPERATIONS"):
        from blast_core import fs

        sys.stderr.write(f"operations: {fs.operations()}\n")
    return 0


def _find_root(directory: str, home: str) -> str:
    """Return the root of the project around a directory, of a workspace's member the workspace's; "" for none."""
    from blast_cli.hot import find_root

    nearest = find_root(directory)
    if nearest is None or find_root(os.path.dirname(nearest)) is None:
        return nearest or ""
    from blast_project.workspace import find_workspace_root

    return find_workspace_root(nearest, home) or nearest


def _output(environ: "Mapping[str, str]") -> "Output":
    from blast_cli.output import Output

    return Output(json=False, quiet=False, color=environ.get("BLAST_COLOR") or "auto", environ=environ)


def _tell(
    output: "Output", before: int, after: int, restored: "Sequence[str]", changes: "Sequence[tuple[str, str, str]]"
) -> None:
    from blast_cli.changed import change_lines, move_line

    output.show_lines((move_line(before, after, restored), *change_lines(changes)))
