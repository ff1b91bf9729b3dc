"""Where the command begins: the hot path first, everything else behind it.

The hot path answers ``sync``, ``lock``, ``run`` and ``--version`` when nothing is to be done. It may import almost
nothing: a test holds the list.
"""

import os
import sys

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Run the command and end the process with its exit status; does not return."""
    _forget_foreign_paths()
    if arguments and arguments[0] in {"sync", "lock", "run", "--version", "-V"}:
        from blast_cli.hot import answer

        status = answer(arguments)
        if status is not None:
            _leave(status)
    from blast_cli.application import run

    _leave(run(arguments))


def _forget_foreign_paths() -> None:
    """Keep the user's PYTHONPATH for the programs that Blast starts, but out of Blast itself."""
    foreign = os.environ.get("PYTHONPATH")
    if foreign and not os.environ.get("BLAST_KEEP_PYTHONPATH"):
        unwanted = {os.path.abspath(part) for part in foreign.split(os.pathsep)}
        sys.path[:] = [path for path in sys.path if path not in unwanted]


def _leave(status: int) -> None:
    """End at once: nothing is left that interpreter shutdown would have to close."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        # The reader of a pipe went away; there is nobody left to tell.
        status = status or 1
    os._exit(status)
