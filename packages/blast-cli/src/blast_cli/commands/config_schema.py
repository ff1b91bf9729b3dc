"""``blast config schema``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--user", action="store_true", help="of config.toml, not of blast.toml and [tool.blast]")


def execute(arguments: argparse.Namespace, _: Context) -> Outcome:
    """Print the JSON Schema of the settings."""
    import json

    from blast_compat.settings_schema import settings_schema
    from blast_compat.settings_table import PROJECT, USER

    schema = settings_schema(USER if arguments.user else PROJECT)
    return Outcome(schema, data=json.dumps(schema, indent=2) + "\n")
