"""``blast config get``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY", help="name of a setting")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print one setting; its status is 1 where nobody set it."""
    from blast_cli.commands._config import shown, sources_of, value_document
    from blast_project.configuration import find_setting

    setting = find_setting(arguments.key)
    row = next(row for row in sources_of(context) if row.setting == setting)
    if not row.origin:
        default = f"; by default it is {setting.default}" if setting.default else ""
        return Outcome(value_document(row), (f"Nobody set {setting.name}{default}",), code=1)
    value = row.value if isinstance(row.value, str) else shown(row.value)
    return Outcome(value_document(row), (f"from {row.origin}",), f"{value}\n")
