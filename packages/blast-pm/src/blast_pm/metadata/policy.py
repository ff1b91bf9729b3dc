"""Which files of an index may be used at all, whatever target asks: by time of upload and by kind.

A policy is a value: two commands with equal settings have equal policies, and `FilePolicy.key` tells for one project
what applies to it, so that what was judged under a policy can be remembered beside it.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_pm.index.model import IndexFile

__all__ = ["EVERYTHING", "NOTHING", "FilePolicy", "ProjectSet"]

_NO_CUTOFFS: Mapping[str, str] = {}


class ProjectSet(NamedTuple):
    """Some projects, or all but some.

    Attributes:
        names: normalised.
        inverted: it is all projects but ``names``.
    """

    names: frozenset[str] = frozenset()
    inverted: bool = False

    def holds(self, name: str) -> bool:
        """Tell whether a project belongs to it; ``name`` is normalised."""
        return (name in self.names) != self.inverted


NOTHING = ProjectSet()
EVERYTHING = ProjectSet(inverted=True)


class FilePolicy(NamedTuple):
    """Which files count.

    Attributes:
        cutoff: files uploaded at this instant or later don't count; UTC as ``2025-03-01T00:00:00`` with a fraction if
            it has one, no closing zeros, no ``Z``; "" for no limit.
        package_cutoffs: another cut-off for single projects by normalised name, "" for none.
        undated_indexes: names of indexes whose files have no time by nature, such as directories: no cut-off for them.
        no_build: projects of which source distributions don't count.
        no_binary: projects of which wheels don't count.
    """

    cutoff: str = ""
    package_cutoffs: Mapping[str, str] = _NO_CUTOFFS
    undated_indexes: frozenset[str] = frozenset()
    no_build: ProjectSet = NOTHING
    no_binary: ProjectSet = NOTHING

    @property
    def is_empty(self) -> bool:
        """Whether every file of every project counts."""
        return not (self.cutoff or any(self.package_cutoffs.values())) and self.no_build == self.no_binary == NOTHING

    def allows(self, name: str, file: IndexFile) -> bool:
        """Tell whether a file of the project counts.

        Args:
            name: of the project, normalised.
            file: as the index lists it.

        Cost: under a microsecond; ask `key` first and skip it for projects to which nothing applies.
        """
        kinds = self.no_binary if file.filename.endswith(".whl") else self.no_build
        return not kinds.holds(name) and self.is_old_enough(name, file)

    def is_old_enough(self, name: str, file: IndexFile) -> bool:
        """Tell whether a file was there before the project's cut-off; one without a time was not, as in uv.

        What is not, does not belong into a lock even beside older files of its version.
        """
        cutoff = self.package_cutoffs.get(name, self.cutoff)
        if not cutoff or file.index in self.undated_indexes:
            return True
        return _is_before(file.upload_time, cutoff)

    def is_undated(self, name: str, file: IndexFile) -> bool:
        """Tell whether a file is refused only because its index doesn't say when it was uploaded."""
        cutoff = self.package_cutoffs.get(name, self.cutoff)
        return bool(cutoff) and not file.upload_time and file.index not in self.undated_indexes

    def key(self, name: str) -> bytes:
        """Return what stands for all that applies to the project; b"" when nothing does.

        With a cut-off that moves (``7 days``) it changes whenever the cut-off does, at most once an hour: remember it
        in a row's value, not in the row's key, or the rows pile up.
        """
        cutoff = self.package_cutoffs.get(name, self.cutoff)
        key = b"<" + cutoff.encode() if cutoff else b""
        if cutoff and self.undated_indexes:
            key += b"|" + "|".join(sorted(self.undated_indexes)).encode()
        if self.no_build.holds(name):
            key += b"!build"
        if self.no_binary.holds(name):
            key += b"!binary"
        return key


def _is_before(time: str, cutoff: str) -> bool:
    """Compare an index's time with a cut-off; the texts of PEP 700 sort as the instants do."""
    if time[-1:] == "Z" and time[10:11] == "T" and len(time) >= 20:
        return time[:-1].rstrip("0") < cutoff if "." in time else time[:-1] < cutoff
    return bool(time) and _in_utc(time) < cutoff


def _in_utc(time: str) -> str:
    """Return a time of any ISO 8601 form as cut-offs are written; one that is none is later than all."""
    from datetime import UTC, datetime

    try:
        instant = datetime.fromisoformat(time)
    except ValueError:
        return "~"
    utc = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    text = utc.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".")
