"""Progress for waits that a person would notice, drawn by rich, which is imported only when something is drawn."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from blast_cli.output import Output

__all__ = ["QuietReporter", "TerminalReporter", "make_reporter"]

# Importing rich costs 40 ms and a bar that flashes tells nothing: wait this long before drawing.
_PATIENCE_S = 0.5


def make_reporter(output: Output, *, enabled: bool) -> QuietReporter:
    """Return a reporter that draws on a terminal, or one that only says notes."""
    if enabled and sys.stderr and sys.stderr.isatty():
        return TerminalReporter(output)
    return QuietReporter(output)


class QuietReporter:
    """Says notes, each once, and draws nothing."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._said: set[str] = set()

    def step(self, text: str) -> None:
        """Say which stage begins."""

    def start(self, key: str, label: str, total: int) -> None:
        """Begin a measured piece of work."""

    def advance(self, key: str, amount: int) -> None:
        """Say that more of it is done."""

    def finish(self, key: str) -> None:
        """End it."""

    def note(self, text: str) -> None:
        """Print a note, the first time it is said."""
        if text not in self._said:
            self._said.add(text)
            self._output.say(f"{self._output.paint('note', 'yellow')}: {text}")

    def close(self) -> None:
        """Leave the terminal clean."""


class TerminalReporter(QuietReporter):
    """Draws one line per running download and the stage at work; everything vanishes at the end."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        import threading

        self._lock = threading.Lock()
        self._closed = False
        self._progress: Progress | None = None
        self._step = ""
        self._step_task: TaskID | None = None
        self._work: dict[str, tuple[str, int, int]] = {}
        self._tasks: dict[str, TaskID] = {}
        self._wake = threading.Timer(_PATIENCE_S, self._draw_now)
        self._wake.daemon = True
        self._wake.start()

    def step(self, text: str) -> None:
        """Show which stage begins."""
        with self._lock:
            self._step = text
            if self._progress is not None and self._step_task is not None:
                self._progress.update(self._step_task, description=text)

    def start(self, key: str, label: str, total: int) -> None:
        """Show a line for a piece of work."""
        with self._lock:
            self._work[key] = (label, total, 0)
            if self._progress is not None:
                self._tasks[key] = self._progress.add_task(label, total=total or None)

    def advance(self, key: str, amount: int) -> None:
        """Move its bar."""
        with self._lock:
            label, total, done = self._work.get(key, ("", 0, 0))
            self._work[key] = (label, total, done + amount)
            if self._progress is not None and key in self._tasks:
                self._progress.advance(self._tasks[key], amount)

    def finish(self, key: str) -> None:
        """Remove its line."""
        with self._lock:
            self._work.pop(key, None)
            task = self._tasks.pop(key, None)
            if self._progress is not None and task is not None:
                self._progress.remove_task(task)

    def close(self) -> None:
        """Remove all that was drawn."""
        self._wake.cancel()
        with self._lock:
            # The timer's thread may be importing rich just now: it must not begin to draw afterwards.
            self._closed = True
            if self._progress is not None:
                self._progress.stop()
                self._progress = None

    def _draw_now(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

        with self._lock:
            if self._closed:
                return
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                DownloadColumn(),
                TransferSpeedColumn(),
                console=Console(stderr=True, no_color=not self._output.color),
                transient=True,
            )
            self._step_task = self._progress.add_task(self._step or "Working", total=None)
            for key, (label, total, done) in self._work.items():
                self._tasks[key] = self._progress.add_task(label, total=total or None, completed=done)
            self._progress.start()
