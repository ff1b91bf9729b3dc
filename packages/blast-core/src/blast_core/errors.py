"""The one tree of errors that a caller of any Blast package can meet.

    BlastError
    ├─ UsageError         the command line or an option is wrong
    ├─ FormatError        TruncatedInput · BadMagic · UnsupportedFormatVersion · InvalidField
    ├─ ProjectError       InvalidRequirement · InvalidVersion · InvalidManifest · StaleLock
    ├─ ResolutionError    NoSolution · ResolutionLimit
    ├─ IndexAccessError   IndexTimeout · IndexDenied · ProjectNotFound · OfflineError
    ├─ IntegrityError     DigestMismatch · RecordMismatch · ArchiveRejected
    ├─ StoreError         ObjectMissing · StoreLocked
    ├─ InstallError       PathEscape · FileConflict · BuildFailed
    ├─ InterpreterError   InterpreterNotFound · ProbeFailed
    └─ DaemonError        DaemonUnreachable · VersionSkew

Each error says three things: ``message`` (what went wrong), ``reason`` (why) and ``hint`` (what to do). The texts
hold no markup, no colour and no secrets: the command line renders them, and maps classes to exit statuses.

An error is a value: it comes back from pickle (worker processes) and from its JSON form (the daemon's wire) as the same
class with the same fields. A code begins with its parent's code, so that whoever does not know ``store.locked`` yet
treats it as ``store``.

The module imports nothing, because the command that has nothing to do loads it too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ArchiveRejected",
    "BadMagic",
    "BlastError",
    "BuildFailed",
    "DaemonError",
    "DaemonUnreachable",
    "DigestMismatch",
    "FileConflict",
    "FormatError",
    "IndexAccessError",
    "IndexDenied",
    "IndexTimeout",
    "InstallError",
    "IntegrityError",
    "InterpreterError",
    "InterpreterNotFound",
    "InvalidField",
    "InvalidManifest",
    "InvalidRequirement",
    "InvalidVersion",
    "NoSolution",
    "ObjectMissing",
    "OfflineError",
    "PathEscape",
    "ProbeFailed",
    "ProjectError",
    "ProjectNotFound",
    "RecordMismatch",
    "ResolutionError",
    "ResolutionLimit",
    "StaleLock",
    "StoreError",
    "StoreLocked",
    "TruncatedInput",
    "UnsupportedFormatVersion",
    "UsageError",
    "VersionSkew",
    "error_from_dict",
]

_FIELDS = ("code", "message", "reason", "hint")
_SHOWN = 400


class BlastError(Exception):
    """Root of everything that Blast raises on purpose.

    Args:
        message: one line, what went wrong, with the name of the file, package or option concerned.
        reason: one line, why; empty where the message says it all.
        hint: one line, what the user can do about it; empty where nothing can be done.
        details: plain values (str, int, list, dict) that go into ``--json`` output and over the daemon's wire;
            ``code`` is taken.
    """

    code = "error"

    def __init__(self, message: str, *, reason: str = "", hint: str = "", **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.hint = hint
        self.details = details

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.reason, self.hint, self.details), self.__dict__)

    def to_dict(self) -> dict[str, object]:
        """Return the stable JSON form: code, message, reason, hint and the details."""
        return {**self.details, "code": self.code, "message": self.message, "reason": self.reason, "hint": self.hint}


def error_from_dict(document: Mapping[str, object]) -> BlastError:
    """Return the error whose ``to_dict`` gave ``document``.

    Returns:
        The class with that code, else the nearest known parent's, which then carries the unknown code.
    """
    code, message, reason, hint = (str(document.get(field, "")) for field in _FIELDS)
    details = {key: value for key, value in document.items() if key not in _FIELDS}
    error = _rebuild(_find_class(code), message, reason, hint, details)
    error.code = code
    return error


def _find_class(code: str) -> type[BlastError]:
    known: dict[str, type[BlastError]] = {}
    waiting: list[type[BlastError]] = [BlastError]
    while waiting:
        kind = waiting.pop()
        known.setdefault(kind.code, kind)
        waiting += kind.__subclasses__()
    while code and code not in known:
        code = code.rpartition(".")[0]
    return known.get(code, BlastError)


def _rebuild(kind: type[BlastError], message: str, reason: str, hint: str, details: Mapping[str, object]) -> BlastError:
    """Make an error from its fields; a class's own ``__init__`` would derive the message a second time."""
    error = kind.__new__(kind)
    BlastError.__init__(error, message, reason=reason, hint=hint, **details)
    return error


class UsageError(BlastError):
    """The command line or an option is wrong."""

    code = "usage"


def _visible(text: str) -> str:
    """Return a text on one line, of bounded length, without what a terminal would obey."""
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    if shown.isprintable():
        return shown
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in shown)


class FormatError(BlastError, ValueError):
    """Bytes that claim to be one of our formats are not.

    Args:
        message: what is wrong.
        file: the file's path, or "" for bytes in memory.
        field: the field of the layout table that is wrong.
        value: the value found there, as text.
    """

    code = "format"

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        field: str = "",
        value: str = "",
        reason: str = "",
        hint: str = "",
        **details: object,
    ) -> None:
        # Both may be from the file itself, and go to a terminal.
        where = f"{_visible(file)}: " if file else ""
        what = f" (field {_visible(field)}, value {_visible(value)})" if field else ""
        super().__init__(
            f"{where}{message}{what}",
            reason=reason,
            hint=hint,
            file=file,
            field=field,
            value=value,
            **details,
        )

    @property
    def file(self) -> str:
        """The file's path, or "" for bytes in memory."""
        return str(self.details["file"])

    @property
    def field(self) -> str:
        """The field of the layout table that is wrong, or ""."""
        return str(self.details["field"])

    @property
    def value(self) -> str:
        """The value found in that field."""
        return str(self.details["value"])


class TruncatedInput(FormatError):
    """The bytes end before the structure does."""

    code = "format.truncated"


class BadMagic(FormatError):
    """The first bytes are not the format's."""

    code = "format.magic"


class UnsupportedFormatVersion(FormatError):
    """The file was written by a newer Blast."""

    code = "format.version"


class InvalidField(FormatError):
    """A field is out of bounds, overlaps another or has an unknown value."""

    code = "format.field"


class ProjectError(BlastError):
    """The user's own files are wrong."""

    code = "project"


class InvalidRequirement(ProjectError, ValueError):
    """A requirement, specifier or marker is not what PEP 508 or PEP 440 allow."""

    code = "project.requirement"


class InvalidVersion(ProjectError, ValueError):
    """A version is not what PEP 440 allows."""

    code = "project.version"


class InvalidManifest(ProjectError):
    """pyproject.toml can't be read or says something impossible."""

    code = "project.manifest"


class StaleLock(ProjectError):
    """The lock does not answer to the manifest and may not be rewritten."""

    code = "project.lock"


class ResolutionError(BlastError):
    """No set of versions was found."""

    code = "resolution"


class NoSolution(ResolutionError):
    """There is none; the derivation says why."""

    code = "resolution.none"


class ResolutionLimit(ResolutionError):
    """The search was given up at its limit."""

    code = "resolution.limit"


class IndexAccessError(BlastError):
    """An index or a file of it could not be read."""

    code = "index"


class IndexTimeout(IndexAccessError):
    """The index did not answer in time."""

    code = "index.timeout"


class IndexDenied(IndexAccessError):
    """The index refused: credentials are missing or wrong."""

    code = "index.denied"


class ProjectNotFound(IndexAccessError):
    """No index knows the project."""

    code = "index.not-found"


class OfflineError(IndexAccessError):
    """Something is needed that is not in the store, and the network is forbidden."""

    code = "index.offline"


class IntegrityError(BlastError):
    """Content is not what was promised."""

    code = "integrity"


class DigestMismatch(IntegrityError):
    """A file has another digest than the index, the lock or the command line says."""

    code = "integrity.digest"


class RecordMismatch(IntegrityError):
    """A wheel's RECORD does not describe its content."""

    code = "integrity.record"


class ArchiveRejected(IntegrityError):
    """An archive is malformed, ambiguous or hostile."""

    code = "integrity.archive"


class StoreError(BlastError):
    """The store could not be read or written."""

    code = "store"


class ObjectMissing(StoreError):
    """The store does not hold an object that it should."""

    code = "store.missing"


class StoreLocked(StoreError):
    """Another process holds a lock past the time limit."""

    code = "store.locked"


class InstallError(BlastError):
    """An environment could not be changed."""

    code = "install"


class PathEscape(InstallError):
    """A path leads out of where it belongs."""

    code = "install.path"


class FileConflict(InstallError):
    """Two distributions claim one path."""

    code = "install.conflict"


class BuildFailed(InstallError):
    """A source distribution's build backend failed."""

    code = "install.build"


class InterpreterError(BlastError):
    """An interpreter is missing or unusable."""

    code = "interpreter"


class InterpreterNotFound(InterpreterError):
    """No interpreter answers to the request."""

    code = "interpreter.not-found"


class ProbeFailed(InterpreterError):
    """An interpreter could not be asked about itself."""

    code = "interpreter.probe"


class DaemonError(BlastError):
    """The daemon is not usable."""

    code = "daemon"


class DaemonUnreachable(DaemonError):
    """Nobody answers on the daemon's socket."""

    code = "daemon.unreachable"


class VersionSkew(DaemonError):
    """Client and daemon are of different versions."""

    code = "daemon.version"
