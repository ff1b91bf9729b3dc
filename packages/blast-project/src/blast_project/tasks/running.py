"""Running a plan: its steps one after the other with the terminal as it is, or several at once.

A step's exit status becomes the command's own: that of the first that fails. What still runs then is ended.
"""

from __future__ import annotations

from blast_project.tasks.execution import INTERRUPTED, run_child, start_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.tasks.execution import Execution
    from blast_project.tasks.planning import Plan, Step

__all__ = ["run_plan"]


def run_plan(plan: Plan, execution: Execution) -> tuple[int, list[dict[str, object]]]:
    """Run the steps of a plan and return the exit status, and what became of each step with a command.

    Raises:
        UsageError: there is no such command, or it can't be started.
    """
    if plan.is_parallel and execution.jobs > 1:
        from blast_project.tasks.parallel import run_parallel

        return run_parallel(plan, execution)
    return _run_in_order(plan, execution)


def _run_in_order(plan: Plan, execution: Execution) -> tuple[int, list[dict[str, object]]]:
    status = 0
    failed: set[int] = set()
    done: list[dict[str, object]] = []
    busy = [at for at, step in enumerate(plan.steps) if step.commands]
    for at, step in enumerate(plan.steps):
        if step.needs & failed:
            failed.add(at)
            if step.commands:
                done.append({"task": step.label, "state": "skipped"})
        elif step.commands:
            may_become = at == busy[-1] and not failed
            state, code = _run_remembered(step, execution, alone=len(busy) == 1, may_become=may_become)
            done.append({"task": step.label, "state": state, "status": code})
            if code:
                status = status or code
                failed.add(at)
                if not step.keep_going or code == INTERRUPTED:
                    break
    return status, done


def _run_remembered(step: Step, execution: Execution, *, alone: bool, may_become: bool) -> tuple[str, int]:
    """Run a step unless it has nothing to do; return what became of it, and its exit status."""
    freshness = execution.freshness if step.is_remembered else None
    record = None
    if freshness is not None:
        is_fresh, record = freshness.look(step)
        if is_fresh:
            execution.say(f"{step.label}: nothing to do")
            return "fresh", 0
        freshness.forget(step)
    if not alone:
        execution.say(f"{step.label}: {step.shown}")
    code = _run_step(step, execution, may_become=may_become and record is None)
    if not code and freshness is not None and record is not None:
        freshness.remember(step, record)
    return ("failed" if code else "done"), code


def _run_step(step: Step, execution: Execution, *, may_become: bool) -> int:
    for number, command in enumerate(step.commands):
        line, variables = start_line(step, command, execution.environment)
        if may_become and number == len(step.commands) - 1 and execution.become is not None:
            execution.become(line, variables, step.directory)
        code = run_child(line, variables, step.directory)
        if code:
            return code
    return 0
