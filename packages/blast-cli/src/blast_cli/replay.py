"""``blast lock`` where nothing is locked and the same was locked before: the kept answer is written back."""

import os
import sys

__all__ = ["replay"]


def replay(root: str, home: str, options: bytes, *, offline: bool, quiet: bool) -> int | None:
    """Write the kept answer to what the project at ``root`` asks and say so; None where there is none that holds.

    Args:
        root: directory of the project, in which there is no lock.
        home: BLAST_HOME.
        options: the digest for the memo of the lock.
        offline: take what indexes said, however long ago.
        quiet: say nothing.
    """
    import time

    from blast_project.answers import find_answer, publish_answer, question_of, read_files

    began = time.monotonic()
    manifest = read_files(root)[0]
    if manifest is None:
        return None
    answer = find_answer(home, question_of(manifest, os.environ, sys.prefix), offline=offline)
    if answer is None:
        return None
    from blast_core.errors import StoreError

    try:
        if not publish_answer(root, home, manifest, answer, options):
            return None
    except StoreError:
        # Another command is at work here, or nothing can be locked: the long way waits, or tells.
        return None
    if not quiet:
        _tell(answer.packages, answer.changes, round((time.monotonic() - began) * 1000))
    return 0


def _tell(packages: int, changes: tuple[tuple[str, str], ...], milliseconds: int) -> None:
    from blast_cli.outcome import Outcome
    from blast_cli.output import Output, took

    count = "1 package" if packages == 1 else f"{packages} packages"
    lines = (f"Locked {count} in {took(milliseconds)}", *(f" + {name} {version}" for name, version in changes))
    color = os.environ.get("BLAST_COLOR") or "auto"
    Output(json=False, quiet=False, color=color, environ=os.environ).show(Outcome({}, lines))
