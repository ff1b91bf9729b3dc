"""Which versions and files the user allows: options, variables and ``[tool.blast]`` made into one value.

An option or its variable goes before the manifest's setting; lists of requirements and of projects add up, a project's
own entry in a table replaces the manifest's.

What changes a lock is part of its inputs: `Policy.key` is the text that `blast_project.inputs` hashes. A cut-off that
moves (``exclude-newer = "7 days"``) stands in it as written, not as the instant that it comes to today: the lock stays
current while time passes, and whatever resolves next, for another reason, sees today's instant. The old instant is kept
nowhere, because nothing needs it: it only ever moves on, so what was old enough stays so, and files are pinned by hash.
Kinds of files that an option forbids are no part of it either: ``sync --no-build`` in a job means that nothing is built
there, not that the project wants another lock; a new lock honours them, and what is installed does.

What remembers *results* instead (hints, rows) has to key them by `Policy.files`, which holds the instants.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_project.settings import PolicyOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from blast_core.moments import Moment
    from blast_core.requirements import Requirement
    from blast_pm.metadata.policy import FilePolicy, ProjectSet
    from blast_pm.resolver.model import ResolutionPolicy

__all__ = ["Policy", "limits_kinds", "policy_key", "read_policy", "resolution_of", "stamp_resolution"]

_ALL, _NONE = ":all:", ":none:"
# Their order is part of the format of locks.
_RESOLUTIONS = ("highest", "lowest", "lowest-direct")
_NO_OPTIONS = PolicyOptions()
_DEFAULT_MODE = "if-necessary-or-explicit"
_KIND_OPTIONS = ("no_build", "no_build_package", "no_binary", "no_binary_package", "only_binary")
_KIND_SETTINGS = tuple(name.replace("_", "-") for name in _KIND_OPTIONS)
_SETTINGS = (
    "build-constraint-dependencies",
    "constraint-dependencies",
    "exclude-newer",
    "exclude-newer-package",
    "no-binary",
    "no-binary-package",
    "no-build",
    "no-build-package",
    "only-binary",
    "override-dependencies",
    "prerelease",
    "prerelease-package",
    "resolution",
    "resolver",
)


class Policy(NamedTuple):
    """What every resolution of a command obeys.

    Attributes:
        resolution: which versions.
        files: which files.
        resolver: ``pubgrub`` or ``resolvelib``.
        build_constraints: limits on what builds are done with.
        key: equal for equal wishes, whatever the time; see the module's text.
    """

    resolution: ResolutionPolicy
    files: FilePolicy
    resolver: str
    build_constraints: tuple[Requirement, ...]
    key: str

    def for_builds(self) -> Policy:
        """Return what counts for that with which a build is done: newest versions, limited by what is said for builds.

        Cut-offs hold for builds, too; but what a build is done with comes as wheels, whatever is said of wheels.
        """
        from blast_pm.metadata.policy import NOTHING
        from blast_pm.resolver.model import ResolutionPolicy

        resolution = ResolutionPolicy(constraints=self.build_constraints)
        return self._replace(resolution=resolution, files=self.files._replace(no_binary=NOTHING))


def policy_key(options: PolicyOptions, tool: Mapping[str, Any]) -> str:
    """Return the text that stands for all that options and settings say about versions and files; "" for nothing.

    Raises:
        UsageError: an option has a value that it can't have.

    Cost: nothing is imported where nothing is said.
    """
    if not any(options) and not any(name in tool for name in _SETTINGS):
        return ""
    return read_policy(options, tool, 0).key


def limits_kinds(options: PolicyOptions, tool: Mapping[str, Any]) -> bool:
    """Tell whether wheels or source distributions of some project may not count."""
    return any(getattr(options, name) for name in _KIND_OPTIONS) or any(tool.get(name) for name in _KIND_SETTINGS)


def stamp_resolution(inputs: bytes, options: PolicyOptions, tool: Mapping[str, Any]) -> bytes:
    """Return an input hash of which the last two bits say which versions were wanted: the newest or the oldest.

    A lock's versions are preferred by whoever locks next; but those that were chosen for being old are none to keep
    where the newest are wanted, and the other way round. So a lock has to tell.
    """
    wanted = _RESOLUTIONS.index(options.resolution or str(tool.get("resolution", "highest")))
    return inputs[:-1] + bytes([inputs[-1] & 0xFC | wanted])


def resolution_of(inputs: bytes) -> str:
    """Return which versions were wanted when a lock with this input hash was made."""
    return _RESOLUTIONS[inputs[-1] % 4 % len(_RESOLUTIONS)]


def read_policy(options: PolicyOptions, tool: Mapping[str, Any], now_s: float) -> Policy:
    """Return what options and settings come to.

    Args:
        options: of the command.
        tool: the table ``[tool.blast]`` of a checked manifest; empty without a project.
        now_s: seconds since 1970, from which moments that move are counted; read once per command.

    Raises:
        UsageError: an option has a value that it can't have.
    """
    from blast_pm.metadata.policy import NOTHING, FilePolicy
    from blast_pm.resolver.model import ResolutionPolicy
    from blast_project.indexes import named_indexes

    prereleases = {
        **_modes(tool.get("prerelease-package", {}).items()),
        **_modes(_pairs(options.prerelease_package, "--prerelease-package")),
    }
    moment = _moment("--exclude-newer", options.exclude_newer or tool.get("exclude-newer", False))
    moments = _moments(options, tool)
    no_build, no_binary = _kinds(options, tool)
    locked_kinds = _kinds(_NO_OPTIONS, tool)
    limits = _requirements(tool.get("constraint-dependencies", ()), options.constraints)
    resolution = ResolutionPolicy(
        constraints=(*limits, *_requirements((), options.moves)),
        overrides=_requirements(tool.get("override-dependencies", ()), options.overrides),
        prereleases=options.prerelease or str(tool.get("prerelease", _DEFAULT_MODE)),
        package_prereleases=prereleases,
        resolution=options.resolution or str(tool.get("resolution", "highest")),
    )
    files = FilePolicy(
        cutoff=moment.resolve(now_s) if moment else "",
        package_cutoffs={name: one.resolve(now_s) if one else "" for name, one in moments.items()},
        no_build=no_build,
        no_binary=no_binary,
    )
    resolver = options.resolver or str(tool.get("resolver", "pubgrub"))
    build = _requirements(tool.get("build-constraint-dependencies", ()), options.build_constraints)
    # Only what differs from the default counts: to write a default down changes no lock.
    wishes = (
        ("constraints", [tuple(row) for row in sorted(limits)]),
        ("overrides", [tuple(row) for row in sorted(resolution.overrides)]),
        ("prerelease", resolution.prereleases if resolution.prereleases != _DEFAULT_MODE else ""),
        ("prerelease-package", sorted(prereleases.items())),
        ("resolution", resolution.resolution if resolution.resolution != "highest" else ""),
        ("exclude-newer", moment.text if moment else ""),
        ("exclude-newer-package", sorted((name, one.text if one else "") for name, one in moments.items())),
        *(
            (name, (kind.inverted, sorted(kind.names)) if kind != NOTHING else ())
            for name, kind in zip(("no-build", "no-binary"), locked_kinds, strict=True)
        ),
        ("resolver", resolver if resolver != "pubgrub" else ""),
        ("build-constraints", [tuple(row) for row in sorted(build)]),
        ("indexes", [name for name, _ in named_indexes(options.indexes)]),
        ("find-links", [*options.find_links]),
        ("no-index", options.no_index),
    )
    said = [(name, value) for name, value in wishes if value]
    key = repr(said) if said else ""
    return Policy(resolution, files, resolver, build, key)


# Moments


def _moments(options: PolicyOptions, tool: Mapping[str, Any]) -> dict[str, Moment | None]:
    from blast_core.names import normalize_name

    option = "--exclude-newer-package"
    rows = [*tool.get("exclude-newer-package", {}).items(), *_pairs(options.exclude_newer_package, option)]
    return {normalize_name(name): _moment(f"{option} {name}", value) for name, value in rows}


def _moment(option: str, value: object) -> Moment | None:
    """Return a moment, None for ``false``; the manifest's are known to be right, so a mistake is the option's."""
    from blast_core.errors import UsageError
    from blast_core.moments import parse_moment

    if value is False or value == "false":
        return None
    try:
        return parse_moment(str(value))
    except UsageError as error:
        raise UsageError(f"{option}: {error.message}", reason=error.reason, hint=error.hint) from error


# Single projects


def _pairs(values: Iterable[str], option: str) -> list[tuple[str, str]]:
    """Split values such as ``numpy=2025-03-01``."""
    from blast_core.errors import UsageError
    from blast_core.names import is_valid_name

    pairs = []
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not is_valid_name(name):
            raise UsageError(
                f"{option} {value}: there is no project before a '='",
                reason="it sets one project's value",
                hint=f"write it as '{option} NAME=VALUE'",
            )
        pairs.append((name, rest))
    return pairs


def _modes(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    from blast_core.errors import UsageError
    from blast_core.names import normalize_name
    from blast_pm.resolver.model import PRERELEASE_MODES

    modes = {normalize_name(name): mode for name, mode in rows}
    for name, mode in modes.items():
        if mode not in PRERELEASE_MODES:
            reason = f"it may be {', '.join(PRERELEASE_MODES)}"
            raise UsageError(f"--prerelease-package {name}: '{mode}' is no mode", reason=reason)
    return modes


def _requirements(settings: Iterable[str], options: Iterable[str]) -> tuple[Requirement, ...]:
    lines = (*settings, *options)
    if not lines:
        return ()
    from blast_core.requirements import parse_requirement

    return tuple(parse_requirement(line) for line in lines)


# Kinds of files


def _kinds(options: PolicyOptions, tool: Mapping[str, Any]) -> tuple[ProjectSet, ProjectSet]:
    """Return whose source distributions and whose wheels don't count.

    ``no-build`` and ``no-binary`` mean what they say, for all or for some. ``only-binary`` is pip's word for no-build,
    and with it pip's rule: a project's name goes before ``:all:`` of the other list.
    """
    from blast_pm.metadata.policy import EVERYTHING

    only = tool.get("only-binary", ())
    only_names, only_all = _names((*([_ALL] * only if isinstance(only, bool) else only), *options.only_binary))
    built_names, built_all = _names((*tool.get("no-build-package", ()), *options.no_build_package))
    wheel_names, wheel_all = _names((*tool.get("no-binary-package", ()), *options.no_binary_package))
    if options.no_build or tool.get("no-build") or built_all:
        no_build = EVERYTHING
    else:
        no_build = _projects(only_names | built_names, wheel_names, everything=only_all)
    no_binary = _projects(
        wheel_names, only_names, everything=wheel_all or options.no_binary or bool(tool.get("no-binary"))
    )
    return no_build, no_binary


def _projects(names: frozenset[str], others: frozenset[str], *, everything: bool) -> ProjectSet:
    from blast_pm.metadata.policy import ProjectSet

    return ProjectSet(others - names, inverted=True) if everything else ProjectSet(names)


def _names(values: Iterable[str]) -> tuple[frozenset[str], bool]:
    """Return the names of a list, normalised, and whether it says ``:all:``; ``:none:`` empties what stands before."""
    from blast_core.errors import UsageError
    from blast_core.names import is_valid_name, normalize_name

    names: set[str] = set()
    everything = False
    for value in values:
        for word in value.split(","):
            if word == _NONE:
                names, everything = set(), False
            elif word == _ALL:
                everything = True
            elif is_valid_name(word):
                names.add(normalize_name(word))
            else:
                raise UsageError(f"'{word}' is no legal name of a project", hint=f"a name, or {_ALL}")
    return frozenset(names), everything
