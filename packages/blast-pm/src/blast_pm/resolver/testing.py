"""A metadata source in memory and plain targets, for tests of the resolver and of whoever calls it.

>>> universe = {"a": {"1.0": ["b>=2; sys_platform == 'linux'"]}, "b": {"2.0": []}}
>>> MemorySource(universe).project("b").table.texts
('2.0',)
"""

from __future__ import annotations

from typing import NamedTuple

from blast_core.errors import ProjectNotFound
from blast_core.interpreter import Target
from blast_core.names import normalize_name
from blast_core.requirements import Requirement, parse_requirement
from blast_core.version import SpecifierSet, make_version_table, prerelease_mask
from blast_pm.index.model import IndexFile
from blast_pm.metadata.records import ProjectRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["MemorySource", "Release", "make_target", "requirements"]


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
        target: decides which releases are usable.

    Attributes:
        visited: candidates whose dependencies were read, as ``name==version``, in order, each once.
        prefetched: names and candidates that were announced, in order.
    """

    def __init__(
        self, universe: Mapping[str, Mapping[str, Release | Sequence[str]]], target: Target | None = None
    ) -> None:
        self.target = target or make_target()
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

    def _make_record(self, name: str) -> ProjectRecord:
        releases = self._releases[name]
        table = make_version_table(releases)
        files = tuple(_files(name, version, releases[version]) for version in table.texts)
        usable = yanked = 0
        for index, version in enumerate(table.texts):
            usable |= self._is_usable(releases[version]) << index
            yanked |= releases[version].yanked << index
        return ProjectRecord(name, table, usable, yanked, prerelease_mask(table), files)

    def _is_usable(self, release: Release) -> bool:
        python = "" if release.late_python else release.requires_python
        if python and not SpecifierSet(python).contains(self.target.python_version, prereleases=True):
            return False
        return release.sdist or any(tag in self.target.tags for tag in release.tags)


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
