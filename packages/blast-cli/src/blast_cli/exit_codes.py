"""The one place where errors become exit statuses."""

from __future__ import annotations

from blast_core.errors import (
    BlastError,
    DigestMismatch,
    FormatError,
    IndexAccessError,
    IntegrityError,
    ProjectNotFound,
    StoreLocked,
    UsageError,
)

__all__ = ["DONE", "FAILED", "INTEGRITY", "INTERRUPTED", "LOCKED", "NETWORK", "USAGE", "exit_code"]

DONE = 0
FAILED = 1
USAGE = 2
NETWORK = 3
INTEGRITY = 4
LOCKED = 5
INTERRUPTED = 130

# The first match counts, so leaves stand before their parents.
_CODES: tuple[tuple[type[BlastError], int], ...] = (
    (UsageError, USAGE),
    (ProjectNotFound, FAILED),
    (IndexAccessError, NETWORK),
    (DigestMismatch, INTEGRITY),
    (IntegrityError, INTEGRITY),
    (FormatError, INTEGRITY),
    (StoreLocked, LOCKED),
)


def exit_code(error: BlastError) -> int:
    """Return the exit status that stands for ``error`` (CLI.md)."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)
