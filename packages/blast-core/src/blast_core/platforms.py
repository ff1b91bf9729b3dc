"""Platforms and Pythons that nobody has to run on to lock for them: their marker values and the wheels they take.

The tables below are a part of the tool, not of the machine: the same project locks to the same targets everywhere.
"""

from __future__ import annotations

from blast_core.interpreter import Target
from blast_core.platform_names import platform_of
from blast_core.platform_tags import linux_tags, macos_tags, python_tags, windows_tags
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_core.platform_tags import TagTable

__all__ = [
    "DEFAULT_PLATFORMS",
    "KNOWN_PLATFORMS",
    "NEWEST_PATCH",
    "RELEASED_MINORS",
    "SUPPORTED_MINORS",
    "Platform",
    "make_target",
    "platform_named",
]

#: Minors of Python 3 that were released and that wheels are still built for.
RELEASED_MINORS = (8, 9, 10, 11, 12, 13, 14)
#: Those of them that get fixes: what a project is locked for that doesn't say which Pythons it runs on.
SUPPORTED_MINORS = (10, 11, 12, 13, 14)
#: Stands for the newest patch release of a minor, whichever that is by now.
NEWEST_PATCH = 99


class Platform(NamedTuple):
    """A kind of machine.

    Attributes:
        name: such as ``linux-x86_64``.
        sys_platform: as the marker variable.
        platform_system: as the marker variable.
        os_name: as the marker variable.
        platform_machine: as the marker variable.
    """

    name: str
    sys_platform: str
    platform_system: str
    os_name: str
    platform_machine: str

    @property
    def tags(self) -> tuple[str, ...]:
        """Platform tags of its wheels, best first; () where nobody builds any."""
        makers = {"linux": linux_tags, "darwin": macos_tags, "win32": windows_tags}
        maker = makers.get(self.sys_platform)
        return maker(self.platform_machine) if maker is not None else ()


def _linux(machine: str) -> Platform:
    return Platform(f"linux-{machine}", "linux", "Linux", "posix", machine)


def _macos(machine: str) -> Platform:
    return Platform(f"macos-{machine}", "darwin", "Darwin", "posix", machine)


def _windows(name: str, machine: str) -> Platform:
    return Platform(f"windows-{name}", "win32", "Windows", "nt", machine)


#: What a project is locked for that doesn't name its targets.
DEFAULT_PLATFORMS = (
    _linux("x86_64"),
    _linux("aarch64"),
    _macos("x86_64"),
    _macos("arm64"),
    _windows("x86_64", "AMD64"),
    _windows("arm64", "ARM64"),
)
_OTHERS = (
    _linux("i686"),
    _linux("armv7l"),
    _linux("ppc64le"),
    _linux("s390x"),
    _linux("riscv64"),
    _linux("loongarch64"),
    _windows("x86", "x86"),
)
#: All of them by name, the default ones first.
KNOWN_PLATFORMS: Mapping[str, Platform] = {one.name: one for one in (*DEFAULT_PLATFORMS, *_OTHERS)}

_IMPLEMENTATIONS = {
    "cpython": "CPython",
    "pypy": "PyPy",
    "graalpy": "GraalVM",
    "ironpython": "IronPython",
    "jython": "Jython",
}
_PYPY_VERSION = "7.3"
# A table of tags has a row for each minor up to its own.
_NEWEST_MINOR = 999

_tables: dict[tuple[str, int, Platform], TagTable] = {}


def platform_named(name: str) -> Platform | None:
    """Return the platform that a person calls ``name``, None where it is none.

    Other tools' words are understood: ``linux-arm64`` is ``linux-aarch64``, ``darwin-arm64`` is ``macos-arm64``, and
    ``musllinux-x86_64`` is ``linux-x86_64``, which stands for both.
    """
    return KNOWN_PLATFORMS.get(platform_of(*name.lower().partition("-")[::2]))


def make_target(
    platform: Platform, minor: int, *, implementation: str = "cpython", patches: tuple[int, int] = (0, NEWEST_PATCH)
) -> Target:
    """Return Python 3.``minor`` on a platform, for all of its patch releases.

    Args:
        platform: one of the tables above, or another.
        minor: of the Python.
        implementation: ``implementation_name`` as the marker variable.
        patches: the oldest and the newest patch release that it stands for.

    Returns:
        The newest patch release, with the oldest in ``also`` where that is another.

    Raises:
        UsageError: there is no such Python; its table of tags would have no end.
    """
    if not 0 <= minor <= _NEWEST_MINOR:
        from blast_core.errors import UsageError

        raise UsageError(f"there is no Python 3.{minor}"[:80])
    oldest, newest = (f"3.{minor}.{patch}" for patch in patches)
    key = implementation, minor, platform
    tags = _tables.get(key)
    if tags is None:
        tags = _tables[key] = python_tags(implementation, minor, platform.tags)
    word = "py" if implementation == "cpython" else implementation
    return Target(
        name=f"{platform.name}-{word}3{minor}",
        python_version=newest,
        marker_environment=_environment(platform, minor, newest, implementation),
        tags=tags,
        also=() if oldest == newest else (_environment(platform, minor, oldest, implementation),),
    )


def _environment(platform: Platform, minor: int, full: str, implementation: str) -> dict[str, str]:
    return {
        "implementation_name": implementation,
        "implementation_version": full if implementation == "cpython" else f"{_PYPY_VERSION}.{full.rpartition('.')[2]}",
        "os_name": platform.os_name,
        "platform_machine": platform.platform_machine,
        "platform_python_implementation": _IMPLEMENTATIONS.get(implementation, implementation),
        "platform_release": "",
        "platform_system": platform.platform_system,
        "platform_version": "",
        "python_full_version": full,
        "python_version": f"3.{minor}",
        "sys_platform": platform.sys_platform,
    }
