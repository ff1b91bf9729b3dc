"""What other tools changed in an environment since its generation was made.

A generation keeps the names that its site-packages and scripts had, and which of them were links. Names tell of
anything installed or removed; whether a distribution was replaced by another of the same name is told by its INSTALLER
file, which other tools write, and by links that are none any more.
"""

from __future__ import annotations

import marshal
import os

from blast_core import fs
from blast_core.tuples import NamedTuple
from blast_project.environment.layout import META, generations_directory

__all__ = ["Drift", "find_drift", "write_entries"]

_FILE = "entries"
_INFO = ".dist-info"
_INSTALLER = b"blast"
# Python itself writes this one into any site-packages it imports a single-file module from.
_NO_DRIFT = frozenset(("__pycache__",))


class Drift(NamedTuple):
    """Names in site-packages and among the scripts that came, went, or belong to another installer by now."""

    foreign: tuple[str, ...]
    missing: tuple[str, ...]
    replaced: tuple[str, ...]

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self.foreign or self.missing or self.replaced)

    def describe(self) -> str:
        """Return one line for people."""
        parts = (("came", self.foreign), ("went", self.missing), ("was replaced", self.replaced))
        return "; ".join(
            f"{word}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}" for word, names in parts if names
        )


def write_entries(staging: str, site_packages: str, scripts: str) -> tuple[str, ...]:
    """Keep the names in site-packages and among the scripts of a generation that is about to be published.

    Returns:
        The files that have to be flushed to the disk, below the generation.
    """
    names = {place: _read_entries(os.path.join(staging, place)) for place in (site_packages, scripts)}
    fs.write_file(os.path.join(staging, META, _FILE), marshal.dumps(names))
    return (f"{META}/{_FILE}",)


def find_drift(environment: str, number: int, site_packages: str) -> Drift:
    """Return what changed in the generation's site-packages and scripts since it was made.

    Names that came among the scripts are no drift: a new distribution is told by its own entries.

    Cost: two listings, a look at each name, and a small file per distribution.
    """
    generation = os.path.join(generations_directory(environment), str(number))
    foreign: list[str] = []
    missing: list[str] = []
    replaced: list[str] = []
    try:
        with open(os.path.join(generation, META, _FILE), "rb") as file:
            places: dict[str, dict[str, bool]] = marshal.loads(file.read())  # noqa: S302 - written by this user's Blast
        for place, expected in places.items():
            directory = os.path.join(generation, place)
            actual = _read_entries(directory)
            both = expected.keys() & actual.keys() - _NO_DRIFT
            broken = {name for name in both if not os.path.exists(os.path.join(directory, name))}
            missing += sorted((expected.keys() - actual.keys() - _NO_DRIFT) | broken)
            replaced += sorted(name for name in both - broken if _is_replaced(directory, name, expected, actual))
            if place == site_packages:
                foreign += sorted(actual.keys() - expected.keys() - _NO_DRIFT)
    except (OSError, ValueError, EOFError, TypeError, MemoryError, AttributeError):
        return Drift((), (site_packages,), ())
    return Drift(tuple(foreign), tuple(missing), tuple(replaced))


def _read_entries(directory: str) -> dict[str, bool]:
    """Return whether each entry is a link, by name."""
    with os.scandir(directory) as entries:
        return {entry.name: entry.is_symlink() for entry in entries}


def _is_replaced(directory: str, name: str, expected: dict[str, bool], actual: dict[str, bool]) -> bool:
    if expected[name] != actual[name]:
        return True
    if not name.endswith(_INFO):
        return False
    try:
        with open(os.path.join(directory, name, "INSTALLER"), "rb") as file:
            return file.read(16).strip() != _INSTALLER
    except OSError:
        return True
