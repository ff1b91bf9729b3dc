"""The smallest change of a specifier that lets a version in."""

from __future__ import annotations

from blast_core.version import make_version_table, specifier_mask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["accepts", "loosen", "loosen_for"]


def accepts(specifier: str, version: str) -> bool:
    """Tell whether a specifier lets a version in."""
    return bool(specifier_mask(specifier, make_version_table((version,))))


def loosen(specifier: str, version: str) -> str:
    """Return a specifier that lets ``version`` in, with as much as possible of the old one.

    A pin becomes a pin of the version, a lower bound the version; an upper bound goes, and becomes a lower one where
    nothing else would be left.

    >>> loosen(">=1,<2", "2.5"), loosen("<2", "2.5"), loosen("==1.0", "2.5"), loosen(">=3", "2.5")
    ('>=1', '>=2', '==2.5', '>=2.5')
    """
    kept: list[str] = []
    upper = ""
    for clause in specifier.split(","):
        if accepts(clause, version):
            kept.append(clause)
            continue
        sign = clause[: len(clause) - len(clause.lstrip("<>=!~"))]
        if sign in ("<", "<="):
            upper = clause[len(sign) :].strip()
            continue
        changed = _moved(sign, clause, version)
        if changed:
            kept.append(changed)
    if not kept and upper:
        kept.append(f">={upper}" if accepts(f">={upper}", version) else f">={version}")
    return ",".join(dict.fromkeys(kept))


def loosen_for(specifier: str, versions: Sequence[str]) -> str:
    """Return a specifier that lets all of ``versions`` in, ascending: for other targets there may be others.

    >>> loosen_for("==1.0", ["2.0", "2.5"]), loosen_for("<2", ["2.0", "2.5"])
    ('>=2.0', '>=2')
    """
    found = loosen(specifier, versions[0])
    return found if all(accepts(found, version) for version in versions) else f">={versions[0].partition('+')[0]}"


def _moved(sign: str, clause: str, version: str) -> str:
    """Return a clause of the same kind that lets the version in, "" if it is better left out."""
    public = version.partition("+")[0]
    if clause.endswith(".*"):
        segments = clause.count(".")
        release = public.split(".")
        moved = f"{sign}{'.'.join(release[:segments])}.*"
        is_plain = len(release) >= segments and all(part.isdigit() for part in release[:segments])
        return moved if sign == "==" and is_plain and accepts(moved, version) else ""
    moved = {"==": f"=={version}", "===": f"==={version}", ">=": f">={public}", ">": f">={public}"}.get(sign, "")
    if sign == "~=":
        # It needs two numbers: 5.dev1 has one.
        minor = public.partition(".")[2]
        moved = f"~={public}" if minor[:1].isdigit() else f">={public}"
    return moved
