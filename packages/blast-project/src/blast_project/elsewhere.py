"""In which other list of a manifest a name stands, for who removes it from the wrong one."""

from __future__ import annotations

from blast_core.requirements import parse_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_compat.manifest import Manifest

__all__ = ["hint_elsewhere"]


def hint_elsewhere(manifest: Manifest, names: Sequence[str]) -> str:
    """Return what to type instead of removing ``names`` from a list that lacks them.

    Args:
        manifest: the project's.
        names: normalised.
    """
    found = {option: [name for name in names if name in listed] for option, listed in _lists(manifest)}
    lines = [f"'blast remove {option}{' '.join(there)}'" for option, there in found.items() if there]
    if lines:
        return " and ".join(lines) + " would do"
    return "--dev, --group or --optional name another list; 'blast lock show' lists what is locked"


def _lists(manifest: Manifest) -> Iterator[tuple[str, set[str]]]:
    """Return each list of requirements with the option that names it, as far as the list is its own."""
    yield "", _names(manifest.dependencies)
    for group, lines in manifest.groups.items():
        included = [manifest.groups.get(name, ()) for name in manifest.included_groups.get(group, ())]
        own = _names(lines) - {name for other in included for name in _names(other)}
        yield "--dev " if group == "dev" else f"--group {group} ", own
    for extra, lines in manifest.optional_dependencies.items():
        yield f"--optional {extra} ", _names(lines)


def _names(lines: Sequence[str]) -> set[str]:
    return {parse_requirement(line).name for line in lines}
