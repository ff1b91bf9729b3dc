"""What other tools changed in an environment since its generation was made.

A generation keeps the names that its site-packages and scripts had. Names tell of anything installed or removed;
whether a distribution was replaced by another of the same name is told by its INSTALLER file, which other tools write.
"""

from __future__ import annotations

import marshal
import os
from typing import NamedTuple

from blast_core import fs
from blast_project.environment.layout import META, generations_directory

__all__ = ["Drift", "find_drift", "write_entries"]

_FILE = "entries"
_INFO = ".dist-info"
# Python itself writes this one into any site-packages it imports a single-file module from.
_NO_DRIFT = frozenset(("__pycache__",))


class Drift(NamedTuple):
    """Names in site-packages that came, went, or belong to another installer by now."""

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


def write_entries(staging: str, site_packages: str, scripts: str) -> None:
    """Keep the names in site-packages and among the scripts of a generation that is about to be published."""
    names = {place: sorted(os.listdir(os.path.join(staging, place))) for place in (site_packages, scripts)}
    fs.write_file(os.path.join(staging, META, _FILE), marshal.dumps(names))


def find_drift(environment: str, number: int, site_packages: str) -> Drift:
    """Return what changed in the generation's site-packages and scripts since it was made.

    Cost: two listings, a look at each name, and a small file per distribution.
    """
    generation = os.path.join(generations_directory(environment), str(number))
    foreign: list[str] = []
    missing: list[str] = []
    replaced: list[str] = []
    try:
        with open(os.path.join(generation, META, _FILE), "rb") as file:
            places: dict[str, list[str]] = marshal.load(file)  # noqa: S302 - written by this user's Blast
        for place, names in places.items():
            directory = os.path.join(generation, place)
            expected, actual = set(names), set(os.listdir(directory))
            broken = {name for name in expected & actual if not os.path.exists(os.path.join(directory, name))}
            missing += sorted((expected - actual - _NO_DRIFT) | broken)
            if place == site_packages:
                foreign += sorted(actual - expected - _NO_DRIFT)
                infos = (name for name in expected & actual if name.endswith(_INFO))
                replaced += sorted(name for name in infos if not _is_ours(directory, name))
    except (OSError, ValueError, EOFError, TypeError, AttributeError):
        return Drift((), (site_packages,), ())
    return Drift(tuple(foreign), tuple(missing), tuple(replaced))


def _is_ours(directory: str, name: str) -> bool:
    try:
        with open(os.path.join(directory, name, "INSTALLER"), "rb") as file:
            return file.read(16).strip() == b"blast"
    except OSError:
        return False
