"""What a project is locked for: Pythons on platforms, told by the manifest alone and never by this machine.

By default every released minor of Python that ``requires-python`` lets in, on Linux, macOS and Windows, each on x86-64
and arm64. ``[tool.blast] targets`` or ``blast lock --target`` name others: ``linux-x86_64`` for every such minor,
``macos-arm64-py312`` for one, ``linux-x86_64-pypy`` for PyPy of every minor that it has. Builds of CPython without a
global lock are no targets of their own: no marker tells them apart, and a lock holds their wheels beside the others.
"""

from __future__ import annotations

from blast_core.errors import InvalidManifest, UsageError
from blast_core.platforms import (
    DEFAULT_PLATFORMS,
    KNOWN_PLATFORMS,
    NEWEST_PATCH,
    RELEASED_MINORS,
    SUPPORTED_MINORS,
    make_target,
    platform_named,
)
from blast_core.tuples import NamedTuple
from blast_project.conflicts import project_variants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.errors import BlastError
    from blast_core.formats.dpl.model import LockTarget
    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement
    from blast_project.conflicts import Variant
    from blast_project.project import Project

__all__ = ["MOST_TARGETS", "TargetPlan", "asked_targets", "plan_targets", "project_targets", "roots_of"]

MOST_TARGETS = 64

# Pythons that no table knows, for a project that wants only these: old ones first, then those that are to come.
_UNKNOWN_MINORS = (*range(RELEASED_MINORS[0]), *range(RELEASED_MINORS[-1] + 1, 40))
# Those of Python 3 that wheels are built for.
_PYPY_MINORS = (8, 9, 10, 11)
_IMPLEMENTATIONS = {"py": "cpython", "cp": "cpython", "cpython": "cpython", "pypy": "pypy", "pp": "pypy"}


class TargetPlan(NamedTuple):
    """What is locked: every base target in every variant, bit by bit.

    Attributes:
        base: Pythons on platforms.
        variants: which of the conflicting groups each answer is for; one where nothing conflicts.
        named: whether a person named the targets; what was named must have an answer.
        notes: one sentence each about what is left out.
    """

    base: tuple[Target, ...]
    variants: tuple[Variant, ...]
    named: bool
    notes: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is resolved for, in bit order: all base targets of the first variant, of the second, and so on."""
        if len(self.variants) == 1:
            return self.base
        return tuple(
            target._replace(name=f"{target.name}+{variant.name}") for variant in self.variants for target in self.base
        )

    @property
    def locked(self) -> tuple[LockTarget, ...]:
        """The same as a lock holds them."""
        from blast_core.formats.dpl.targets import lock_target

        return tuple(
            lock_target(target, variant.name, variant.chosen) for variant in self.variants for target in self.base
        )

    def mask_of(self, group: str) -> int:
        """Return the targets on which a group of the lock may be installed."""
        size = len(self.base)
        mask = 0
        for number, variant in enumerate(self.variants):
            if group not in variant.refused:
                mask |= ((1 << size) - 1) << number * size
        return mask


def project_targets(project: Project, names: Sequence[str] = ()) -> tuple[Target, ...]:
    """Return the Pythons and platforms that a project is locked for; see ``plan_targets``."""
    return plan_targets(project, names).base


def asked_targets(project: Project, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of targets that options or the manifest name, as written; () for the default ones.

    Raises:
        InvalidManifest: ``[tool.blast] targets`` is no array of texts.
    """
    said = project.manifest.tool.get("targets", [])
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        raise InvalidManifest(
            f"{project.manifest.path}: tool.blast.targets must be an array of texts",
            hint='write it as targets = ["linux-x86_64", "macos-arm64-py312"]',
        )
    return tuple(names) or tuple(said)


def plan_targets(project: Project, names: Sequence[str] = ()) -> TargetPlan:
    """Return what to lock the project for.

    Args:
        project: whose ``requires-python``, ``targets``, ``conflicts`` and requirements count.
        names: of targets, as options give them; they replace the manifest's.

    Raises:
        InvalidManifest: the manifest names a target that there is not, or too many.
        UsageError: an option does.
    """
    variants = project_variants(project)
    pythons = _Pythons(project)
    most = MOST_TARGETS // len(variants)
    asked = asked_targets(project, names)
    if asked:
        base = _named(asked, pythons, _refuser(project, asked, by_option=bool(names)))
        if len(base) > most:
            raise _too_many(project, len(base), len(variants))
        return TargetPlan(base, variants, named=True)
    minors = pythons.minors()
    notes: tuple[str, ...] = ()
    fitting = minors[-max(most // len(DEFAULT_PLATFORMS), 1) :]
    if len(fitting) < len(minors):
        left_out = ", ".join(f"3.{minor}" for minor in minors[: -len(fitting)])
        ways = f"{len(variants)} ways to choose among conflicting extras and groups"
        notes = (f"the lock leaves out Python {left_out}: with {ways} it holds {most} targets; 'targets' says which",)
    platforms = DEFAULT_PLATFORMS[:most]
    base = tuple(pythons.target(platform.name, minor) for platform in platforms for minor in fitting)
    from blast_project.odd_targets import odd_targets

    roots = [row.requirement for row in project.requirements()]
    return TargetPlan((*base, *odd_targets(roots, base, most)), variants, named=False, notes=notes)


class _Pythons:
    """The minors of Python that a project runs on, with their patch releases."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.requires = project.manifest.requires_python
        self._known: dict[int, tuple[int, int] | None] = {}

    def minors(self) -> tuple[int, ...]:
        """Return the minors to lock for where none is named.

        Raises:
            InvalidManifest: no Python satisfies ``requires-python``.
        """
        if not self.requires:
            return SUPPORTED_MINORS
        found = tuple(minor for minor in RELEASED_MINORS if self.patches(minor))
        found = found or tuple(minor for minor in _UNKNOWN_MINORS if self.patches(minor))[:1]
        if not found:
            raise InvalidManifest(
                f"{self._project.manifest.path}: no Python satisfies requires-python '{self.requires}'",
                reason=f"Python 3.{RELEASED_MINORS[0]} to 3.{RELEASED_MINORS[-1]} are known",
                hint="write it as requires-python = '>=3.11'",
            )
        return found

    def patches(self, minor: int) -> tuple[int, int] | None:
        """Return the oldest and the newest patch release of a minor that the project runs on, None for none."""
        if minor not in self._known:
            self._known[minor] = self._find(minor)
        return self._known[minor]

    def target(self, platform: str, minor: int, implementation: str = "cpython") -> Target:
        patches = self.patches(minor) or (0, NEWEST_PATCH)
        return make_target(KNOWN_PLATFORMS[platform], minor, implementation=implementation, patches=patches)

    def _find(self, minor: int) -> tuple[int, int] | None:
        if self._holds(minor, (0, NEWEST_PATCH)) == 0b11:
            return 0, NEWEST_PATCH
        # Ends within a minor are written with a patch release, mostly; nothing else has to be tried.
        mask = self._holds(minor, range(NEWEST_PATCH + 1)) if f"3.{minor}" in self.requires else 0
        if not mask:
            mask = self._holds(minor, (0, NEWEST_PATCH))
            return None if not mask else (0, 0) if mask == 1 else (NEWEST_PATCH, NEWEST_PATCH)
        return (mask & -mask).bit_length() - 1, mask.bit_length() - 1

    def _holds(self, minor: int, patches: Iterable[int]) -> int:
        from blast_core.version import make_version_table, specifier_mask

        return specifier_mask(self.requires, make_version_table([f"3.{minor}.{patch}" for patch in patches]))


class _Refuser(NamedTuple):
    """Makes the errors about names of targets."""

    place: str
    asked: tuple[str, ...]
    by_option: bool

    def error(self, message: str, reason: str, hint: str) -> BlastError:
        kind = UsageError if self.by_option else InvalidManifest
        return kind(f"{self.place}{message}", reason=reason, hint=hint)


def _refuser(project: Project, asked: tuple[str, ...], *, by_option: bool) -> _Refuser:
    place = "--target: " if by_option else f"{project.manifest.path}: tool.blast.targets: "
    return _Refuser(place, asked, by_option)


def _named(names: Sequence[str], pythons: _Pythons, refuser: _Refuser) -> tuple[Target, ...]:
    found: dict[str, Target] = {}
    for name in names:
        for target in _targets_of(name.strip().lower(), pythons, refuser):
            found.setdefault(target.name, target)
    return tuple(found.values())


def _targets_of(name: str, pythons: _Pythons, refuser: _Refuser) -> list[Target]:
    head, _, word = name.rpartition("-")
    if head and word in {"pypy", "pp"}:
        return _pypy_targets(name, head, pythons, refuser)
    if head and word.endswith("t") and _parse_python(word[:-1]):
        raise refuser.error(
            f"'{name}' is no target of its own",
            "no marker tells a build of CPython without a global lock from one with it: both get the same versions",
            f"'{name[:-1]}' stands for both; its lock holds the wheels of both",
        )
    said = _parse_python(word) if head else None
    platform = platform_named(head if said else name)
    if platform is None:
        raise refuser.error(f"'{name}' is no target", *_nearest(head if said else name, said))
    if said is None:
        return [pythons.target(platform.name, minor) for minor in pythons.minors()]
    implementation, minor = said
    if pythons.patches(minor) is None:
        raise refuser.error(
            f"'{name}' is none of the project's",
            f"requires-python is '{pythons.requires}'",
            "name another Python, or widen requires-python",
        )
    return [pythons.target(platform.name, minor, implementation)]


def _pypy_targets(name: str, head: str, pythons: _Pythons, refuser: _Refuser) -> list[Target]:
    platform = platform_named(head)
    if platform is None:
        raise refuser.error(f"'{name}' is no target", *_nearest(head, None))
    minors = [minor for minor in pythons.minors() if minor in _PYPY_MINORS]
    if not minors:
        raise refuser.error(
            f"'{name}' is none of the project's",
            f"there is PyPy for Python 3.{_PYPY_MINORS[0]} to 3.{_PYPY_MINORS[-1]}, "
            f"and requires-python is '{pythons.requires}'",
            "widen requires-python, or leave PyPy out",
        )
    return [pythons.target(platform.name, minor, "pypy") for minor in minors]


def _parse_python(word: str) -> tuple[str, int] | None:
    """Return implementation and minor of such as ``py312``, ``cp312`` or ``pypy310``."""
    letters = word.rstrip("0123456789.")
    digits = word[len(letters) :].replace(".", "")
    if letters not in _IMPLEMENTATIONS or digits[:1] != "3" or not digits[1:]:
        return None
    return _IMPLEMENTATIONS[letters], int(digits[1:])


def _nearest(platform: str, said: tuple[str, int] | None) -> tuple[str, str]:
    from difflib import get_close_matches

    near = get_close_matches(platform, KNOWN_PLATFORMS, 1, 0.5)
    ending = f"-{'pypy' if said[0] == 'pypy' else 'py'}3{said[1]}" if said else ""
    hint = f"did you mean '{near[0]}{ending}'?" if near else "write it as 'linux-x86_64' or 'linux-x86_64-py312'"
    return f"the platforms are {', '.join(KNOWN_PLATFORMS)}", hint


def _too_many(project: Project, count: int, variants: int) -> BlastError:
    ways = f", each in {variants} ways to choose among conflicting extras and groups" if variants > 1 else ""
    return InvalidManifest(
        f"{project.manifest.path}: {count} targets{ways} are too many for one lock",
        reason=f"a lock holds {MOST_TARGETS}",
        hint="name fewer of them in [tool.blast] targets, such as 'linux-x86_64-py312', or raise requires-python",
    )


def roots_of(project: Project, plan: TargetPlan) -> list[tuple[Requirement, int]]:
    """Return what the project asks for, each with the targets on which its group may be installed."""
    return [(row.requirement, plan.mask_of(row.group)) for row in project.requirements()]
