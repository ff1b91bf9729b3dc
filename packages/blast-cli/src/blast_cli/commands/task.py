"""``blast task``."""

from __future__ import annotations

import os
import sys

from blast_cli.commands._shared import group_selection
from blast_cli.options import (
    add_env_options,
    add_group_options,
    add_index_options,
    add_lock_options,
    add_policy_options,
)
from blast_cli.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context
    from blast_project.project import Project
    from blast_project.session import Session
    from blast_project.tasks.planning import Plan
    from blast_project.tasks.starting import TaskOptions

__all__ = ["configure", "execute", "run_task"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--list", action="store_true", help="list the tasks; without a task that is what happens")
    parser.add_argument("--all", action="store_true", help="list hidden tasks, too")
    parser.add_argument("--dry-run", action="store_true", help="say what would run, and run nothing")
    parser.add_argument("--force", action="store_true", help="run what has nothing to do, too")
    parser.add_argument("--keep-going", action="store_true", help="run what does not need a task that failed")
    parser.add_argument("--parallel", action="store_true", help="run the tasks of several members at once")
    parser.add_argument(
        "-j", "--jobs", type=int, default=0, metavar="N", help="how many tasks at once; 0 for one per processor"
    )
    parser.add_argument("--package", action="append", default=[], metavar="NAME", help="the task of this member")
    parser.add_argument("--all-packages", action="store_true", help="the task of every member that has it")
    parser.add_argument("--no-sync", action="store_true", help="use the environment as it is")
    add_env_options(parser)
    add_lock_options(parser)
    add_group_options(parser)
    add_index_options(parser)
    add_policy_options(parser)
    parser.add_argument("words", nargs="...", metavar="TASK", help="a task, and its arguments")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """List the tasks, or run one."""
    from blast_project.project import load_project
    from blast_project.session import Session
    from blast_project.starting import RunOptions, env_files_of, prepare_environment
    from blast_project.tasks.starting import TaskOptions, plan_task

    words = arguments.words[1:] if arguments.words[:1] == ["--"] else list(arguments.words)
    project = load_project(context.settings.directory, context.settings.home)
    if arguments.list or not words:
        return _listed(project, everything=arguments.all)
    run = RunOptions(
        words=tuple(words),
        selection=group_selection(arguments),
        frozen=arguments.frozen,
        locked=arguments.locked,
        sync=not arguments.no_sync and not arguments.dry_run,
        inexact=arguments.inexact,
    )
    options = TaskOptions(
        packages=tuple(arguments.package),
        all_packages=arguments.all_packages,
        env_files=env_files_of(arguments.env_file, context.settings, enabled=not arguments.no_env_file),
        use_env_files=not arguments.no_env_file,
        force=arguments.force,
        keep_going=arguments.keep_going,
        parallel=arguments.parallel,
        jobs=arguments.jobs,
    )
    with Session(context.settings, context.reporter) as session:
        # Before the environment: whether there is such a task is known at once.
        plan = plan_task(session, project, _environment(project, context), words, options)
        if arguments.dry_run:
            return _shown(plan)
        environment = prepare_environment(session, run)
        return run_task(session, project, environment, words, options, context)


def run_task(
    session: Session,
    project: Project,
    environment: str,
    words: list[str],
    options: TaskOptions,
    context: Context,
) -> Outcome:
    """Run a task in an environment that stands."""
    from blast_project.tasks.starting import plan_task, run_tasks

    plan = plan_task(session, project, environment, words, options)
    session.close()
    context.reporter.close()
    if not context.output.json:
        status, done = run_tasks(environment, plan, options, context.output.say, context.reporter.close)
        return Outcome({}, code=status)
    # Standard output is the document's alone.
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        status, done = run_tasks(environment, plan, options, context.output.say, None)
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
    return Outcome({"status": status, "tasks": done}, code=status)


def _environment(project: Project, context: Context) -> str:
    from blast_project.project import environment_path

    return environment_path(project.root, context.settings)


def _listed(project: Project, *, everything: bool) -> Outcome:
    from blast_project.tasks.arguments import usage_of
    from blast_project.tasks.finding import open_book

    book = open_book(project)
    rows: list[dict[str, object]] = []
    lines: list[tuple[str, str]] = []
    others = [place for place in book.members if place.directory not in {one.directory for one in book.here}]
    for place in (*book.here, *others):
        for task in place.tasks.values():
            if task.hidden and not everything:
                continue
            name = f"{place.package}:{task.name}" if place.package and place is not book.here[0] else task.name
            usage = usage_of(task).removeprefix("blast task ").replace(task.name, name, 1)
            lines.append((usage, task.help))
            rows.append(
                {
                    "name": name,
                    "help": task.help,
                    "package": place.package,
                    "aliases": list(task.aliases),
                    "depends": [reference.line or " ".join(reference.words) for reference in task.depends],
                    "arguments": [argument._asdict() for argument in task.arguments],
                    "hidden": task.hidden,
                }
            )
    width = max((len(usage) for usage, _ in lines), default=0) + 2
    data = "".join(f"{usage:<{width}}{help_}".rstrip() + "\n" for usage, help_ in lines)
    words = () if rows else ("There are no tasks; [tool.blast.tasks] in pyproject.toml is where they stand",)
    return Outcome({"tasks": rows}, words, data)


def _shown(plan: Plan) -> Outcome:
    rows = [
        {"task": step.label, "command": step.shown, "directory": step.directory.replace(os.sep, "/")}
        for step in plan.steps
        if step.commands
    ]
    data = "".join(f"{row['task']}: {row['command']}\n" for row in rows)
    return Outcome({"steps": rows, "parallel": plan.is_parallel}, data=data)
