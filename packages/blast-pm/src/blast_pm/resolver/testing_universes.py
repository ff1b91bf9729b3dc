"""Random small universes, drawn from numbered seeds so that a failure names the one that shows it.

They are meant to be nasty: targets differ by Python, patch release, platform and machine; wheels exist for some of them
only; new releases drop a Python, or exist there as pre-releases; releases pin each other; an old lock's pins are
preferred on some targets; some things come from an address, and some are asked for on some targets only.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from blast_core.requirements import parse_requirement
from blast_pm.resolver.model import DirectCandidate, ResolutionPolicy
from blast_pm.resolver.testing import Release, make_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement

__all__ = ["TARGETS", "DrawnQuestion", "draw_question"]


def _make_targets() -> tuple[Target, ...]:
    """Return targets of four Pythons, of which one stands for two patch releases, on four kinds of machine."""
    targets = []
    for python in ("3.9.0", "3.10.4", "3.12.99", "3.13.0"):
        for platform, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("macos", "arm64"), ("windows", "AMD64")):
            target = make_target(python, platform)
            also: tuple[dict[str, str], ...] = ()
            environment = {**target.marker_environment, "platform_machine": machine}
            if python == "3.12.99":
                also = ({**environment, "python_full_version": "3.12.0", "implementation_version": "3.12.0"},)
            tags = tuple(dict.fromkeys(tag.replace("x86_64", machine) for tag in target.tags))
            name = f"{platform}-{machine.lower()}-py{''.join(python.split('.')[:2])}"
            targets.append(target._replace(name=name, marker_environment=environment, tags=tags, also=also))
    return tuple(targets)


#: Sixteen targets; bit i of every mask below stands for ``TARGETS[i]``.
TARGETS = _make_targets()

_ALL = (1 << len(TARGETS)) - 1
_FINALS = ("0.9", "1", "1.1", "1.5", "2", "2.1", "2.5", "3", "3.1", "4")
_ODD = ("2.0b1", "3.0a1", "4.1rc1", "5.dev1", "1.0+x", "2.post1", "1!0.1")
_LIMITS = (
    ">=1.5",
    "<2",
    "<=2",
    "!=2",
    "~=2.0",
    ">1",
    ">=1,<3",
    "<3",
    ">=2",
    "<4",
    ">=3",
    "!=3.*",
    ">=2.0b1",
    "<=3.0a1",
)
_PLATFORMS = (
    "sys_platform == 'win32'",
    "sys_platform != 'win32'",
    "sys_platform == 'linux'",
    "sys_platform == 'darwin' or platform_machine == 'aarch64'",
    "platform_machine == 'aarch64'",
    "platform_machine not in 'arm64 aarch64' and os_name == 'posix'",
)
_PYTHONS = (
    "python_version >= '3.12'",
    "python_version < '3.10'",
    "python_version == '3.10'",
    "python_full_version >= '3.12.4'",
    "python_full_version < '3.12.4'",
    "python_version not in '3.9, 3.13'",
    "implementation_name == 'cpython' and python_version > '3.9'",
)
_REQUIRES_PYTHON = (">=3.10", ">=3.12", ">=3.13", "<3.13", "<3.10", ">=3.8", ">=3.14", ">=3.12.4", "!=3.10.*")
_WHEELS = {
    "linux": "py3-none-manylinux_2_17_x86_64",
    "arm": "py3-none-manylinux_2_17_aarch64",
    "windows": "py3-none-win_amd64",
    "mac": "py3-none-macosx_11_0_arm64",
    "old": "cp39-cp39-manylinux_2_17_x86_64",
    "new": "cp313-none-any",
    "abi": "cp312-abi3-manylinux_2_17_x86_64",
}
_MODES = ("if-necessary-or-explicit",) * 5 + ("allow", "disallow", "explicit", "if-necessary")


class DrawnQuestion(NamedTuple):
    """What is asked of a resolver.

    Attributes:
        universe: releases by project and version.
        roots: requirements, each with the mask of the `TARGETS` that ask for it.
        policy: what the user wants.
        preferences: versions to try first by name, each with a mask.
        direct: what addresses hold.
    """

    universe: dict[str, dict[str, Release]]
    roots: list[tuple[Requirement, int]]
    policy: ResolutionPolicy
    preferences: dict[str, list[tuple[str, int]]]
    direct: dict[str, DirectCandidate]

    def roots_of(self, bit: int) -> list[Requirement]:
        """Return what one target asks for, each once."""
        return list(dict.fromkeys(row for row, mask in self.roots if mask >> bit & 1))

    def preferences_of(self, bit: int) -> dict[str, str]:
        """Return what one target prefers."""
        rows = ((name, version, mask) for name, each in self.preferences.items() for version, mask in each)
        return {name: version for name, version, mask in rows if mask >> bit & 1}


def draw_question(seed: int) -> DrawnQuestion:
    """Return question number ``seed``; the same for the same seed, on every machine."""
    return _Artist(random.Random(seed)).draw()  # noqa: S311 - reproducible on purpose


class _Artist:
    """Draws one question; its habits (how many markers, limits, odd wheels) are drawn first."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names = [f"p{number}" for number in range(rng.choice((2, 3, 4, 6, 8, 12)))]
        self.versions = rng.choice((1, 2, 3, 4, 6, 9))
        self.needs = rng.choice((1, 2, 2, 3, 4))
        self.markers = rng.choice((0.0, 0.1, 0.3, 0.6))
        self.limits = rng.choice((0.2, 0.3, 0.5, 0.8))
        self.pins = rng.choice((0.0, 0.0, 0.0, 0.1, 0.3))
        self.extras = rng.choice((0.0, 0.1, 0.3))
        self.oddities = rng.choice((0.0, 0.1, 0.3))
        self.wheels = rng.choice((0.0, 0.0, 0.1, 0.3))
        self.pythons = rng.choice((0.0, 0.1, 0.3))
        self.addresses = {f"https://index.invalid/{name}.zip": name for name in self.names if rng.random() < 0.04}

    def draw(self) -> DrawnQuestion:
        rng = self.rng
        universe = {name: self._project(name) for name in self.names}
        roots = [
            (parse_requirement(self._requirement(for_root=True)), self._mask())
            for _ in range(rng.choice((1, 1, 2, 3, 5)))
        ]
        direct = {
            url: DirectCandidate(
                name,
                rng.choice(_FINALS),
                url,
                tuple(parse_requirement(self._requirement()) for _ in range(rng.randint(0, self.needs))),
                provides_extras=("x",),
            )
            for url, name in self.addresses.items()
        }
        preferences = {
            name: [
                (rng.choice(_FINALS + _ODD), mask) for mask in rng.choice(((_ALL,), (0xFF, 0xFF00), (0x1111, 0x2222)))
            ]
            for name in (rng.sample(self.names, rng.randint(1, len(self.names))) if rng.random() < 0.25 else ())
        }
        return DrawnQuestion(universe, roots, self._policy(), preferences, direct)

    def _policy(self) -> ResolutionPolicy:
        rng = self.rng
        bare = [parse_requirement(self._requirement(for_root=True, bare=True)) for _ in range(4)]
        constraints = tuple(bare[: rng.choice((0, 0, 0, 1, 2))])
        overrides = tuple(bare[2 : rng.choice((2, 2, 2, 2, 3, 4))])
        modes = {name: rng.choice(_MODES) for name in self.names if rng.random() < 0.2} if rng.random() < 0.1 else {}
        resolution = rng.choice(("highest",) * 8 + ("lowest", "lowest-direct"))
        return ResolutionPolicy(constraints, overrides, rng.choice(_MODES), modes, resolution)

    def _mask(self) -> int:
        rng = self.rng
        return _ALL if rng.random() < 0.75 else rng.choice((0xFF, 0xFF00, 0x5555, 0x8000, rng.randint(1, _ALL)))

    def _project(self, name: str) -> dict[str, Release]:
        rng = self.rng
        drawn = rng.sample(_FINALS, min(len(_FINALS), rng.randint(1, self.versions)))
        drawn += [odd for odd in _ODD if rng.random() < self.oddities]
        kind = rng.choice(("plain",) * 4 + ("drops Pythons", "drops wheels", "only early"))
        releases = {version: self._release(name, version, kind) for version in drawn}
        if kind == "only early":  # final releases only where an old one is left
            releases = {v: r if v in _ODD else r._replace(tags=[_WHEELS["windows"]]) for v, r in releases.items()}
        return releases

    def _release(self, name: str, version: str, kind: str) -> Release:
        rng = self.rng
        python = rng.choice(_REQUIRES_PYTHON) if rng.random() < self.pythons else ""
        tags: Sequence[str] = ("py3-none-any",)
        if rng.random() < self.wheels:
            tags = rng.sample(list(_WHEELS.values()), rng.randint(1, 3))
        if kind == "drops Pythons" and version in _FINALS:
            python = (">=3.8", ">=3.10", ">=3.12", ">=3.13")[min(3, _FINALS.index(version) // 3)]
        if kind == "drops wheels" and version in _FINALS[5:]:
            tags = (_WHEELS["linux"], _WHEELS["windows"])
        requires = [self._requirement() for _ in range(rng.randint(0, self.needs))]
        if rng.random() < self.extras:  # of itself, as `name[all]` is written
            requires.append(f"{name}[{rng.choice('xy')}]; extra == 'all'")
        if rng.random() < self.pins:
            requires.append(f"{rng.choice(self.names)}=={rng.choice(_FINALS)}")
        if rng.random() < self.pins and version in _FINALS:  # a family that is released together
            requires.append(f"{rng.choice(self.names)}=={version}")
        yanked = rng.random() < 0.07
        sdist = rng.random() < 0.05
        return Release(requires, python, yanked, tags, sdist, extras=("x", "all"), late_python=rng.random() < 0.4)

    def _requirement(self, *, for_root: bool = False, bare: bool = False) -> str:
        rng = self.rng
        name = rng.choice(self.names) if rng.random() < 0.995 else "missing"
        extras = rng.choice(("[x]", "[y]", "[x,y]", "[all]")) if not bare and rng.random() < self.extras else ""
        urls = [url for url, of in self.addresses.items() if of == name]
        if urls and not bare and rng.random() < (0.5 if for_root else 0.1):
            return f"{name}{extras} @ {urls[0]}{self._marker(for_root=for_root).replace(';', ' ;', 1)}"
        limit = rng.choice(_LIMITS) if rng.random() < self.limits else ""
        if rng.random() < self.pins:
            limit = f"=={rng.choice(_FINALS + _ODD)}"
        return f"{name}{extras}{limit}{self._marker(for_root=for_root)}"

    def _marker(self, *, for_root: bool) -> str:
        rng = self.rng
        parts = []
        if not for_root and rng.random() < self.extras:
            parts.append(f"extra == '{rng.choice('xy')}'")
        if rng.random() < self.markers:
            parts.append(rng.choice(_PLATFORMS + _PYTHONS))
        if rng.random() < self.markers / 2:
            parts.append(rng.choice(_PLATFORMS))
        words = rng.choice((" and ", " and ", " or ")) if for_root else " and "
        return f"; {words.join(f'({part})' for part in parts)}" if parts else ""
