"""The version that is written beside a requirement that was added without one."""

from __future__ import annotations

from blast_core.requirements import format_requirement, parse_requirement
from blast_core.version.parts import normalize_version, parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BOUNDS", "bounded", "merged"]

BOUNDS = ("lower", "major", "minor", "exact", "none")


def bounded(line: str, version: str, kind: str) -> str:
    """Return the requirement ``line`` with a specifier that lets in ``version``; as it is where it has one.

    Args:
        line: a requirement (PEP 508).
        version: what was resolved for it; empty for nothing.
        kind: one of ``BOUNDS``. Below 1.0 the second number counts as the first does later.
    """
    requirement = parse_requirement(line)
    if requirement.specifier or requirement.url or not version or kind == "none":
        return line
    head, semicolon, marker = line.partition(";")
    # A local label names one index's build of a release; any build of it will do (PEP 440, local versions).
    public = normalize_version(version).partition("+")[0]
    return f"{head.strip()}{_specifier(public, kind)}" + (f" ;{marker}" if semicolon else "")


def merged(line: str, standing: Iterable[str], *, keep_specifier: bool = True) -> str:
    """Return the requirement ``line`` with what the one that it replaces says besides: extras, specifier and marker.

    Args:
        line: a requirement (PEP 508) without an address.
        standing: the requirements of the list that it goes to.
        keep_specifier: of two, the one that stands counts where ``line`` has none.
    """
    asked = parse_requirement(line)
    same = [text for text in standing if parse_requirement(text).name == asked.name]
    if len(same) > 1:
        same = [text for text in same if parse_requirement(text).marker == asked.marker]
    if not same or asked.url:
        return line
    before = parse_requirement(same[0])
    extras = tuple(sorted({*before.extras, *asked.extras}))
    specifier = asked.specifier or (before.specifier if keep_specifier and not before.url else "")
    result = asked._replace(extras=extras, specifier=specifier, marker=asked.marker or before.marker)
    if result == asked:
        return line
    return same[0] if result == before else format_requirement(result)


def _specifier(version: str, kind: str) -> str:
    if kind == "exact":
        return f"=={version}"
    if kind == "lower":
        return f">={version}"
    fields = parse_version(version)
    first, second = (*fields.release, 0)[:2]
    narrow = len(fields.release) > 1 and (kind == "minor" or first == 0)
    upper = f"{first}.{second + 1}" if narrow else str(first + 1)
    return f">={version},<{f'{fields.epoch}!' if fields.epoch else ''}{upper}"
