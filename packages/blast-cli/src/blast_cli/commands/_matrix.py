"""``blast run --matrix 3.10,3.12,3.13 CMD``: one command with several interpreters, each in a view of its own."""

from __future__ import annotations

import os
import sys

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from blast_cli.outcome import Context, Outcome
    from blast_project.runnables import Runnable
    from blast_project.session import Session
    from blast_project.starting import RunOptions, Start

    Prepare = Callable[[Session], tuple[RunOptions, Start]]

__all__ = ["add_matrix_options", "run_matrix"]

_INTERRUPTED = 130


class _Row(NamedTuple):
    """One interpreter: how it was asked for, its version, and what is started with it."""

    request: str
    version: str
    options: RunOptions
    start: Start


def add_matrix_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--matrix",
        default="",
        metavar="PYTHONS",
        help="with each of these interpreters, and no environment",
    )
    parser.add_argument("--keep-going", action="store_true", help="with --matrix: go on after one that failed")
    parser.add_argument("--parallel", action="store_true", help="with --matrix: all at once, the output in order")


def run_matrix(arguments: argparse.Namespace, context: Context, what: Runnable, prepare: Prepare) -> Outcome:
    """Run a command with one interpreter after the other; the first failure's status is that of all.

    All views are made before the first program starts, so that what can't be had is said at once.

    Raises:
        UsageError: no interpreter is named, or one twice; or the options don't go together.
    """
    if what.is_input or arguments.watch:
        raise UsageError("a matrix neither watches nor reads its program from standard input", hint="name a file")
    requests = [word.strip() for word in arguments.matrix.split(",") if word.strip()]
    if not requests or len(set(requests)) < len(requests):
        raise UsageError("--matrix names each interpreter once", hint="such as --matrix 3.10,3.12,3.13")
    rows = [_prepare(context, request, prepare) for request in requests]
    context.reporter.close()
    statuses: list[int | None] = [None] * len(rows)
    if arguments.parallel:
        statuses[:] = _run_together(rows, context)
    else:
        for number, row in enumerate(rows):
            context.output.say(f"Python {row.version}:")
            statuses[number] = status = _run(row, context)
            if status == _INTERRUPTED or (status and not arguments.keep_going):
                break
    return _outcome(rows, statuses)


def _prepare(context: Context, request: str, prepare: Prepare) -> _Row:
    from blast_project.environment.layout import environment_interpreter
    from blast_project.session import Session

    with Session(context.settings._replace(python=request), context.reporter) as session:
        options, start = prepare(session)
        found = session.interpreters.get(environment_interpreter(start.environment))
    return _Row(request, found.version, options, start)


def _run(row: _Row, context: Context) -> int:
    from blast_project.tasks.execution import run_child

    start = row.start
    if start.project is not None:
        return _shielded(context, lambda: _run_task(row, context))
    return _shielded(context, lambda: run_child(start.line, start.variables, os.getcwd()))


def _run_task(row: _Row, context: Context) -> int:
    from blast_project.session import Session
    from blast_project.tasks.starting import TaskOptions, plan_task, run_tasks

    assert row.start.project is not None
    environment, wishes = (
        row.start.environment,
        TaskOptions(env_files=row.options.env_files, use_env_files=row.options.use_env_files),
    )
    with Session(context.settings._replace(python=row.request), context.reporter) as session:
        plan = plan_task(session, row.start.project, environment, list(row.options.words), wishes)
    return run_tasks(environment, plan, wishes, context.output.say, None)[0]


def _shielded(context: Context, run: Callable[[], int]) -> int:
    """Run something whose standard output is not the document's."""
    if not context.output.json:
        return run()
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        return run()
    finally:
        os.dup2(own, 1)
        os.close(own)


def _run_together(rows: Sequence[_Row], context: Context) -> list[int | None]:
    """Run all at once, and show what each printed as soon as those before it have ended."""
    import subprocess
    import tempfile

    from blast_project.tasks.execution import cannot_start, exit_status

    if any(row.start.project is not None for row in rows):
        raise UsageError("tasks of a matrix don't run at once", hint="leave out --parallel")
    children = []
    statuses: list[int | None] = []
    try:
        for row in rows:
            # Closed, and so removed, below.
            output = tempfile.TemporaryFile()  # noqa: SIM115
            try:
                child = subprocess.Popen(
                    list(row.start.line),
                    env=dict(row.start.variables),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            except OSError as error:
                raise cannot_start(row.start.line, error) from error
            children.append((row, child, output))
        for row, child, output in children:
            statuses.append(exit_status(child.wait()))
            context.output.say(f"Python {row.version}:")
            output.seek(0)
            shown = sys.stderr if context.output.json else sys.stdout
            shown.flush()
            shown.buffer.write(output.read())
            shown.flush()
    except BaseException:
        for _, child, _ in children:
            child.terminate()
            child.wait()
        raise
    finally:
        for _, _, output in children:
            output.close()
    return statuses


def _outcome(rows: Sequence[_Row], statuses: Sequence[int | None]) -> Outcome:
    from blast_cli.outcome import Outcome

    words = {None: "not run", 0: "passed"}
    lines = tuple(
        f"Python {row.version}: {words.get(status, f'failed with status {status}')}"
        for row, status in zip(rows, statuses, strict=True)
    )
    document = {
        "runs": [
            {"request": row.request, "python": row.version, "environment": row.start.environment, "status": status}
            for row, status in zip(rows, statuses, strict=True)
        ]
    }
    return Outcome(document, lines, code=next((status for status in statuses if status), 0))
