"""Why versions that an index lists can't be chosen on a target."""

from __future__ import annotations

from blast_core.version import specifier_mask
from blast_pm.resolver.clauses import Unusable
from blast_pm.resolver.request import is_pin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.interpreter import Target
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.records import ProjectRecord
    from blast_pm.resolver.request import Request
    from blast_pm.resolver.universe import Package

    #: Kind, detail and known of an ``Unusable``.
    Reason = tuple[str, str, str]

__all__ = ["describe_target", "python_reason", "python_words", "reasons_against"]

_UNKNOWN_PATCH = ".99"
_SYSTEMS = {"manylinux": "Linux", "musllinux": "Linux with musl", "linux": "Linux", "macosx": "macOS", "win": "Windows"}
_MOST_PYTHONS = 5


def python_reason(requires_python: str) -> str:
    """Return the words for a Requires-Python that the target does not satisfy."""
    from blast_pm.resolver.wording import readable

    return f"Python {readable(requires_python)}"


def python_words(target: Target) -> str:
    """Return a target's Python as a person would say it: ``3.12`` where it stands for all patch releases."""
    return target.python_version.removesuffix(_UNKNOWN_PATCH)


def describe_target(target: Target) -> str:
    """Return words such as ``Python 3.12 on linux-x86_64``."""
    platform = target.name.rpartition("-py")[0] or target.name
    return f"Python {'.'.join(target.python_version.split('.')[:2])} on {platform}"


def reasons_against(
    package: Package, record: ProjectRecord, allowed: int, request: Request
) -> list[tuple[int, Unusable]]:
    """Return the reasons against the versions that are not in ``allowed``, each with the mask of those it concerns.

    Args:
        package: whose versions.
        record: what the index says of them.
        allowed: bit i for version i.
        request: what is asked for; its first target is told of.

    Returns:
        Solver masks (version i is bit i + 1), disjoint; none where every version is allowed.
    """
    bit_of_target = request.group & -request.group
    usable = 0
    for mask, versions in record.usable_by or ((1, record.usable),):
        if mask & bit_of_target:
            usable |= versions
    judge = _Judge(record, usable, request)
    found: dict[Reason, int] = {}
    for index in range(len(record.table.texts)):
        bit = 1 << index
        if not allowed & bit:
            reason = judge.reason(bit, index)
            found[reason] = found.get(reason, 0) | bit << 1
    return [(mask, Unusable(package, *reason)) for reason, mask in found.items()]


class _Judge:
    def __init__(self, record: ProjectRecord, usable: int, request: Request) -> None:
        self._record = record
        self._usable = usable
        self._runs_on = request.markers.runs_on
        self._bit = request.group & -request.group
        self._target = request.target
        # Pinned by the user, a yanked version is welcome; if such a one is out, it is as a pre-release.
        self._pinned = 0
        for row in (*request.requirements, *request.constraints, *request.overrides):
            if row.name == record.name and is_pin(row.specifier):
                self._pinned |= specifier_mask(row.specifier, record.table)
        self._platforms = {tag.rpartition("-")[2] for tag in request.target.tags}

    def reason(self, bit: int, index: int) -> Reason:
        record = self._record
        if self._usable & bit:
            is_out_as_yanked = record.yanked & bit and not (record.prerelease & self._pinned & bit)
            return ("yanked" if is_out_as_yanked else "prerelease"), "", ""
        files = record.files[index]
        if record.refused & bit:
            return "policy", "" if files else "newer", ""
        wanted = self._refused_python(files)
        if wanted:
            return "python", python_reason(wanted), ""
        has_source = any(not file.filename.endswith(".whl") for file in files)
        return "source" if has_source else "platform", describe_target(self._target), self._wheels(files)

    def _refused_python(self, files: Sequence[IndexFile]) -> str:
        """Return the Requires-Python that keeps all files off the target, "" if one of them would run."""
        refused = ""
        for file in files:
            try:
                if not file.requires_python or self._runs_on(file.requires_python) & self._bit:
                    return ""
            except ValueError:
                continue  # an index's nonsense rules the file out without being a reason to show
            refused = file.requires_python
        return refused

    def _wheels(self, files: Sequence[IndexFile]) -> str:
        """Say what the wheels are for: other Pythons, if one fits the platform, else other platforms."""
        tags = [_tags(file.filename) for file in files if file.filename.endswith(".whl")]
        here = [pythons for pythons, platforms in tags if not self._platforms.isdisjoint(platforms)]
        if here:
            return _pythons({python for pythons in here for python in pythons})
        systems: dict[str, set[str]] = {}
        for platform in sorted(platform for _, platforms in tags for platform in platforms):
            system, machine = _system(platform)
            systems.setdefault(system, set()).update([machine] if machine else [])
        return _and([f"{system} ({_and(sorted(found))})" if found else system for system, found in systems.items()])


def _tags(filename: str) -> tuple[list[str], list[str]]:
    """Return the Python tags and the platform tags of a wheel."""
    parts = filename[:-4].rsplit("-", 3)
    return (parts[1].split("."), parts[3].split(".")) if len(parts) == 4 else ([], [])


def _pythons(tags: Iterable[str]) -> str:
    """Return words for the Pythons of tags such as cp37 and cp310; "" if they are of other kinds too."""
    minors = set()
    for tag in tags:
        if not (tag.startswith("cp3") and tag[3:].isdigit()):
            return ""
        minors.add(int(tag[3:]))
    ordered = sorted(minors)
    if not ordered:
        return ""
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"Python 3.{ordered[0]} to 3.{ordered[-1]}"
    return f"Python {_and([f'3.{minor}' for minor in ordered[-_MOST_PYTHONS:]])}"


def _system(platform: str) -> tuple[str, str]:
    """Return the system and the machine of a platform tag."""
    for prefix, name in _SYSTEMS.items():
        if platform.startswith(prefix):
            return name, _machine(platform)
    return platform, ""


def _machine(platform: str) -> str:
    for machine in ("x86_64", "aarch64", "arm64", "i686", "armv7l", "ppc64le", "s390x", "universal2"):
        if platform.endswith(machine):
            return machine
    return {"win_amd64": "x86_64", "win32": "32 bits"}.get(platform, "")


def _and(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
