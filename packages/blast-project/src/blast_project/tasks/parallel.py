"""Steps that run at once: what each prints comes line by line with its name before it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

from blast_project.tasks.execution import cannot_start, exit_status, start_line

if TYPE_CHECKING:
    from types import FrameType

    from blast_project.tasks.execution import Execution
    from blast_project.tasks.freshness import Record
    from blast_project.tasks.planning import Plan, Step

__all__ = ["run_parallel"]

_PATIENCE_S = 5.0
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def run_parallel(plan: Plan, execution: Execution) -> tuple[int, list[dict[str, object]]]:
    """Run the steps of a plan, several at once where nothing orders them; see `blast_project.tasks.running`.

    Raises:
        UsageError: there is no such command, or it can't be started; what ran has been ended.
    """
    return _Crew(plan, execution).run()


class _Crew:
    def __init__(self, plan: Plan, execution: Execution) -> None:
        self._steps, self._execution = plan.steps, execution
        self._waiting = dict(enumerate(plan.steps))
        self._over: set[int] = set()
        self._failed: set[int] = set()
        self._running: dict[int, _Job] = {}
        self._finished: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._printing = threading.Lock()
        self._width = max((len(step.label) for step in plan.steps if step.commands), default=0)
        self._done: list[dict[str, object]] = []
        self._status = 0
        self._signals = 0

    def run(self) -> tuple[int, list[dict[str, object]]]:
        before = {number: signal.signal(number, self._on_signal) for number in _ENDING}
        try:
            self._start()
            while self._running:
                self._settle(self._finished.get())
                self._start()
            return self._status, self._done
        finally:
            self._end_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self) -> None:
        """Start what may run; what has nothing to do lets others begin in turn."""
        pending = True
        while pending and not self._signals:
            pending = False
            for at, step in list(self._waiting.items()):
                if not (step.needs | step.after) <= self._over:
                    continue
                is_skipped = bool(step.needs & self._failed)
                if step.commands and not is_skipped and len(self._running) >= self._execution.jobs:
                    continue
                del self._waiting[at]
                pending = True
                if is_skipped:
                    self._end(at, "skipped" if step.commands else "", failed=True)
                elif not step.commands:
                    self._end(at, "", failed=False)
                else:
                    self._begin(at, step)

    def _begin(self, at: int, step: Step) -> None:
        freshness = self._execution.freshness
        record: Record | None = None
        if freshness is not None and step.is_remembered:
            is_fresh, record = freshness.look(step)
            if is_fresh:
                self._execution.say(f"{step.label}: nothing to do")
                self._end(at, "fresh", failed=False)
                return
            freshness.forget(step)
        self._execution.say(f"{step.label}: {step.shown}")
        job = _Job(step, self._execution.environment, record, self._print)
        self._running[at] = job
        threading.Thread(target=self._work, args=(at, job), daemon=True).start()

    def _work(self, at: int, job: _Job) -> None:
        try:
            job.run()
        finally:
            self._finished.put(at)

    def _settle(self, at: int) -> None:
        job = self._running.pop(at)
        if job.error is not None:
            raise job.error
        self._status = self._status or job.status
        if not job.status and job.record is not None and self._execution.freshness is not None:
            self._execution.freshness.remember(job.step, job.record)
        self._end(at, "failed" if job.status else "done", failed=bool(job.status), status=job.status)
        if job.status and not job.step.keep_going:
            self._waiting.clear()
            self._end_all()

    def _end(self, at: int, state: str, *, failed: bool, **more: object) -> None:
        self._over.add(at)
        if failed:
            self._failed.add(at)
        if state:
            self._done.append({"task": self._steps[at].label, "state": state, **more})

    def _end_all(self) -> None:
        """End what runs: politely, and after a while without asking."""
        for job in list(self._running.values()):
            job.send(signal.SIGTERM)
        while self._running:
            try:
                at = self._finished.get(timeout=_PATIENCE_S)
            except queue.Empty:
                for job in self._running.values():
                    job.send(getattr(signal, "SIGKILL", signal.SIGTERM))
                at = self._finished.get()
            job = self._running.pop(at)
            self._done.append({"task": job.step.label, "state": "ended", "status": job.status})

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        """Pass a signal on to everything that runs; the second time it is the last."""
        self._signals += 1
        self._status = 128 + number
        for job in list(self._running.values()):
            job.send(number if self._signals == 1 else getattr(signal, "SIGKILL", signal.SIGTERM))

    def _print(self, step: Step, stream: Any, line: bytes) -> None:
        with self._printing:
            stream.buffer.write(f"{step.label:<{self._width}} | ".encode() + line.rstrip(b"\r\n") + b"\n")
            stream.buffer.flush()


class _Job:
    """One step that runs in a group of processes of its own."""

    def __init__(self, step: Step, environment: str, record: Record | None, tell: Any) -> None:
        self.step, self.record = step, record
        self.status = 0
        self.error: Exception | None = None
        self._environment, self._print = environment, tell
        self._child: subprocess.Popen[bytes] | None = None
        self._is_over = False

    def run(self) -> None:
        """Run its commands one after the other; called in a thread of its own."""
        try:
            for command in self.step.commands:
                line, variables = start_line(self.step, command, self._environment)
                # What is read line by line shall come line by line.
                variables.setdefault("PYTHONUNBUFFERED", "1")
                self.status = self._run(line, variables)
                if self.status or self._is_over:
                    return
        except Exception as error:  # noqa: BLE001 - it is raised again where the others are ended
            self.error = error

    def send(self, number: int) -> None:
        """Send a signal to all of its processes."""
        self._is_over = True
        child = self._child
        if child is None or child.poll() is not None:
            return
        try:
            if os.name == "nt":
                child.terminate()
            else:
                os.killpg(child.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def _run(self, line: list[str], variables: dict[str, str]) -> int:
        group: dict[str, Any] = {} if os.name == "nt" else {"process_group": 0}
        try:
            child = subprocess.Popen(
                line,
                env=variables,
                cwd=self.step.directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **group,
            )
        except OSError as error:
            raise cannot_start(line, error) from error
        self._child = child
        assert child.stdout is not None
        assert child.stderr is not None
        other = threading.Thread(target=self._read, args=(child.stderr, sys.stderr), daemon=True)
        other.start()
        self._read(child.stdout, sys.stdout)
        other.join()
        return exit_status(child.wait())

    def _read(self, pipe: IO[bytes], stream: Any) -> None:
        with pipe:
            for line in pipe:
                self._print(self.step, stream, line)
