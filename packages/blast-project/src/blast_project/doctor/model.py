"""What a check found."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

__all__ = ["MENDED", "NOTE", "OK", "PROBLEM", "Check"]

#: Nothing is wrong.
OK = "ok"
#: It works, but is worth knowing.
NOTE = "note"
#: It has to be mended.
PROBLEM = "problem"
#: It was wrong, and is right by now.
MENDED = "mended"


class Check(NamedTuple):
    """One check.

    Attributes:
        name: stable, such as ``store.database``.
        state: `OK`, `NOTE`, `PROBLEM` or `MENDED`.
        what: what was found, a clause.
        why: where it comes from or what follows; empty where that is plain.
        hint: what to do; empty for nothing.
        paths: what it is about.
    """

    name: str
    state: str
    what: str
    why: str = ""
    hint: str = ""
    paths: tuple[str, ...] = ()
