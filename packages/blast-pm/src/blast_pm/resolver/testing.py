"""A metadata source in memory and plain targets, for tests of the resolver and of whoever calls it.

>>> universe = {"a": {"1.0": ["b>=2; sys_platform == 'linux'"]}, "b": {"2.0": []}}
>>> MemorySource(universe).project("b").table.texts
('2.0',)
"""

from __future__ import annotations

from blast_core.errors import ProjectNotFound
from blast_core.interpreter import Target
from blast_core.names import normalize_name
from blast_core.requirements import Requirement, parse_requirement
from blast_core.tuples import NamedTuple
from blast_core.version import SpecifierSet, make_version_table, prerelease_mask
from blast_pm.index.model import IndexFile
from blast_pm.metadata.records import ProjectRecord
from blast_pm.resolver.model import ResolutionPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_pm.resolver.model import DirectCandidate

__all__ = ["MemorySource", "Release", "make_policy", "make_target", "requirements"]


class Release(NamedTuple):
    """One version of a project in memory.

    Attributes:
        requires: as in Requires-Dist, markers about extras included.
        requires_python: as on the index and in the metadata.
        yanked: whether all its files are.
        tags: of its wheels, such as ``py3-none-any``; none means there is only an sdist.
        sdist: whether there is one; counts as installable.
        extras: provided ones; those that ``requires`` mentions are found by themselves.
        late_python: keep Requires-Python off the index, so that only the metadata tells.
    """

    requires: Sequence[str] = ()
    requires_python: str = ""
    yanked: bool = False
    tags: Sequence[str] = ("py3-none-any",)
    sdist: bool = False
    extras: Sequence[str] = ()
    late_python: bool = False


class MemorySource:
    """A ``MetadataSource`` over a dictionary.

    Args:
        universe: releases, or just their requirements, by project and version.
        target: decides which releases are usable; a sequence of targets, for a universal resolution.
        direct: what addresses hold.

    Attributes:
        visited: candidates whose dependencies were read, as ``name==version``, in order, each once.
        prefetched: names and candidates that were announced, in order.
    """

    def __init__(
        self,
        universe: Mapping[str, Mapping[str, Release | Sequence[str]]],
        target: Target | Sequence[Target] | None = None,
        direct: Mapping[str, DirectCandidate] | None = None,
    ) -> None:
        self._targets = (target,) if isinstance(target, Target) else tuple(target or (make_target(),))
        self._direct = direct or {}
        self.visited: list[str] = []
        self.prefetched: list[str] = []
        self._releases = {
            normalize_name(name): {
                version: release if isinstance(release, Release) else Release(release)
                for version, release in releases.items()
            }
            for name, releases in universe.items()
        }
        self._records: dict[str, ProjectRecord] = {}
        self._parsed: dict[tuple[str, str], tuple[Requirement, ...]] = {}

    def prefetch(self, names: Iterable[str]) -> None:
        """Note the announcement."""
        self.prefetched += names

    def prefetch_dependencies(self, name: str, version: str) -> None:
        """Note the announcement."""
        self.prefetched.append(f"{name}=={version}")

    def project(self, name: str) -> ProjectRecord:
        """Return the project's record.

        Raises:
            ProjectNotFound: it is not in the universe.
        """
        if name not in self._releases:
            raise ProjectNotFound(f"{name} was not found on the index")
        if name not in self._records:
            self._records[name] = self._make_record(name)
        return self._records[name]

    def dependencies(self, name: str, version: str) -> tuple[Requirement, ...]:
        """Return the release's requirements and note the visit."""
        visit = f"{name}=={version}"
        parsed = self._parsed.get((name, version))
        if parsed is None:
            self.visited.append(visit)
            parsed = tuple(parse_requirement(line) for line in self._releases[name][version].requires)
            self._parsed[name, version] = parsed
        return parsed

    def requires_python(self, name: str, version: str) -> str:
        """Return the release's Requires-Python."""
        return self._releases[name][version].requires_python

    def provides_extras(self, name: str, version: str) -> tuple[str, ...]:
        """Return the release's extras."""
        release = self._releases[name][version]
        mentioned = [
            part.split("'")[1] for line in release.requires for part in line.replace('"', "'").split("extra == ")[1:]
        ]
        return tuple(sorted({normalize_name(extra) for extra in (*release.extras, *mentioned)}))

    def direct(self, requirement: Requirement) -> DirectCandidate:
        """Return what the address holds.

        Raises:
            ProjectNotFound: nothing.
        """
        if requirement.url not in self._direct:
            raise ProjectNotFound(f"there is nothing at {requirement.url}")
        return self._direct[requirement.url]

    def _make_record(self, name: str) -> ProjectRecord:
        releases = self._releases[name]
        table = make_version_table(releases)
        files = tuple(_files(name, version, releases[version]) for version in table.texts)
        yanked = 0
        for index, version in enumerate(table.texts):
            yanked |= releases[version].yanked << index
        classes: dict[int, int] = {}
        union = 0
        for bit, target in enumerate(self._targets):
            usable = 0
            for index, version in enumerate(table.texts):
                usable |= _is_usable(releases[version], target) << index
            classes[usable] = classes.get(usable, 0) | 1 << bit
            union |= usable
        usable_by = tuple((mask, usable) for usable, mask in classes.items())
        return ProjectRecord(name, table, union, yanked, prerelease_mask(table), files, usable_by)


def _is_usable(release: Release, target: Target) -> bool:
    python = "" if release.late_python else release.requires_python
    if python and not SpecifierSet(python).contains(target.python_version, prereleases=True):
        return False
    return release.sdist or any(tag in target.tags for tag in release.tags)


def make_policy(
    *,
    constraints: Iterable[Requirement] = (),
    overrides: Iterable[Requirement] = (),
    prereleases: str = "if-necessary-or-explicit",
    resolution: str = "highest",
) -> ResolutionPolicy:
    """Return a policy of what a test says."""
    return ResolutionPolicy(tuple(constraints), tuple(overrides), prereleases, resolution=resolution)


def requirements(*lines: str) -> list[Requirement]:
    """Parse requirements."""
    return [parse_requirement(line) for line in lines]


def make_target(python: str = "3.12.1", platform: str = "linux") -> Target:
    """Return a target on x86-64 with a handful of wheel tags.

    Args:
        python: full version, or a minor as ``3.12``.
        platform: ``linux``, ``macos`` or ``windows``.
    """
    full = python if python.count(".") > 1 else f"{python}.0"
    minor = ".".join(full.split(".")[:2])
    system, os_name, sys_platform, wheels = {
        "linux": ("Linux", "posix", "linux", ("manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64")),
        "macos": ("Darwin", "posix", "darwin", ("macosx_11_0_x86_64",)),
        "windows": ("Windows", "nt", "win32", ("win_amd64",)),
    }[platform]
    environment = {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": os_name,
        "platform_machine": "AMD64" if platform == "windows" else "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "1",
        "platform_system": system,
        "platform_version": "1",
        "python_full_version": full,
        "python_version": minor,
        "sys_platform": sys_platform,
    }
    short = "cp" + minor.replace(".", "")
    tags = (
        *(f"{short}-{abi}-{wheel}" for abi in (short, "abi3") for wheel in wheels),
        f"{short}-none-any",
        *(f"py3-none-{wheel}" for wheel in wheels),
        "py3-none-any",
        "py2.py3-none-any",
    )
    return Target(f"{platform}-x86_64-py{minor.replace('.', '')}", full, environment, tags)


def _files(name: str, version: str, release: Release) -> tuple[IndexFile, ...]:
    stem = f"{name.replace('-', '_')}-{version}"
    filenames = [f"{stem}-{tag}.whl" for tag in release.tags] + ([f"{stem}.tar.gz"] if release.sdist else [])
    python = "" if release.late_python else release.requires_python
    return tuple(
        IndexFile(
            filename,
            f"https://index.invalid/{filename}",
            "0" * 64,
            0,
            python,
            "" if release.yanked else None,
            "",
            None,
            "test",
        )
        for filename in filenames
    )
