"""Whether a distribution's top-level entries may each be one link into the store, as far as the wheel alone can tell.

A directory without ``__init__.py``, with a namespace ``__init__.py``, or called ``*.prefix`` is shared by nature and
always real (folding rule 2). What looks outside itself by ``$ORIGIN`` finds another place through a link (rule 4).
"""

from __future__ import annotations

from posixpath import dirname, normpath

from blast_core.archive.wheel_layout import site_path
from blast_core.formats.dpp.layout import NAMESPACE_INIT, NativeObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.elf import ElfFacts
    from blast_core.formats.dpp.layout import DppFile

__all__ = ["is_foldable", "is_namespace_init", "make_natives"]

# A namespace declaration is a line or two; larger files are real packages.
_NAMESPACE_INIT_SIZE = 64 << 10
_ORIGINS = ("$ORIGIN", "${ORIGIN}")
# Schemes beside site-packages that may hold native files, and the directory below the prefix that each stands for.
_PREFIXES = {"data": "", "scripts": "bin", "headers": "include"}


def is_namespace_init(path: str, content: bytes | memoryview) -> bool:
    """Tell whether a file is an ``__init__.py`` that declares a pkgutil or pkg_resources namespace."""
    if not path.endswith("/__init__.py") or len(content) > _NAMESPACE_INIT_SIZE:
        return False
    text = bytes(content)
    return (b"pkgutil" in text and b"extend_path" in text) or (
        b"pkg_resources" in text and b"declare_namespace" in text
    )


def make_natives(elves: Sequence[tuple[str, ElfFacts]], places: Iterable[tuple[str, str]]) -> list[NativeObject]:
    """Return what is known of ELF files, ``inside`` decided.

    Args:
        elves: paths, as in the wheel, and what their dynamic sections say.
        places: path and scheme of every file of the distribution.
    """
    if not elves:
        return []
    installed = {place[0]: _installed(*place) for place in places}
    directories = _directories(installed.values())
    return [
        NativeObject(path, facts.soname, facts.needed, facts.rpaths, _is_inside(installed[path], facts, directories))
        for path, facts in elves
    ]


def _is_inside(own: tuple[str, str], facts: ElfFacts, directories: set[tuple[str, str]]) -> bool:
    return all(_target(own, entry) in directories for entry in facts.rpaths if entry.startswith(_ORIGINS))


def _installed(path: str, scheme: str) -> tuple[str, str]:
    """Return the root and the path below it: ``site`` for site-packages, ``prefix`` for the environment."""
    below = site_path(path, scheme)
    if below:
        return "site", below
    return "prefix", f"{_PREFIXES[scheme]}/{path.split('/', 2)[2]}".lstrip("/")


def _directories(installed: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return every directory that holds a file at some depth; the roots, which are everybody's, are not among them."""
    found: set[tuple[str, str]] = set()
    for root, path in installed:
        parent = dirname(path)
        while parent and (root, parent) not in found:
            found.add((root, parent))
            parent = dirname(parent)
    return found


def _target(own: tuple[str, str], entry: str) -> tuple[str, str]:
    root, path = own
    rest = entry.partition("ORIGIN")[2].removeprefix("}")
    return root, normpath(f"./{dirname(path)}/{rest}")


def is_foldable(files: Sequence[DppFile], natives: Iterable[NativeObject], dist_info: str) -> bool:
    """Tell whether each top-level entry of the root, .dist-info aside, may be one link.

    Args:
        files: of the distribution, with their flags.
        natives: its ELF files.
        dist_info: name of its .dist-info directory, which is always real.
    """
    if any(not native.inside for native in natives):
        return False
    tops: set[str] = set()
    packages: set[str] = set()
    for file in files:
        top, slash, rest = file.path.partition("/")
        if file.scheme in {"purelib", "platlib"}:
            # One top-level entry may then come from two trees.
            return False
        if file.scheme != "root" or top == dist_info or not slash:
            continue
        tops.add(top)
        if rest == "__init__.py" and not file.flags & NAMESPACE_INIT:
            packages.add(top)
    return tops == packages and not any(top.endswith(".prefix") for top in tops)
