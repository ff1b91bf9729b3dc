"""Everything but the hot path: parse, run one command, show its outcome or its error."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from blast_cli.catalog import COMMANDS, GROUPS, find_command
from blast_cli.exit_codes import FAILED, INTERRUPTED, exit_code
from blast_cli.options import make_parser, settings_from
from blast_cli.outcome import Context
from blast_cli.output import Output
from blast_core.errors import BlastError, UsageError

if TYPE_CHECKING:
    import argparse

    from blast_cli.catalog import Command

__all__ = ["run"]


def run(words: list[str]) -> int:
    """Run the command that ``words`` name and return its exit status."""
    plain = Output(json=False, quiet=False, color="auto", environ=os.environ)
    if not words or words[0] in {"-h", "--help", "help"} or (len(words) == 1 and words[0] in GROUPS):
        sys.stdout.write(_help(words[0] if words and words[0] in GROUPS else ""))
        return 0
    command, used = find_command(words)
    if command is None:
        if words[0] in GROUPS and words[1] in {"-h", "--help"}:
            sys.stdout.write(_help(words[0]))
            return 0
        error = _unknown(words)
        plain.show_error(error)
        return exit_code(error)
    module = import_module(f"blast_cli.commands.{command.module}")
    parser = make_parser(command.name, command.help)
    module.configure(parser)
    try:
        arguments = _parse(parser, words[used:], os.environ)
    except UsageError as error:
        plain.show_error(error)
        return exit_code(error)
    return _execute(command, module.execute, arguments)


def _execute(command: Command, execute: object, arguments: argparse.Namespace) -> int:
    from blast_cli.progress import make_reporter

    output = Output(json=arguments.json, quiet=arguments.quiet, color=arguments.color, environ=os.environ)
    reporter = make_reporter(output, enabled=not (arguments.no_progress or arguments.quiet or arguments.json))
    try:
        context = Context(settings_from(arguments, os.environ), reporter, output, command.name)
        outcome = execute(arguments, context)  # type: ignore[operator]
    except BlastError as error:
        reporter.close()
        if arguments.verbose > 1:
            import traceback

            traceback.print_exc()
        output.show_error(error)
        return exit_code(error)
    except KeyboardInterrupt:
        reporter.close()
        output.say("interrupted; nothing was changed that is not complete")
        return INTERRUPTED
    except BrokenPipeError:
        return FAILED
    except OSError as error:
        reporter.close()
        output.show_error(_translated(error))
        return FAILED
    reporter.close()
    output.show(outcome)
    if os.environ.get("BLAST_COUNT_OPERATIONS"):
        # For the crash tests: how many points there are at which the command can be killed.
        from blast_core import fs

        sys.stderr.write(f"operations: {fs.operations()}\n")
    return int(outcome.code)


def _translated(error: OSError) -> BlastError:
    """An operating system error that no layer knew more about: still say what and why."""
    where = f": {error.filename}" if error.filename else ""
    return BlastError(
        f"the operating system refused{where}", reason=error.strerror or str(error), hint="run again with -vv"
    )


def _parse(parser: argparse.ArgumentParser, words: list[str], environ: os._Environ[str]) -> argparse.Namespace:
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to walk options
        variable = f"BLAST_{action.dest.upper()}"
        if action.option_strings and variable in environ and action.dest != "help":
            action.default = _from_environment(action, environ[variable])
    return parser.parse_args(words)


def _from_environment(action: argparse.Action, value: str) -> object:
    if action.nargs == 0:
        if isinstance(action.const, bool):
            return action.const if value.lower() not in {"", "0", "false", "no", "off"} else not action.const
        return int(value) if value.isdigit() else action.default
    if isinstance(action.default, list):
        return value.split()
    return value


def _unknown(words: list[str]) -> UsageError:
    import difflib

    names = [command.name for command in COMMANDS] + list(GROUPS)
    asked = " ".join(words[:2]) if words[0] in GROUPS else words[0]
    close = difflib.get_close_matches(asked, names, n=1)
    return UsageError(
        f"there is no command '{asked}'",
        hint=f"did you mean 'blast {close[0]}'?" if close else "'blast -h' lists the commands",
    )


def _help(group: str) -> str:
    shown = [command for command in COMMANDS if not group or command.name.startswith(group + " ")]
    width = max(len(command.name) for command in shown) + 2
    head = "Blast: packages, projects and environments for Python\n\nUsage: blast COMMAND [OPTIONS]\n\n"
    if group:
        head = f"{GROUPS[group]}\n\nUsage: blast {group} COMMAND [OPTIONS]\n\n"
    body = "".join(f"  {command.name:<{width}}{command.help}\n" for command in shown)
    return f"{head}Commands:\n{body}\n'blast COMMAND -h' explains a command; 'blast --version' prints the version.\n"
