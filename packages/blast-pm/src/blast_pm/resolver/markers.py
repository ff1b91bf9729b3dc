"""Markers on many targets at once: which requirements of a metadata file hold where, for the base and for each extra.

A marker's answer is an int with a bit per target. A comparison is evaluated once per distinct value that its variable
has on the targets; `and` and `or` are then `&` and `|`.
"""

from __future__ import annotations

from blast_core.markers import Comparison, evaluate_tree, parse_marker, uses_extra
from blast_core.version import make_version_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Target
    from blast_core.markers import Marker
    from blast_core.requirements import Requirement

    #: A requirement and the targets on which it holds.
    Row = tuple[Requirement, int]

__all__ = ["TargetMarkers"]

_NOT_OF_THE_TARGET = frozenset(("extra", "extras", "dependency_groups"))
_PATCHED = "python_full_version"


class TargetMarkers:
    """Evaluates markers against the environments of targets and remembers the answers.

    A target that stands for several environments (``Target.also``) counts as one where a comparison is true if it is
    true in one of them, so that what a marker may need is there.

    Args:
        targets: bit i of an answer is for ``targets[i]``.

    Attributes:
        everywhere: the mask of all targets.
        known: answers without extras, by marker; may be filled from an earlier run with the same targets.
    """

    __slots__ = (
        "_comparisons",
        "_extra_users",
        "_extras",
        "_pythons",
        "_targets",
        "_values",
        "_versions",
        "everywhere",
        "known",
    )

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = tuple(targets)
        self.everywhere = (1 << len(self._targets)) - 1
        self.known: dict[str, int] = {"": self.everywhere}
        self._extras: dict[tuple[str, str], int] = {}
        self._extra_users: dict[str, bool] = {"": False}
        self._comparisons: dict[Comparison, int] = {}
        self._pythons: dict[str, int] = {"": self.everywhere}
        self._values: dict[str, dict[str, int]] = {}
        self._versions: dict[str, int] = {}

    def holds(self, marker: str) -> int:
        """Return the targets on which ``marker`` holds when no extra is asked for."""
        known = self.known.get(marker)
        if known is None:
            known = 0 if _needs_extra(marker) else self._mask(parse_marker(marker), "")
            self.known[marker] = known
        return known

    def holds_with(self, marker: str, extra: str) -> int:
        """Return the targets on which ``marker`` holds when ``extra`` is asked for."""
        known = self._extras.get((marker, extra))
        if known is None:
            known = self._mask(parse_marker(marker), extra) if marker else self.everywhere
            self._extras[marker, extra] = known
        return known

    def runs_on(self, requires_python: str) -> int:
        """Return the targets whose Python satisfies a Requires-Python; one that is no specifier excludes nothing."""
        known = self._pythons.get(requires_python)
        if known is None:
            from blast_core.released_requirements import released_python_fits

            if not self._versions:
                # Most targets share their version with others.
                for bit, target in enumerate(self._targets):
                    version = target.python_version
                    self._versions[version] = self._versions.get(version, 0) | 1 << bit
            known = 0
            for version, targets in self._versions.items():
                if released_python_fits(requires_python, make_version_table((version,))):
                    known |= targets
            self._pythons[requires_python] = known
        return known

    def mentions_extra(self, marker: str) -> bool:
        """Tell whether ``marker`` asks about an extra."""
        known = self._extra_users.get(marker)
        if known is None:
            known = self._extra_users[marker] = uses_extra(marker)
        return known

    def base_rows(self, requirements: Sequence[Requirement]) -> list[Row]:
        """Return the requirements that hold somewhere whatever extras are asked for, in order, and where they do."""
        rows = []
        known, everywhere = self.known, self.everywhere
        for requirement in requirements:
            marker = requirement.marker
            mask = everywhere if not marker else known[marker] if marker in known else self.holds(marker)
            if mask:
                rows.append((requirement, mask))
        return rows

    def extra_rows(self, requirements: Sequence[Requirement], extra: str) -> list[Row]:
        """Return the requirements that ``extra`` adds to the base, in order, and where it does."""
        rows = []
        for requirement in requirements:
            marker = requirement.marker
            if self.mentions_extra(marker):
                mask = self.holds_with(marker, extra) & ~self.holds(marker)
                if mask:
                    rows.append((requirement, mask))
        return rows

    def _mask(self, marker: Marker, extra: str) -> int:
        if isinstance(marker, Comparison):
            return self._compare(marker, extra)
        if marker.kind == "and":
            mask = self.everywhere
            for part in marker.parts:
                mask &= self._mask(part, extra)
            return mask
        mask = 0
        for part in marker.parts:
            mask |= self._mask(part, extra)
        return mask

    def _compare(self, comparison: Comparison, extra: str) -> int:
        variable = comparison.variable
        if variable in _NOT_OF_THE_TARGET:
            return self.everywhere if evaluate_tree(comparison, {}, (extra,) if extra else ()) else 0
        known = self._comparisons.get(comparison)
        if known is None:
            known = 0
            for value, mask in self._values_of(variable).items():
                if mask & ~known and evaluate_tree(comparison, {variable: value}):
                    known |= mask
            if variable == _PATCHED:
                known |= self._between(comparison)
            self._comparisons[comparison] = known
        return known

    def _values_of(self, variable: str) -> dict[str, int]:
        values = self._values.get(variable)
        if values is None:
            values = self._values[variable] = {}
            for bit, target in enumerate(self._targets):
                for environment in (target.marker_environment, *target.also):
                    value = environment.get(variable, "")
                    values[value] = values.get(value, 0) | 1 << bit
        return values

    def _between(self, comparison: Comparison) -> int:
        """Return the targets that stand for the very patch release with which the comparison compares, if it holds."""
        value = comparison.value
        if not evaluate_tree(comparison, {_PATCHED: value}):
            return 0
        minor = ".".join(value.split(".")[:2])
        mask = 0
        for bit, target in enumerate(self._targets):
            if target.also and target.marker_environment.get("python_version") == minor:
                mask |= 1 << bit
        return mask


def _needs_extra(marker: str) -> bool:
    """Tell quickly that ``marker`` can't hold without an extra: most markers are of this kind, and need no parsing."""
    return (marker.startswith("extra == ") or " and extra == " in marker) and " or " not in marker
