"""``blast sync`` and ``blast run`` where no environment stands and the same was synced before: it is linked again."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.resyncing import Resync

__all__ = ["resync"]


def resync(root: str, environment: str, command: str, *, quiet: bool) -> int:
    """Make the environment of a project as one like it was made before, and say so.

    Args:
        root: directory of the nearest manifest.
        environment: absolute path, where nothing stands.
        command: ``sync``, or ``run``, which says no more than notes.
        quiet: say nothing.

    Returns:
        The number of its generation; 0 where nothing was made, and the long way has to see.
    """
    import gc
    import time

    from blast_cli.bundle import keep_missed
    from blast_cli.interrupts import take_interrupts
    from blast_core.home import find_home
    from blast_project.resyncing import sync_again

    began = time.monotonic()
    # As in the application: what is made here lives to the end.
    gc.set_threshold(50_000, 20, 100)
    take_interrupts()
    try:
        made = sync_again(root, environment, find_home(os.environ), os.environ, command)
    except KeyboardInterrupt:
        if not quiet:
            sys.stderr.write("interrupted; nothing was changed that is not complete\n")
        raise
    if made is None:
        return 0
    if not quiet:
        _tell(made, environment, command, round((time.monotonic() - began) * 1000))
    # The next command finds in one file what this one imported.
    keep_missed()
    return made.generation


def _tell(made: "Resync", environment: str, command: str, milliseconds: int) -> None:
    from blast_cli.outcome import Outcome
    from blast_cli.output import Output

    output = Output(json=False, quiet=False, color=os.environ.get("BLAST_COLOR") or "auto", environ=os.environ)
    for text in made.notes:
        output.say(f"{output.paint('note', 'yellow')}: {text}")
    if command == "run":
        return
    from blast_cli.commands._shared import made_lines

    changes = [(name, "", version) for name, version in made.packages]
    lines = made_lines(environment, made.python, made.generation, len(changes), milliseconds, changes)
    output.show(Outcome({}, lines))
