"""What would help where nothing fits, tried out by solving.

Each suggestion is a change of what the user wrote, and names what it leads to. The smallest changes are tried first:
one requirement, then a pre-release or a yanked version let in, then several requirements, another Python or platform,
and an override as the last resort.
"""

from __future__ import annotations

from blast_pm.resolver.changes import changes, corrected_names, partial_changes, several_changes
from blast_pm.resolver.remedies import facts_alone, last_words, other_targets, overrides, prereleases, yanked_pins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.resolver.situation import Situation, Suggestion

__all__ = ["suggest"]

_MOST_SUGGESTIONS = 4


def suggest(situation: Situation) -> list[Suggestion]:
    """Return what the user can do, the most promising first; never nothing."""
    single = [*changes(situation)]
    found = [
        *corrected_names(situation),
        *single,
        *yanked_pins(situation),
        *prereleases(situation),
    ]
    if not found:
        found += several_changes(situation)
    found += other_targets(situation)
    if not any(row.kind == "change" for row in single):
        found += partial_changes(situation)
    found += facts_alone(situation)
    found += overrides(situation)
    unique = list({row.text: row for row in found}.values())[:_MOST_SUGGESTIONS]
    return unique or [last_words(situation)]
