"""Why versions that an index lists can't be chosen on a target."""

from __future__ import annotations

from blast_core.version import make_version_table, specifier_mask
from blast_pm.resolver.clauses import Unusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Target
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.records import ProjectRecord
    from blast_pm.resolver.universe import Package

__all__ = ["python_reason", "reasons_against"]


def python_reason(requires_python: str) -> str:
    """Return the words for a Requires-Python that the target does not satisfy."""
    return f"Python {requires_python}"


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
    return [(mask, Unusable(package, *reason)) for reason, mask in _one_about_python(found).items()]


def _one_about_python(found: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Make the reasons of kind ``python`` one: what the newest of those versions needs stands for all."""
    pythons = {reason: mask for reason, mask in found.items() if reason[0] == "python"}
    if len(pythons) < 2:
        return found
    _, detail = max(pythons, key=pythons.__getitem__)
    union = 0
    for mask in pythons.values():
        union |= mask
    rest = {reason: mask for reason, mask in found.items() if reason[0] != "python"}
    return {("python", f"{detail} or the like"): union, **rest}


def _reason(record: ProjectRecord, bit: int, index: int, target: Target) -> tuple[str, str]:
    if record.usable & bit:
        return ("yanked", "") if record.yanked & bit else ("prerelease", "")
    files = record.files[index]
    wanted = _refused_python(files, target)
    if wanted:
        return ("python", python_reason(wanted))
    has_source = any(not file.filename.endswith(".whl") for file in files)
    return ("source" if has_source else "platform", target.name)


def _refused_python(files: Sequence[IndexFile], target: Target) -> str:
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
