"""``blast config list``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--all", action="store_true", help="also settings of which nobody says anything")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """List the settings that somebody set, and where."""
    from blast_cli.commands._config import shown, sources_of, value_document

    rows = [row for row in sources_of(context) if arguments.all or row.origin]
    document = {"settings": [value_document(row) for row in rows]}
    lines = []
    for row in rows:
        if row.origin:
            lines.append(f"{row.setting.name} = {shown(row.value)}  # {row.origin}\n")
        else:
            default = f": {row.setting.default}" if row.setting.default else ""
            lines.append(f"# {row.setting.name}  (default{default})\n")
    words = () if rows else ("Nothing is set; 'blast config list --all' names all settings",)
    return Outcome(document, words, "".join(lines))
