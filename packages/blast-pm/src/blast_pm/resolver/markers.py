"""Markers on one target: which requirements of a metadata file hold, for the base and for each extra.

A marker's answer is an int, 1 or 0, so that the universal resolution can widen it to a bit per target.
"""

from __future__ import annotations

from blast_core.markers import evaluate_marker, uses_extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.requirements import Requirement

__all__ = ["TargetMarkers"]


class TargetMarkers:
    """Evaluates markers against one marker environment and remembers the answers.

    Args:
        environment: the variables of PEP 508.
    """

    __slots__ = ("_base", "_environment", "_extra_users", "_extras")

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._base: dict[str, int] = {"": 1}
        self._extras: dict[tuple[str, str], int] = {}
        self._extra_users: dict[str, bool] = {"": False}

    def holds(self, marker: str) -> int:
        """Return 1 if ``marker`` holds when no extra is asked for, else 0."""
        known = self._base.get(marker)
        if known is None:
            known = 0 if _needs_extra(marker) else int(evaluate_marker(marker, self._environment))
            self._base[marker] = known
        return known

    def holds_with(self, marker: str, extra: str) -> int:
        """Return 1 if ``marker`` holds when ``extra`` is asked for, else 0."""
        known = self._extras.get((marker, extra))
        if known is None:
            known = self._extras[marker, extra] = int(evaluate_marker(marker, self._environment, (extra,)))
        return known

    def mentions_extra(self, marker: str) -> bool:
        """Tell whether ``marker`` asks about an extra."""
        known = self._extra_users.get(marker)
        if known is None:
            known = self._extra_users[marker] = uses_extra(marker)
        return known

    def base_requirements(self, requirements: Iterable[Requirement]) -> list[Requirement]:
        """Return the requirements that hold whatever extras are asked for, in order."""
        holds = self.holds
        return [requirement for requirement in requirements if not requirement.marker or holds(requirement.marker)]

    def extra_requirements(self, requirements: Sequence[Requirement], extra: str) -> list[Requirement]:
        """Return the requirements that ``extra`` adds to the base, in order."""
        return [
            requirement
            for requirement in requirements
            if self.mentions_extra(requirement.marker)
            and not self.holds(requirement.marker)
            and self.holds_with(requirement.marker, extra)
        ]


def _needs_extra(marker: str) -> bool:
    """Tell quickly that ``marker`` can't hold without an extra: most markers are of this kind, and need no parsing."""
    return (marker.startswith("extra == ") or " and extra == " in marker) and " or " not in marker
