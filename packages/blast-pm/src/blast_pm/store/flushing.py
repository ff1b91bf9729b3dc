"""Flushing what was published, by a process that nobody waits for: it may take seconds on a busy disk.

It is a shell with ``sync -f``, a millisecond of work: it has the kernel write all of a file system, then removes the
mark of the store and notes that a generation is settled. What it doesn't come to stays marked, and is compared after
the next start of the machine.
"""

from __future__ import annotations

import os

from blast_pm.store.durability import flush_mode, take_mark

__all__ = ["flush_later"]

# $1 and $2: on the file systems to flush; $3: a file to make of "un$3", $4: a file to remove, each may be empty. It
# makes no file anew: whoever removes the environment meanwhile would find a directory that isn't empty.
_SCRIPT = (
    '( { sync -f -- "$1" "$2" 2>/dev/null || sync; } && '
    '{ [ -z "$3" ] || mv -f -- "${3%/*}/un${3##*/}" "$3"; [ -z "$4" ] || rm -f -- "$4"; } ) 2>/dev/null'
)


def flush_later(home: str, environment: str = "", settled: str = "", *, becomes: bool = False) -> None:
    """Have flushed what this process published in a store, and an environment; return at once.

    Args:
        home: the store.
        environment: whose file system is flushed too; empty for none.
        settled: what a file beside, whose name begins with ``un``, is called when all is on the disk; empty for none.
        becomes: this process is to become another program, which must find no child that it never started.

    Cost: 0.3 ms; 1 ms if this process becomes another. Nothing where there is nothing to flush.
    """
    mark = take_mark(home)
    if flush_mode() != "later" or not (mark or settled):
        return
    script = f"{_SCRIPT} &" if becomes else _SCRIPT
    words = ["/bin/sh", "-c", script, "sh", home, environment or home, settled, mark]
    silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)]
    try:
        try:
            child = os.posix_spawn(words[0], words, os.environ, file_actions=silent, setsid=True)
        except RuntimeError:
            # No sessions for spawned processes here: then at least a group, which no Ctrl-C reaches.
            child = os.posix_spawn(words[0], words, os.environ, file_actions=silent, setpgroup=0)
        if becomes:
            os.waitpid(child, 0)
    except OSError:
        # The marks stay.
        return
