"""``blast run --read-requirements``: what scripts and notebooks need, for other tools."""

from __future__ import annotations

from blast_cli.outcome import Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context

__all__ = ["show_requirements"]

_SEPARATORS = {"space": " ", "newline": "\n", "null": "\0"}


def show_requirements(arguments: argparse.Namespace, context: Context, words: list[str]) -> Outcome:
    """Print what a script or notebook needs; nothing is run.

    Raises:
        UsageError: no file is named, or there is none.
        InvalidManifest: what it says is wrong.
    """
    from blast_project.runnables import read_runnable
    from blast_project.session import Session

    if len(words) != 1:
        raise UsageError("--read-requirements reads one file", hint="'blast run --read-requirements script.py'")
    with Session(context.settings, context.reporter) as session:
        reading = read_runnable(session, words[0], infer=arguments.infer)
    document = {
        "declared": reading.kind,
        "requirements": list(reading.requirements),
        "index_url": reading.index_url,
        "requires_python": reading.requires_python,
    }
    between = _SEPARATORS.get(arguments.separator, arguments.separator)
    return Outcome(document, data=between.join(reading.requirements))
