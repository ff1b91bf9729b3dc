"""Why versions that an index lists can't be chosen on a target."""

from __future__ import annotations

from blast_core.version import make_version_table, specifier_mask
from blast_pm.resolver.clauses import Unusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.interpreter import Target
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.records import ProjectRecord
    from blast_pm.resolver.universe import Package

__all__ = ["python_reason", "reasons_against"]


def python_reason(requires_python: str, target: Target) -> str:
    """Return the words for a Requires-Python that the target does not satisfy."""
    return f"Python {requires_python} (this is {target.python_version})"


def reasons_against(
    package: Package, record: ProjectRecord, allowed: int, target: Target
) -> list[tuple[int, Unusable]]:
    """Return the reasons against the versions that are not in ``allowed``, each with the mask of those it concerns.

    Returns:
        Solver masks (version i is bit i + 1), disjoint; none where every version is allowed.
    """
    found: dict[tuple[str, str], int] = {}
    for index in range(len(record.table.texts)):
        bit = 1 << index
        if allowed & bit:
            continue
        reason = _reason(record, bit, index, target)
        found[reason] = found.get(reason, 0) | bit << 1
    return [(mask, Unusable(package, kind, detail)) for (kind, detail), mask in found.items()]


def _reason(record: ProjectRecord, bit: int, index: int, target: Target) -> tuple[str, str]:
    if record.usable & bit:
        return ("yanked", "") if record.yanked & bit else ("prerelease", "")
    wanted = _refused_python(record.files[index], target)
    return ("python", python_reason(wanted, target)) if wanted else ("platform", target.name)


def _refused_python(files: tuple[IndexFile, ...], target: Target) -> str:
    """Return the Requires-Python that keeps all files off the target, "" if one of them would run."""
    table = make_version_table((target.python_version,))
    refused = ""
    for file in files:
        try:
            if specifier_mask(file.requires_python, table):
                return ""
        except ValueError:
            continue  # an index's nonsense rules the file out without being a reason to show
        refused = file.requires_python
    return refused
