"""Words of a command line turned into arguments, by argparse."""

from __future__ import annotations

import argparse
from typing import NoReturn

from blast_cli.help_format import HelpFormatter, usage_line
from blast_cli.options import add_common_options
from blast_cli.plain import from_environment, variable_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_cli.catalog import Command
    from blast_cli.plain import Configure

__all__ = ["make_parser", "parse"]


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the process, so that every error is shown in one way."""

    def error(self, message: str) -> NoReturn:
        from blast_cli.guessing import usage_error

        raise usage_error(self, message)


def make_parser(command: Command, configure: Configure) -> argparse.ArgumentParser:
    """Return a parser for ``command`` that knows the options common to all and those that ``configure`` declares."""
    parser = _Parser(
        prog=f"blast {command.name}",
        description=command.help + ".",
        allow_abbrev=False,
        formatter_class=HelpFormatter,
    )
    configure(parser)
    # Last: who asks for help looks for what is the command's own.
    add_common_options(parser)
    parser.usage = usage_line(parser).replace("%", "%%")
    return parser


def parse(
    command: Command, configure: Configure, words: Sequence[str], environ: Mapping[str, str]
) -> argparse.Namespace:
    """Return the arguments; a variable ``BLAST_NAME`` is the default of the option ``--name``.

    Raises:
        UsageError: the words are not what the command takes.
    """
    parser = make_parser(command, configure)
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to walk options
        variable = variable_of(action)
        if variable in environ:
            # For every option that writes to the same place, such as --app and --lib.
            parser.set_defaults(**{action.dest: from_environment(action, environ[variable])})
    if any(action.nargs in (argparse.REMAINDER, argparse.PARSER) for action in parser._actions):  # noqa: SLF001 - as above
        return parser.parse_args(words)
    # Options may stand between names, as in 'pip install a -e ./b c'.
    return parser.parse_intermixed_args(words)
