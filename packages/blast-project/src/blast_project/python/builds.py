"""Builds of interpreters that can be installed: what their names say, and which of them answers to a request.

    cpython-3.12.1+20240107-x86_64-unknown-linux-gnu-install_only.tar.gz
    cpython-3.13.0+20241016-aarch64-apple-darwin-freethreaded+pgo+lto-full.tar.zst
    pypy3.10-v7.3.19-linux64.tar.bz2

The first two are names of python-build-standalone. What PyPy's names leave out, its patch level, the catalogue knows.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_core.version.keys import version_key
from blast_core.version.specifiers import SpecifierSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_project.python.platform_of import Platform
    from blast_project.python.request import InterpreterRequest

__all__ = ["Build", "best_build", "build_key", "matches", "newest_first", "parse_file_name"]

_SYSTEMS = {"unknown-linux": "linux", "apple-darwin": "macos", "pc-windows": "windows"}
_MACHINES = {"i686": "x86", "armv7": "armv7", "ppc64le": "powerpc64le"}
_ARCHIVES = (".tar.gz", ".tar.zst", ".tar.bz2", ".tar.xz", ".zip")
_LONG_VARIANTS = {"t": "+freethreaded", "d": "+debug", "td": "+freethreaded+debug"}


class Build(NamedTuple):
    """One archive with an interpreter.

    Attributes:
        implementation: ``cpython`` or ``pypy``.
        version: of the language, with its patch level.
        variant: as in `InterpreterRequest`.
        system: ``linux``, ``macos`` or ``windows``.
        machine: such as ``x86_64``.
        library: ``gnu``, ``musl`` or ``none``.
        filename: of the archive.
        url: where it is; a path for one in a directory.
        sha256: hexadecimal.
        release: of the build, such as ``20240107``; a newer one of the same version has newer libraries. Empty where
            there is none.
    """

    implementation: str
    version: str
    variant: str
    system: str
    machine: str
    library: str
    filename: str
    url: str
    sha256: str
    release: str = ""

    @property
    def platform(self) -> Platform:
        """What it runs on."""
        return self.system, self.machine, self.library

    @property
    def key(self) -> str:
        """Its name, and that of the directory where it is installed: ``cpython-3.12.1-linux-x86_64-gnu``."""
        return build_key(self.implementation, self.version, self.variant, self.platform)


def build_key(implementation: str, version: str, variant: str, platform: Platform) -> str:
    """Return the name of a build, as uv writes it."""
    return f"{implementation}-{version}{_LONG_VARIANTS.get(variant, '')}-{'-'.join(platform)}"


def parse_file_name(filename: str, url: str, sha256: str) -> Build | None:
    """Return the build that a name of python-build-standalone stands for; None for another file."""
    stem = next((filename.removesuffix(end) for end in _ARCHIVES if filename.endswith(end)), "")
    parts = stem.split("-")
    if len(parts) < 5 or parts[0] != "cpython" or parts[2].endswith(("_v2", "_v3", "_v4")):
        # Builds for newer processors run on some machines only; the plain one is always beside them.
        return None
    version, _, release = parts[1].partition("+")
    system = _SYSTEMS.get("-".join(parts[3:5]))
    rest = parts[5:]
    if system is None or not version.replace(".", "").isalnum() or not version[:1].isdigit():
        return None
    library = rest.pop(0) if rest and rest[0] in {"gnu", "musl", "gnueabi", "gnueabihf", "msvc"} else "none"
    flavors = {word for part in rest for word in part.split("+")}
    if rest and not flavors & {"install_only", "install_only_stripped", "full"}:
        return None
    variant = ("t" if "freethreaded" in flavors else "") + ("d" if "debug" in flavors else "")
    machine = _MACHINES.get(parts[2], parts[2])
    library = library if system == "linux" else "none"
    return Build("cpython", version, variant, system, machine, library, filename, url, sha256, release)


def matches(build: Build, wanted: InterpreterRequest, requires: Sequence[str], platform: Platform) -> bool:
    """Tell whether a build answers to a request, satisfies all specifiers and runs on a platform.

    What the request says of the platform goes before ``platform``.
    """
    asked = tuple(own or here for own, here in zip(wanted[4:7], platform, strict=True))
    if build.platform != asked or build.variant != wanted.variant or wanted.name:
        return False
    if build.implementation != (wanted.implementation or "cpython"):
        return False
    return all(
        SpecifierSet(specifier).contains(build.version, prereleases=True)
        for specifier in (wanted.specifier, *requires)
        if specifier
    )


def newest_first(builds: Iterable[Build]) -> list[Build]:
    """Return builds by version, the newest first; of one version the smallest archive of the newest release first."""
    return sorted(builds, key=_order, reverse=True)


def best_build(builds: Iterable[Build]) -> Build | None:
    """Return the newest of these builds, a pre-release only where there is nothing else; None of none."""
    return max(builds, key=lambda build: (build.version.replace(".", "").isdecimal(), *_order(build)), default=None)


def _order(build: Build) -> tuple[bytes, str, int]:
    name = build.filename
    smallness = 2 if "install_only_stripped" in name else 1 if "install_only" in name else 0
    return version_key(build.version), build.release, smallness
