"""Requirements as they stand in releases: what installers always took, though no rule allows it.

Old releases wrote ``>=1.*``, ``>=1.0,<2.0,``, or left out a comma. Who chooses versions and who takes wheels in read
them alike, or a release could be chosen and then not be installed.
"""

from __future__ import annotations

from blast_core.errors import InvalidRequirement
from blast_core.requirements import Requirement, parse_requirement
from blast_core.version import specifier_mask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.version import VersionTable

__all__ = ["mend_specifier", "parse_released_requirement", "released_python_fits"]


def parse_released_requirement(text: str) -> Requirement:
    """Parse a line of Requires-Dist, its usual mistakes mended.

    Raises:
        InvalidRequirement: it is none, even then.
    """
    try:
        return parse_requirement(text)
    except InvalidRequirement:
        mended = _mend(text)
        if mended is None:
            raise
        return mended


def released_python_fits(requires_python: str, table: VersionTable) -> bool:
    """Tell whether a Python satisfies a release's Requires-Python, usual mistakes mended; one that is none fits all.

    Args:
        requires_python: as in METADATA, a page or a lock.
        table: versions of Python of which one is to do.
    """
    try:
        return bool(specifier_mask(requires_python, table))
    except InvalidRequirement:
        try:
            return bool(specifier_mask(mend_specifier(requires_python), table))
        except InvalidRequirement:
            return True


def _mend(line: str) -> Requirement | None:
    requirement, semicolon, marker = line.partition(";")
    at = min((requirement.find(sign) for sign in "<>=!~" if sign in requirement), default=-1)
    if at < 0:
        return None
    clauses = mend_specifier(requirement[at:].replace(")", ""))
    try:
        return parse_requirement(f"{requirement[:at].replace('(', '').strip()} {clauses}{semicolon}{marker}")
    except InvalidRequirement:
        return None


def mend_specifier(text: str) -> str:
    """Return a specifier with the mistakes of old releases mended; it may still be none.

    Commas go before operators that lack one, and ``.*`` goes from ordered comparisons.
    """
    spaced: list[str] = []
    for position, sign in enumerate(text):
        before = text[position - 1] if position else ","
        if sign in "<>=!~" and before not in "<>=!~,":
            spaced.append(",")
        spaced.append(sign)
    clauses = []
    for clause in "".join(spaced).split(","):
        stripped = clause.strip().strip("'\"")
        if stripped.endswith(".*") and stripped[:2] not in ("==", "!="):
            stripped = stripped[:-2]
        if stripped:
            clauses.append(stripped)
    return ",".join(clauses)
