"""What a command hands back to be shown."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_cli.output import Output
    from blast_cli.progress import QuietReporter
    from blast_project.settings import Settings

__all__ = ["Context", "Outcome"]


class Context(NamedTuple):
    """What every command is given beside its own arguments."""

    settings: Settings
    reporter: QuietReporter
    output: Output
    command: str


class Outcome(NamedTuple):
    """The result of a command.

    Attributes:
        document: what ``--json`` prints, with stable field names.
        lines: human words for standard error.
        data: text for standard output, where the command is asked for data.
        code: the exit status.
    """

    document: Mapping[str, object]
    lines: tuple[str, ...] = ()
    data: str = ""
    code: int = 0
