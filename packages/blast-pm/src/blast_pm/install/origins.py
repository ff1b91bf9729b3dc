"""Rule 4: what looks outside itself by ``$ORIGIN`` must find its neighbours, so it can't lie behind a link.

The loader takes the path that a shared object was opened by, and goes up from there with ``..``, which the kernel
resolves through links. Below a folded directory it therefore arrives
in the store, where only the same distribution's files are.
"""

from __future__ import annotations

from posixpath import normpath

from blast_pm.install.plan import PREFIX, SITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from blast_pm.install.plan import Distribution, TreePlan

__all__ = ["Base", "find_unfolded", "native_directories", "origin_targets", "place_native"]

# Where a scheme's directory is, below the environment: SITE and PREFIX.
Base = tuple[str, str]

_TOKENS = ("$ORIGIN", "${ORIGIN}", "@loader_path")
_SUFFIXES = (".so", ".dylib", ".dll", ".pyd")
_HWCAPS = "/glibc-hwcaps/"


def place_native(path: str, scheme: str) -> tuple[int, str] | None:
    """Return (scheme, directory) of a file where it is installed; None where no loader looks (scripts, headers)."""
    if scheme == "root":
        return SITE, path.rpartition("/")[0]
    if scheme in {"purelib", "platlib", "data"}:
        place = path.split("/", 2)[2].rpartition("/")[0]
        return (PREFIX if scheme == "data" else SITE), place
    return None


def origin_targets(dpp: Distribution) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
    """Return, for each directory with objects that search relative to themselves, where they search.

    Returns:
        (scheme, directory, targets), sorted; targets are relative to the scheme's directory and may begin with ``..``.
    """
    schemes = {file.path: file.scheme for file in dpp.files}
    found: dict[tuple[int, str], set[str]] = {}
    for native in dpp.native:
        place = place_native(native.path, schemes.get(native.path, ""))
        if place is not None:
            targets = set(_targets(place[1], native.rpaths))
            if targets:
                found.setdefault(place, set()).update(targets)
    return tuple((scheme, path, tuple(sorted(targets))) for (scheme, path), targets in sorted(found.items()))


def _targets(directory: str, rpaths: Sequence[str]) -> Iterator[str]:
    for entry in (part for rpath in rpaths for part in rpath.split(":")):
        for token in _TOKENS:
            if entry == token or entry.startswith(token + "/"):
                yield normpath(f"{directory}/{entry[len(token) :]}".strip("/") or ".")


def native_directories(dpp: Distribution) -> tuple[tuple[int, str], ...]:
    """Return (scheme, directory) of every directory that a loader could find something in, sorted."""
    named = {native.path for native in dpp.native}
    found = set()
    for file in dpp.files:
        name = file.path.rpartition("/")[2]
        if file.path in named or name.endswith(_SUFFIXES) or ".so." in name:
            place = place_native(file.path, file.scheme)
            if place is not None:
                # glibc looks for variants below the directory that is searched.
                found.add((place[0], place[1].partition(_HWCAPS)[0].removesuffix("/glibc-hwcaps")))
    return tuple(sorted(found))


def find_unfolded(plans: Sequence[TreePlan], base: Base) -> Mapping[int, list[str]]:
    """Decide rule 4 for a set of distributions.

    Args:
        plans: all that go into one environment.
        base: paths of site-packages and of the prefix, below the environment.

    Returns:
        For the index of each plan concerned: its directories, below the environment, that have to be real.
    """
    searching = [(index, row) for index, plan in enumerate(plans) for row in plan.origins]
    if not searching:
        return {}
    owners: dict[str, set[int]] = {}
    for index, plan in enumerate(plans):
        for scheme, path in plan.native:
            owners.setdefault(_join(base[scheme], path), set()).add(index)
    unfolded: dict[int, list[str]] = {}
    for index, (scheme, path, targets) in searching:
        if any(owners.get(target, set()) - {index} for target in _in_environment(base[scheme], targets)):
            unfolded.setdefault(index, []).append(_join(base[scheme], path))
    return unfolded


def _in_environment(base: str, targets: Iterable[str]) -> Iterator[str]:
    for target in targets:
        yield normpath(f"{base}/{target}".lstrip("/"))


def _join(base: str, path: str) -> str:
    return f"{base}/{path}" if base and path else base or path or "."
