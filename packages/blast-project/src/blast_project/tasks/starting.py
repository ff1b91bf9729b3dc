"""A task on its way: the environment is made right, its steps are planned, and run in it."""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_project.environment.generations import current_number
from blast_project.environment.layout import python_path
from blast_project.environment.leases import hold_generation
from blast_project.running import environment_variables, replace_process
from blast_project.tasks.execution import Execution
from blast_project.tasks.finding import TaskPlace, open_book
from blast_project.tasks.freshness import Freshness
from blast_project.tasks.planning import Plan, make_plan
from blast_project.tasks.running import run_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from blast_compat.task_tables import Task
    from blast_project.project import Project
    from blast_project.session import Session
    from blast_project.tasks.finding import TaskBook

__all__ = ["TaskOptions", "plan_task", "run_tasks", "task_environ"]


class TaskOptions(NamedTuple):
    """The options of ``blast task``.

    Attributes:
        packages: members whose task is meant.
        all_packages: every member that has the task.
        env_files: absolute paths of files of variables.
        use_env_files: read those that settings name, too.
        force: run what has nothing to do, too.
        keep_going: a task that fails keeps no other from running that doesn't need it.
        parallel: the tasks of several members may run at once.
        jobs: how many at once; 0 for as many as there are processors.
    """

    packages: tuple[str, ...] = ()
    all_packages: bool = False
    env_files: tuple[str, ...] = ()
    use_env_files: bool = True
    force: bool = False
    keep_going: bool = False
    parallel: bool = False
    jobs: int = 0


def plan_task(session: Session, project: Project, environment: str, words: Sequence[str], options: TaskOptions) -> Plan:
    """Return the steps of a task.

    Args:
        session: services.
        project: that has it.
        environment: in which it runs.
        words: its name and what follows it.
        options: of the command.

    Raises:
        UsageError: there is no such task, or it can't run like this.
    """
    book = open_book(project)
    variables = task_environ(session, environment)
    return make_plan(
        book,
        _asked(book, words[0], options),
        words[1:],
        variables,
        python_path(environment),
        env_files=options.env_files if options.use_env_files else None,
        keep_going=options.keep_going,
        parallel=options.parallel,
    )


def task_environ(session: Session, environment: str) -> dict[str, str]:
    """Return the variables of a task before it says any: those of the environment, and where the user was."""
    return {
        **environment_variables(environment, session.settings.program_environ),
        # As npm and others have it: tasks run in the directory of their manifest.
        "INIT_CWD": session.settings.directory,
    }


def run_tasks(
    environment: str, plan: Plan, options: TaskOptions, say: Callable[[str], None], close: Callable[[], None] | None
) -> tuple[int, list[dict[str, object]]]:
    """Run a plan in an environment and return the exit status, and what became of each task.

    Args:
        environment: its path.
        plan: from `plan_task`.
        options: of the command.
        say: told which task runs.
        close: called before the last program takes this process's place; None where it may not.
    """
    number = current_number(environment)
    if number:
        hold_generation(environment, number)
    freshness = Freshness(environment, number or 0, is_forced=options.force)

    def become(line: Sequence[str], variables: Mapping[str, str], directory: str) -> None:
        if close is not None:
            close()
        os.chdir(directory)
        replace_process(line, variables)

    may_become = close is not None and os.name != "nt"
    jobs = options.jobs or os.cpu_count() or 1
    return run_plan(plan, Execution(environment, freshness, jobs, say, become if may_become else None))


def _asked(book: TaskBook, name: str, options: TaskOptions) -> list[tuple[TaskPlace, Task]]:
    if not options.packages and not options.all_packages:
        return [book.get(name)]
    from blast_core.names import normalize_name

    places = list(book.members)
    if options.packages:
        wanted = [normalize_name(package) for package in options.packages]
        by_name = {place.package: place for place in book.members}
        missing = [package for package in wanted if package not in by_name]
        if missing:
            known = ", ".join(filter(None, by_name))
            raise UsageError(f"the workspace has no member '{missing[0]}'", reason=f"its members are {known or 'none'}")
        places = [by_name[package] for package in wanted]
    asked = [(place, task) for place in places if (task := place.find(name)) is not None]
    if not asked:
        raise UsageError(f"no member of the workspace has a task '{name}'", hint="'blast task --list' lists them")
    return asked
