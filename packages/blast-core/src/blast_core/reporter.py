"""How long work tells what it does: one protocol, and a reporter that says nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

__all__ = ["Reporter", "SilentReporter"]


class Reporter(Protocol):
    """Receives progress; every method may be called from any thread and must return at once."""

    def step(self, text: str) -> None:
        """Say which stage begins, such as ``Resolving``."""

    def start(self, key: str, label: str, total: int) -> None:
        """Begin a measured piece of work; ``total`` is in bytes, 0 if unknown."""

    def advance(self, key: str, amount: int) -> None:
        """Say that ``amount`` more bytes of ``key`` are done."""

    def finish(self, key: str) -> None:
        """End the piece of work ``key``."""

    def note(self, text: str) -> None:
        """Say something once that the user should know, such as a fallback taken."""


class SilentReporter:
    """A reporter for libraries, tests and ``--quiet``."""

    def step(self, text: str) -> None:
        """Ignore it."""

    def start(self, key: str, label: str, total: int) -> None:
        """Ignore it."""

    def advance(self, key: str, amount: int) -> None:
        """Ignore it."""

    def finish(self, key: str) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""
