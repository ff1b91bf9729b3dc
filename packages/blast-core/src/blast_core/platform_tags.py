"""Which wheel tags a platform installs that nobody has asked: every one that some machine of it would.

A lock serves old and new machines of a platform, glibc and musl. So a platform takes wheels for every manylinux and
musllinux, and every macOS, that there are; what one machine takes of them its own interpreter says.

A Linux takes some 1,300 tags, and a lock has up to 64 targets: they are kept as the product that they are.

Spec: PEP 425, PEP 600 (manylinux), PEP 656 (musllinux). The order is that of ``packaging.tags``.
"""

from __future__ import annotations

from _collections_abc import Sequence  # collections.abc imports all of collections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import overload

__all__ = ["TagReach", "TagTable", "linux_tags", "macos_tags", "python_tags", "windows_tags"]

# Newer ones are added with the table of Pythons; a wheel for a newer one than these is not locked.
_NEWEST_GLIBC = 43
_NEWEST_MUSL = 2
_NEWEST_MACOS = 26
# PEP 600's names of what PEP 513, 571 and 599 called otherwise.
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLD_GLIBC = frozenset(("x86_64", "i686"))
# CPython loads extension modules of the stable ABI since 3.2.
_FIRST_STABLE = 2
_ANY = "any"
# Remembered tags: one page names a few hundred distinct ones, a hostile index any number.
_REMEMBERED = 8192


def linux_tags(machine: str) -> tuple[str, ...]:
    """Return the platform tags of a Linux machine such as ``x86_64``, best first."""
    oldest = 5 if machine in _OLD_GLIBC else 17
    tags = [f"linux_{machine}"]
    for minor in range(_NEWEST_GLIBC, oldest - 1, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if minor in _LEGACY:
            tags.append(f"{_LEGACY[minor]}_{machine}")
    return (*tags, *(f"musllinux_1_{minor}_{machine}" for minor in range(_NEWEST_MUSL, -1, -1)))


def macos_tags(machine: str) -> tuple[str, ...]:
    """Return the platform tags of a Mac, ``x86_64`` or ``arm64``, best first."""
    formats = ["arm64", "universal2"] if machine == "arm64" else ["x86_64", "intel", "fat64", "universal2", "universal"]
    old_formats = ["universal2"] if machine == "arm64" else formats
    versions = [(major, 0, formats) for major in range(_NEWEST_MACOS, 10, -1)]
    versions += [(10, minor, old_formats) for minor in range(16, 3, -1)]
    return tuple([f"macosx_{major}_{minor}_{one}" for major, minor, kinds in versions for one in kinds])


def windows_tags(machine: str) -> tuple[str, ...]:
    """Return the platform tags of a Windows machine as ``platform.machine()`` calls it."""
    return ("win32",) if machine == "x86" else (f"win_{machine.lower()}",)


def python_tags(implementation: str, minor: int, platforms: tuple[str, ...]) -> TagTable:
    """Return the tags of Python 3.``minor`` on a platform, best first.

    Args:
        implementation: ``cpython`` or ``pypy``; of any other only wheels without an ABI are known.
        minor: of the Python.
        platforms: tags of the platform, best first; () for one whose wheels nobody builds.
    """
    plain = [f"py3{minor}", "py3", *(f"py3{older}" for older in range(minor - 1, -1, -1))]
    pure = [f"{python}-none" for python in plain]
    if implementation == "cpython":
        own = f"cp3{minor}"
        stable = [f"cp3{older}-abi3" for older in range(minor - 1, _FIRST_STABLE - 1, -1)]
        heads = [f"{own}-{own}", f"{own}-abi3", f"{own}-none", *stable]
    elif implementation == "pypy":
        own = f"pp3{minor}"
        heads = [f"{own}-pypy3{minor}_pp73", f"{own}-none"]
    else:
        return TagTable(tuple(pure), platforms, tuple(pure))
    return TagTable((*heads, *pure), platforms, (f"{own}-none", *pure))


class TagTable(Sequence[str]):
    """The tags that a target installs, best first: a sequence of texts such as ``cp312-abi3-win_amd64``.

    It is all of ``heads`` on all of ``platforms``, then ``pure`` on any platform.

    Args:
        heads: ``python-abi`` of wheels for a platform, best first.
        platforms: best first.
        pure: ``python-abi`` of wheels for any platform, best first.
    """

    __slots__ = ("_any", "_heads", "_platforms", "heads", "platforms", "pure")

    def __init__(self, heads: tuple[str, ...], platforms: tuple[str, ...], pure: tuple[str, ...]) -> None:
        self.heads = heads
        self.platforms = platforms
        self.pure = pure
        self._heads = {head: at * len(platforms) for at, head in enumerate(heads)}
        self._platforms = _positions(platforms)
        self._any = {head: at + len(heads) * len(platforms) for at, head in enumerate(pure)}

    @property
    def key(self) -> str:
        """A text that is equal for equal tables, and shorter than all tags."""
        return " ".join((*self.heads, "|", *self.platforms, "|", *self.pure))

    def get(self, tag: str, default: int = -1) -> int:
        """Return the place of a single tag, ``default`` where it is not among them. Cost: under a microsecond."""
        head, _, platform = tag.rpartition("-")
        if platform == _ANY:
            return self._any.get(head, default)
        at = self._heads.get(head)
        place = self._platforms.get(platform)
        return default if at is None or place is None else at + place

    def __len__(self) -> int:
        return len(self.heads) * len(self.platforms) + len(self.pure)

    def __iter__(self) -> Iterator[str]:
        for head in self.heads:
            for platform in self.platforms:
                yield f"{head}-{platform}"
        for head in self.pure:
            yield f"{head}-{_ANY}"

    def __contains__(self, tag: object) -> bool:
        return isinstance(tag, str) and self.get(tag) >= 0

    if TYPE_CHECKING:  # importing `typing` takes longer than a lock that has nothing to do

        @overload
        def __getitem__(self, place: int) -> str: ...
        @overload
        def __getitem__(self, place: slice) -> tuple[str, ...]: ...

    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        size = len(self)
        if isinstance(place, slice):
            return tuple(self[at] for at in range(*place.indices(size)))
        place = place + size if place < 0 else place
        if not 0 <= place < size:
            raise IndexError(place)
        native = len(self.heads) * len(self.platforms)
        if place >= native:
            return f"{self.pure[place - native]}-{_ANY}"
        return f"{self.heads[place // len(self.platforms)]}-{self.platforms[place % len(self.platforms)]}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TagTable):
            return NotImplemented
        return (self.heads, self.platforms, self.pure) == (other.heads, other.platforms, other.pure)

    def __hash__(self) -> int:
        return hash((self.heads, self.platforms, self.pure))

    def __repr__(self) -> str:
        return f"<TagTable {self[0]} and {len(self) - 1} more>"


class TagReach:
    """Tells for which of many tables a wheel is.

    Args:
        tables: bit i of an answer is for ``tables[i]``.
        free_threaded: also count wheels for the build of CPython without a global lock, which no marker tells apart.
    """

    __slots__ = ("_everything", "_heads", "_known", "_platforms", "_pure")

    def __init__(self, tables: Sequence[TagTable], *, free_threaded: bool = False) -> None:
        self._everything = (1 << len(tables)) - 1
        self._known: dict[str, int] = {}
        heads: dict[tuple[str, ...], int] = {}
        platforms: dict[tuple[str, ...], int] = {}
        pure: dict[tuple[str, ...], int] = {}
        for bit, table in enumerate(tables):
            for found, row in ((heads, table.heads), (platforms, table.platforms), (pure, table.pure)):
                found[row] = found.get(row, 0) | 1 << bit
        self._heads = _spread(heads)
        self._platforms = _spread(platforms)
        self._pure = _spread(pure)
        if free_threaded:
            for head, mask in list(self._heads.items()):
                python, _, abi = head.partition("-")
                if python == abi:
                    self._heads[f"{python}-{abi}t"] = mask

    def of(self, tag: str) -> int:
        """Return the tables that hold one of the single tags of a compressed ``python-abi-platform``."""
        known = self._known.get(tag)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[tag] = self._find(tag)
        return known

    def _find(self, tag: str) -> int:
        pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
        mask = 0
        if _ANY in platforms:
            for python in pythons:
                for abi in abis:
                    mask |= self._pure.get(f"{python}-{abi}", 0)
        somewhere = 0
        for platform in platforms:
            somewhere |= self._platforms.get(platform, 0)
        if somewhere & ~mask:
            for python in pythons:
                for abi in abis:
                    mask |= self._heads.get(f"{python}-{abi}", 0) & somewhere
        return mask


def _positions(names: tuple[str, ...]) -> dict[str, int]:
    return {name: at for at, name in enumerate(names)}


def _spread(masks: dict[tuple[str, ...], int]) -> dict[str, int]:
    """Return the mask of each name that stands in some of the rows."""
    found: dict[str, int] = {}
    for row, mask in masks.items():
        for name in row:
            found[name] = found.get(name, 0) | mask
    return found
