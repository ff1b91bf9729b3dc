"""Progress for waits that a person would notice, drawn by rich, which is imported only when something is drawn."""

from __future__ import annotations

import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.live import Live

    from blast_cli.output import Output

__all__ = ["PlainReporter", "QuietReporter", "TerminalReporter", "make_reporter"]

# Importing rich costs 40 ms and a bar that flashes tells nothing: wait this long before drawing.
_PATIENCE_S = 0.5
# Where lines stay, such as in the log of a CI job, one says as often as this how far downloads are.
_INTERVAL_S = 10.0
# What takes as long as it takes, and is then said to be at work still.
_LONG = "Building "


def make_reporter(output: Output, *, enabled: bool, verbose: int = 0) -> QuietReporter:
    """Return a reporter that draws on a terminal or writes lines elsewhere, or says notes; verbose, each says more."""
    if enabled and sys.stderr and sys.stderr.isatty():
        return TerminalReporter(output, verbose=verbose)
    if enabled and not verbose:
        return PlainReporter(output)
    return QuietReporter(output, verbose=verbose)


class QuietReporter:
    """Says notes, each once, and draws nothing; verbose, it says what begins and what was measured, and when."""

    def __init__(self, output: Output, *, verbose: int = 0) -> None:
        self._output = output
        self._said: set[str] = set()
        self._verbose = verbose
        self._began = monotonic()
        self._running: dict[str, tuple[str, int, float]] = {}

    def step(self, text: str) -> None:
        """Say which stage begins."""
        self.trace(text)

    def start(self, key: str, label: str, total: int) -> None:
        """Begin a measured piece of work."""
        if self._verbose:
            self._running[key] = (label, total, monotonic())

    def advance(self, key: str, amount: int) -> None:
        """Say that more of it is done."""

    def finish(self, key: str) -> None:
        """End it."""
        if key in self._running:
            from blast_cli.commands._amounts import format_size

            label, total, began = self._running.pop(key)
            size = f", {format_size(total)}" if total else ""
            self.trace(f"Done: {label} ({monotonic() - began:.2f} s{size})")

    def trace(self, text: str) -> None:
        """Print a line for who asked for more, and when it was."""
        if self._verbose:
            self._output.say(self._output.paint(f"{monotonic() - self._began:7.3f} s  {text}", "dim"))

    def note(self, text: str) -> None:
        """Print a note, the first time it is said."""
        if text not in self._said:
            self._said.add(text)
            self._output.say(f"{self._output.paint('note', 'yellow')}: {text}")

    def close(self) -> None:
        """Leave the terminal clean."""


class PlainReporter(QuietReporter):
    """Writes a line for what takes long where nothing can be drawn: a build, and downloads that go on.

    A clock runs for builds alone: what is quick costs nothing and says nothing.
    """

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._bytes = 0
        self._done = 0
        self._at: set[str] = set()
        self._said_at = self._began
        self._step, self._step_began, self._due = "", self._began, _INTERVAL_S
        self._is_watched = False

    def step(self, text: str) -> None:
        """Begin to watch a build."""
        self._step, self._step_began, self._due = text, monotonic(), _INTERVAL_S
        if text.startswith(_LONG) and not self._is_watched:
            import _thread

            self._is_watched = True
            _thread.start_new_thread(self._watch, ())

    def look(self) -> None:
        """Say what is being built for long, and then after twice the time again."""
        step, seconds = self._step, monotonic() - self._step_began
        if step.startswith(_LONG) and seconds >= self._due:
            self._due = 2 * seconds
            self._output.say(self._output.paint(f"{step} ({seconds:.0f} s)", "dim"))

    def close(self) -> None:
        """Watch no more."""
        self._step, self._is_watched = "", False

    def _watch(self) -> None:
        from time import sleep

        while self._is_watched:
            sleep(_INTERVAL_S)
            self.look()

    def start(self, key: str, label: str, total: int) -> None:
        """Count a download."""
        super().start(key, label, total)
        if not self._at:
            self._said_at = monotonic()
        self._at.add(key)

    def advance(self, key: str, amount: int) -> None:
        """Say how far all of them are, if nothing was said for a while."""
        super().advance(key, amount)
        self._bytes += amount
        now = monotonic()
        if now - self._said_at >= _INTERVAL_S:
            self._said_at = now
            from blast_cli.commands._amounts import format_size

            words = f"Fetching: {format_size(self._bytes)}, {self._done} done, {len(self._at)} under way"
            self._output.say(self._output.paint(words, "dim"))

    def finish(self, key: str) -> None:
        """Count it as done."""
        if key in self._at:
            self._at.discard(key)
            self._done += 1


class TerminalReporter(QuietReporter):
    """Draws one line per running download and the stage at work; everything vanishes at the end."""

    def __init__(self, output: Output, *, verbose: int = 0) -> None:
        super().__init__(output, verbose=verbose)
        import threading

        # Reentrant: to begin drawing asks for the first picture.
        self._lock = threading.RLock()
        self._closed = False
        self._live: Live | None = None
        self._step = ""
        self._step_began = monotonic()
        self._work: dict[str, tuple[str, int, int, float]] = {}
        self._wake = threading.Timer(_PATIENCE_S, self._draw_now)
        self._wake.daemon = True
        self._wake.start()

    def step(self, text: str) -> None:
        """Show which stage begins."""
        super().step(text)
        with self._lock:
            if text != self._step:
                self._step, self._step_began = text, monotonic()

    def start(self, key: str, label: str, total: int) -> None:
        """Show a line for a piece of work."""
        super().start(key, label, total)
        with self._lock:
            self._work[key] = (label, total, 0, monotonic())

    def advance(self, key: str, amount: int) -> None:
        """Move its bar."""
        with self._lock:
            if key in self._work:
                label, total, done, began = self._work[key]
                self._work[key] = (label, total, done + amount, began)

    def finish(self, key: str) -> None:
        """Remove its line."""
        super().finish(key)
        with self._lock:
            self._work.pop(key, None)

    def close(self) -> None:
        """Remove all that was drawn."""
        self._wake.cancel()
        with self._lock:
            # The timer's thread may be importing rich just now: it must not begin to draw afterwards.
            self._closed = True
            live, self._live = self._live, None
        if live is not None:
            # Without the lock: the thread that draws may wait for it.
            live.stop()

    def _draw_now(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        from blast_cli.progress_lines import Style, Work, progress_lines

        console = Console(stderr=True, no_color=not self._output.color, highlight=False)
        style = Style.for_encoding(console.encoding)

        def picture() -> Text:
            now = monotonic()
            with self._lock:
                work = [Work(label, total, done, now - began) for label, total, done, began in self._work.values()]
                step, seconds = self._step, now - self._step_began
            width, height = console.size
            # The last column stays free: some terminals begin a new line once it is written to.
            lines = progress_lines(step, seconds, work, width=width - 1, height=height, style=style)
            return Text("\n".join(lines), no_wrap=True, overflow="crop")

        with self._lock:
            if not self._closed:
                self._live = Live(
                    get_renderable=picture,
                    console=console,
                    transient=True,
                    refresh_per_second=10,
                    redirect_stdout=False,
                )
                self._live.start(refresh=True)
