"""``blast run``."""

from __future__ import annotations

import os

from blast_cli.commands._environments import add_environment_option, chosen_environments, with_environment
from blast_cli.commands._in_memory import add_memory_options
from blast_cli.commands._matrix import add_matrix_options
from blast_cli.commands._shared import group_selection
from blast_cli.options import (
    add_env_options,
    add_group_options,
    add_index_options,
    add_lock_options,
    add_member_options,
    add_policy_options,
)
from blast_cli.options_install import add_install_wishes, add_left_out_options
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context, Outcome
    from blast_project.git_runs import Checkout
    from blast_project.named_environments import NamedEnvironment
    from blast_project.runnables import Runnable
    from blast_project.selection import GroupSelection
    from blast_project.session import Session
    from blast_project.starting import RunOptions, Start

__all__ = ["configure", "execute"]

_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--no-sync", action="store_true", help="use the environment as it is")
    parser.add_argument("--no-project", action="store_true", help="ignore a project that may be here")
    parser.add_argument("--isolated", action="store_true", help="in an environment of its own, not in the project's")
    parser.add_argument("--no-env", action="store_true", help="import from the store; no environment is made")
    add_matrix_options(parser)
    add_memory_options(parser)
    _add_requirements(parser)
    parser.add_argument(
        "--read-requirements", action="store_true", help="run nothing: print what the script or notebook CMD needs"
    )
    parser.add_argument(
        "--separator", default="space", metavar="WORD", help="what stands between them: space, newline, null or a text"
    )
    add_env_options(parser)
    parser.add_argument(
        "--keep",
        choices=("always", "never"),
        default="always",
        help="whether an environment that is made for this run stays for the next, until gc takes it",
    )
    parser.add_argument("--watch", action="store_true", help="start it again whenever a file changes")
    parser.add_argument(
        "--allow-insecure-host",
        action="append",
        default=[],
        metavar="HOST",
        help="a script may come from HOST without encryption",
    )
    add_lock_options(parser)
    add_group_options(parser)
    add_left_out_options(parser)
    add_install_wishes(parser)
    add_member_options(parser)
    add_environment_option(parser)
    parser.add_argument(
        "--exact", action="store_true", help="remove what the lock does not name; it is what happens by default"
    )
    add_index_options(parser)
    add_policy_options(parser)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("-m", "--module", dest="module", action="store_true", help="run a module")
    kinds.add_argument("-s", "--script", action="store_true", help="run a Python script, whatever its name ends with")
    kinds.add_argument("--gui-script", action="store_true", help="run a Python script without a console, on Windows")
    parser.add_argument("words", nargs="...", metavar="CMD", help="a command, a script, a module or a task")


def _add_requirements(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--with", action="append", default=[], dest="with_", metavar="REQ", help="also with REQ, for this run"
    )
    parser.add_argument(
        "--with-editable", action="append", default=[], metavar="PATH", help="also with the project at PATH, editable"
    )
    parser.add_argument(
        "-r",
        "--with-requirements",
        action="append",
        default=[],
        metavar="FILE",
        help="also with the requirements of FILE, which may be a script or a notebook",
    )
    parser.add_argument(
        "--from-git",
        default="",
        metavar="URL[@REV]",
        help="the project is the repository at URL, with what its own lock says; CMD may be a file of it",
    )
    parser.add_argument(
        "--infer", action="store_true", help="a script that declares nothing needs what it imports; so do its arguments"
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Sync where needed, then become the command; only a task comes back, and what is watched."""
    from blast_project.session import Session

    words = arguments.words[1:] if arguments.words[:1] == ["--"] else list(arguments.words)
    if not words and not (arguments.words or _adds(arguments)):
        raise UsageError(
            "nothing to run", hint="name a command, such as 'blast run python'; 'blast run --' is a prompt"
        )
    if arguments.read_requirements:
        from blast_cli.commands._reading import show_requirements

        return show_requirements(arguments, context, words)
    if arguments.exact and arguments.inexact:
        raise UsageError("--exact and --inexact are opposites")
    checkout = None
    if arguments.from_git:
        from blast_cli.commands._from_git import enter_checkout

        context, words, checkout = enter_checkout(arguments, context, words)
    environments = chosen_environments(arguments, context)
    if len(environments) > 1:
        return _run_in_each(context, [row.name for row in environments])
    if environments:
        context = with_environment(context, environments[0])
    named = environments[0] if environments else None
    if arguments.in_memory:
        from blast_cli.commands._in_memory import open_session, run_in_memory

        with open_session(context) as session:
            what = _what(arguments, session, words)
            return run_in_memory(arguments, context, session, what, _options(arguments, session, what, named))
    with Session(context.settings, context.reporter) as session:
        what = _what(arguments, session, words)
    return _start(arguments, context, what, named, checkout)


def _start(
    arguments: argparse.Namespace,
    context: Context,
    what: Runnable,
    named: NamedEnvironment | None,
    checkout: Checkout | None,
) -> Outcome:
    if arguments.matrix:
        from blast_cli.commands._matrix import run_matrix

        return run_matrix(arguments, context, what, lambda session: _prepare(arguments, session, what, named))
    if checkout is not None and not checkout.is_ours and not what.script:
        from blast_cli.commands._from_git import run_checkout

        run_checkout(context, checkout, lambda session: _options(arguments, session, what, named))
    if arguments.watch:
        return _watch(arguments, context, what, named)
    return _run(arguments, context, what, named)


def _run(arguments: argparse.Namespace, context: Context, what: Runnable, named: NamedEnvironment | None) -> Outcome:  # noqa: RET503 - see its last line
    from blast_project.ephemeral import environments_there, is_passing
    from blast_project.running import replace_process
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        stood = environments_there(context.settings.home) if arguments.keep == "never" else frozenset()
        options, start = _prepare(arguments, session, what, named)
        if start.project is not None:
            return _run_task(session, start, options, context)
    context.reporter.close()
    if what.is_input:
        from blast_project.script_inputs import give_standard_input

        give_standard_input(what.source)
    if arguments.keep == "never" and is_passing(context.settings.home, start.environment, stood):
        return _run_and_forget(context, _line(arguments, start), start)
    replace_process(_line(arguments, start), start.variables)


def _run_and_forget(context: Context, line: tuple[str, ...], start: Start) -> Outcome:
    """Run a program, remove the environment that was made for it, and end as the program did."""
    from blast_cli.outcome import Outcome
    from blast_project.retiring import remove_environment
    from blast_project.session import Session
    from blast_project.tasks.execution import run_child

    try:
        status = run_child(line, start.variables, os.getcwd())
    finally:
        with Session(context.settings, context.reporter) as session:
            is_gone = remove_environment(session, start.environment)
    kept = () if is_gone else (f"{start.environment} is in use, and so stays",)
    return Outcome({"status": status}, kept, code=status)


def _what(arguments: argparse.Namespace, session: Session, words: list[str]) -> Runnable:
    from blast_project.runnables import Wish, find_runnable

    wish = Wish(
        tuple(words),
        module=arguments.module,
        script=arguments.script or arguments.gui_script,
        insecure_hosts=arguments.allow_insecure_host,
        infer=arguments.infer,
        project=not arguments.no_project,
        with_=_names(arguments.with_),
    )
    return find_runnable(session, wish)


def _names(lines: list[str]) -> tuple[str, ...]:
    """Return the names of projects that requirements begin with, normalised; of an address anything."""
    from blast_core.names import normalize_name

    names = (line[: len(line) - len(line.lstrip(_NAME))] for line in lines)
    return tuple(normalize_name(name) for name in names if name)


def _adds(arguments: argparse.Namespace) -> bool:
    """Tell whether something is asked for beside the project, so that a prompt makes sense."""
    return bool(arguments.with_ or arguments.with_editable or arguments.with_requirements)


def _prepare(
    arguments: argparse.Namespace, session: Session, what: Runnable, named: NamedEnvironment | None
) -> tuple[RunOptions, Start]:
    from blast_project.scripts import open_script
    from blast_project.starting import prepare_run

    if what.index_url and not session.settings.index_url:
        session.settings = session.settings._replace(index_url=what.index_url)
    script = open_script(session.settings, what.script, what.text) if what.script else None
    options = _options(arguments, session, what, named)._replace(script=script)
    return options, prepare_run(session, options)


def _options(
    arguments: argparse.Namespace, session: Session, what: Runnable, named: NamedEnvironment | None
) -> RunOptions:
    from blast_project.starting import RunOptions, env_files_of

    settings = session.settings
    return RunOptions(
        words=what.words,
        selection=_selection(arguments, named),
        frozen=arguments.frozen,
        locked=arguments.locked,
        sync=not arguments.no_sync,
        inexact=arguments.inexact,
        requirements=(*_requirements(arguments, session), *what.requirements),
        project=not (arguments.no_project or (named is not None and not named.root)),
        env_files=env_files_of(arguments.env_file, settings, enabled=not arguments.no_env_file),
        use_env_files=not arguments.no_env_file,
        isolated=arguments.isolated,
        no_env=arguments.no_env or bool(arguments.matrix),
    )


def _selection(arguments: argparse.Namespace, environment: NamedEnvironment | None) -> GroupSelection:
    asked = group_selection(arguments)
    return environment.selection.with_more(asked) if environment is not None else asked


def _run_in_each(context: Context, names: list[str]) -> Outcome:
    """Run the same in each environment of a matrix, one after the other; the first failure's status is that of all."""
    import subprocess
    import sys

    from blast_cli.outcome import Outcome

    words = sys.argv[1:]
    named = [number for number, word in enumerate(words) if word.partition("=")[0] in ("--env", "--environment")]
    # Where a variable named it there is nothing to be left out.
    place = named[0] if named else words.index("run") + 1
    after = place + (0 if not named else 1 if "=" in words[place] else 2)
    failed: dict[str, int] = {}
    for name in names:
        context.output.say(f"{name}:")
        command = [sys.executable, "-m", "blast_cli", *words[:place], f"--env={name}", *words[after:]]
        status = subprocess.run(command, check=False).returncode
        if status:
            failed[name] = status
    code = next(iter(failed.values()), 0)
    lines = (f"failed in {', '.join(failed)}",) if failed else ()
    return Outcome({"environments": names, "failed": failed}, lines, code=code if code >= 0 else 128 - code)


def _requirements(arguments: argparse.Namespace, session: Session) -> tuple[str, ...]:
    """Return what is asked for beside the project's own, paths absolute: the script's project is elsewhere."""
    directory = session.settings.directory
    found = [
        os.path.join(directory, line) if line.startswith(("./", "../", f".{os.sep}", f"..{os.sep}")) else line
        for line in arguments.with_
    ]
    found += [f"-e {os.path.abspath(os.path.join(directory, path))}" for path in arguments.with_editable]
    if arguments.with_requirements:
        from blast_project.runnables import read_lines_of

        found += [
            line for name in arguments.with_requirements for line in read_lines_of(session, name, infer=arguments.infer)
        ]
    return tuple(found)


def _line(arguments: argparse.Namespace, start: Start) -> tuple[str, ...]:
    """Return what to execute; on Windows a script without a console has an interpreter of its own."""
    if arguments.gui_script and os.name == "nt":
        beside = os.path.join(os.path.dirname(start.line[0]), "pythonw.exe")
        return (beside if os.path.isfile(beside) else start.line[0], *start.line[1:])
    return start.line


def _run_task(session: Session, start: Start, options: RunOptions, context: Context) -> Outcome:
    from blast_cli.commands.task import run_task
    from blast_project.tasks.starting import TaskOptions

    assert start.project is not None
    wishes = TaskOptions(env_files=options.env_files, use_env_files=options.use_env_files)
    return run_task(session, start.project, start.environment, list(options.words), wishes, context)


def _watch(arguments: argparse.Namespace, context: Context, what: Runnable, named: NamedEnvironment | None) -> Outcome:
    from blast_cli.outcome import Outcome
    from blast_project.session import Session
    from blast_project.watching import run_again_on_changes

    if what.is_input:
        raise UsageError("standard input can't be watched", hint="name a file")

    def prepare() -> tuple[tuple[str, ...], dict[str, str]]:
        with Session(context.settings, context.reporter) as session:
            _, start = _prepare(arguments, session, what, named)
        if start.project is not None:
            raise UsageError(
                f"'{what.words[0]}' is a task", reason="--watch watches a program", hint="name its program"
            )
        return _line(arguments, start), start.variables

    status = run_again_on_changes(context.settings.directory, prepare, context.output.say)
    return Outcome({"status": status}, code=status)
