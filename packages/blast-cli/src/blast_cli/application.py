"""Everything but the hot path: parse, run one command, show its outcome or its error."""

from __future__ import annotations

import os
import sys

from blast_cli.catalog import GROUPS, find_command
from blast_cli.exit_codes import FAILED, INTERRUPTED, exit_code
from blast_cli.interrupts import take_interrupts
from blast_cli.options import settings_from
from blast_cli.outcome import Context
from blast_cli.output import Output
from blast_cli.plain import plain_arguments
from blast_core.errors import BlastError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from blast_cli.catalog import Command
    from blast_cli.plain import Configure

__all__ = ["run", "show_failure"]


# Options of every command that take a value: 'blast --project DIR sync' is read as 'blast sync --project DIR'.
_WITH_VALUE = frozenset(("--directory", "--project", "--color", "-p", "--python", "--config-file"))


def run(words: list[str]) -> int:
    """Run the command that ``words`` name and return its exit status."""
    _collect_seldom()
    if words[:1] == ["__complete"]:
        from blast_cli.completing import print_candidates

        return print_candidates(words[1:])
    leading, rest = _split_leading(words)
    output = Output(json=_wants_json(words), quiet=False, color="auto", environ=os.environ)
    try:
        if rest and (rest[0][:1] == "+" or rest[0] == "__python"):
            from blast_cli.as_python import is_short, spell_out

            rest = spell_out(rest) if is_short(rest) else rest
        if not rest or rest[0] == "help" or (rest[0] in GROUPS and set(rest[1:]) <= {"-h", "--help"}):
            return _print_help(leading, rest)
        command, used = find_command(rest)
        if command is None:
            from blast_cli.guessing import unknown_command

            raise unknown_command(rest)
        # Not importlib's import_module: that package imports warnings, 0.4 ms together.
        module = __import__(f"blast_cli.commands.{command.module}", fromlist=["execute"])
        arguments, configured = _configured(command, module.configure, [*leading, *rest[used:]])
        return _execute(command, module.execute, arguments, configured)
    except BlastError as error:
        output.show_error(error)
        return exit_code(error)
    except OSError as error:
        # Commands translate their own: what is left is an output that can't be written.
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"error: the output can't be written: {error.strerror or error}\n")
        return FAILED


def _collect_seldom() -> None:
    """Look for garbage in cycles less often: what a command makes lives to its end, and each look takes milliseconds.

    Not never: who reads pages of 100,000 files leaves some behind.
    """
    import gc

    gc.set_threshold(50_000, 20, 100)


def _configured(
    command: Command, configure: Configure, words: list[str]
) -> tuple[argparse.Namespace, Mapping[str, str]]:
    """Return the arguments of a command, and the variables that configuration files stand for.

    What configuration files say is the default of options, as a variable is, and variables go before it.
    """
    own = words[: words.index("--")] if "--" in words else words
    if not any(word.startswith(("--no-config", "--config-file")) for word in own):
        configured = _read_configuration(os.environ)
        return _arguments(command, configure, words, _layered(configured)), configured
    # Which files there are, only the arguments tell; then they count for the arguments.
    arguments = _arguments(command, configure, words, os.environ)
    which = {"BLAST_NO_CONFIG": "1"} if arguments.no_config else {"BLAST_NO_CONFIG": ""}
    which["BLAST_CONFIG_FILE"] = arguments.config_file
    configured = _read_configuration({**os.environ, **which})
    return _arguments(command, configure, words, _layered(configured)), {**configured, **which}


def _layered(configured: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment's variables over those of files; one that is set and empty is not said."""
    if not configured:
        return os.environ
    return {**configured, **{name: value for name, value in os.environ.items() if value or name not in configured}}


def _read_configuration(environ: Mapping[str, str]) -> Mapping[str, str]:
    from blast_project.hot_key import config_paths

    paths = config_paths(environ)
    if not environ.get("BLAST_CONFIG_FILE") and not any(map(os.path.exists, paths)):
        return {}
    from blast_project.configuration import read_configuration

    return read_configuration(paths, environ)


def _arguments(
    command: Command, configure: Configure, words: list[str], environ: Mapping[str, str]
) -> argparse.Namespace:
    arguments = plain_arguments(configure, environ, words)
    if arguments is None:
        from blast_cli.parsing import parse

        arguments = parse(command, configure, words, environ)
    return arguments


def _split_leading(words: list[str]) -> tuple[list[str], list[str]]:
    """Split options that stand before the command from the rest."""
    count = 0
    while count < len(words) and words[count].startswith("-"):
        count += 2 if words[count] in _WITH_VALUE else 1
    return words[:count], words[count:]


def _wants_json(words: list[str]) -> bool:
    """Tell whether JSON is asked for, before there is a parser that would know it for sure."""
    own = words[: words.index("--")] if "--" in words else words
    return "--json" in own or os.environ.get("BLAST_JSON", "").lower() not in {"", "0", "false", "no", "off"}


def _print_help(leading: list[str], rest: list[str]) -> int:
    if {"--version", "-V"} & set(leading):
        from blast_cli import __version__

        sys.stdout.write(f'{{"version": "{__version__}"}}\n' if "--json" in leading else f"blast {__version__}\n")
        return 0
    unknown = [word for word in leading if word not in {"-h", "--help"}]
    if unknown and not rest:
        raise UsageError(f"no command follows '{unknown[-1]}'", hint="'blast -h' lists the commands")
    words = [word for word in rest if word not in {"-h", "--help"}]
    sys.stdout.write(_help_about(words[1:] if words[:1] == ["help"] else words))
    return 0


def _help_about(words: list[str]) -> str:
    """Return the help of a command, of a group, or of Blast.

    Raises:
        UsageError: there is no such command.
    """
    from blast_cli.help_pages import group_help, overview

    if not words:
        return overview()
    if len(words) == 1 and words[0] in GROUPS:
        return group_help(words[0])
    command, _ = find_command(words)
    if command is None:
        from blast_cli.guessing import unknown_command

        raise unknown_command(words)
    from blast_cli.parsing import make_parser

    module = __import__(f"blast_cli.commands.{command.module}", fromlist=["configure"])
    return make_parser(command, module.configure).format_help()


def _execute(command: Command, execute: object, arguments: argparse.Namespace, configured: Mapping[str, str]) -> int:
    from blast_cli.progress import make_reporter

    take_interrupts()
    output = Output(json=arguments.json, quiet=arguments.quiet, color=arguments.color, environ=os.environ)
    enabled = not (arguments.no_progress or arguments.quiet or arguments.json)
    reporter = make_reporter(output, enabled=enabled, verbose=0 if arguments.quiet else arguments.verbose)
    try:
        environ = _layered(configured)
        context = Context(settings_from(arguments, environ, configured), reporter, output, command.name)
        if arguments.verbose:
            _trace_start(context)
        outcome = execute(arguments, context)  # type: ignore[operator]
    except KeyboardInterrupt:
        reporter.close()
        output.show_interruption()
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the edge of the program: everything becomes a message and a status
        reporter.close()
        return show_failure(output, error, arguments.verbose)
    reporter.close()
    output.show(outcome)
    if os.environ.get("BLAST_COUNT_OPERATIONS"):
        # For the crash tests: how many points there are at which the command can be killed.
        from blast_core import fs

        sys.stderr.write(f"operations: {fs.operations()}\n")
    return int(outcome.code)


def _trace_start(context: Context) -> None:
    from blast_cli import __version__

    python = ".".join(map(str, sys.version_info[:3]))
    context.reporter.trace(f"blast {__version__} on Python {python}; the store is {context.settings.home}")
    context.reporter.trace(f"blast {context.command} in {context.settings.directory}")


def show_failure(output: Output, error: Exception, verbose: int) -> int:
    """Print why a command failed, and return its exit status."""
    if verbose > 1:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):
        return FAILED
    if isinstance(error, OSError):
        error = _translated(error)
    elif not isinstance(error, BlastError):
        error = _internal(error)
    output.show_error(error)
    return exit_code(error)


def _internal(error: Exception) -> BlastError:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    where = f", at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return BlastError(
        f"internal error: {type(error).__name__}: {error}",
        reason=f"this is a defect of Blast{where}",
        hint="run again with -vv and report what it prints",
    )


def _is_somewhere() -> bool:
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def _translated(error: OSError) -> BlastError:
    """An operating system error that no layer knew more about: still say what, why and what to do."""
    import errno

    from blast_pm.store.failures import hint_for

    where = f" at {error.filename}" if error.filename else ""
    hint = {
        errno.ENOSPC: "free some space on the disk of the project or of BLAST_HOME",
        errno.EDQUOT: "free some space on the disk of the project or of BLAST_HOME",
        errno.EACCES: "check who may write there; BLAST_HOME and BLAST_PROJECT_ENVIRONMENT name other places",
        errno.EPERM: "check who may write there; BLAST_HOME and BLAST_PROJECT_ENVIRONMENT name other places",
        errno.EEXIST: "name another place, or move away what is there",
        errno.EISDIR: "a directory stands where a file belongs: move it away",
        errno.ELOOP: "a symbolic link stands where a file or directory of the project or the store belongs: remove it",
        errno.EROFS: "BLAST_HOME and BLAST_PROJECT_ENVIRONMENT name other places",
    }.get(error.errno or 0) or hint_for(error)
    if error.errno == errno.ENOENT and not error.filename and not _is_somewhere():
        return BlastError("the current directory is gone", reason="it was removed or renamed", hint="change to another")
    hint = hint or "run again with -vv to see where"
    return BlastError(f"the operating system refused{where}", reason=error.strerror or str(error), hint=hint)
