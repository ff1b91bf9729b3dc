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


def write_entries(staging: str, site_packages: str) -> None:
    """Keep the names in site-packages of a generation that is about to be published."""
    names = sorted(os.listdir(os.path.join(staging, site_packages)))
    fs.write_file(os.path.join(staging, META, _FILE), marshal.dumps(names))


def find_drift(environment: str, number: int, site_packages: str) -> Drift:
    """Return what changed in the generation's site-packages since it was made.

    Cost: one listing, and a small file per distribution.
    """
    generation = os.path.join(generations_directory(environment), str(number))
    try:
        with open(os.path.join(generation, META, _FILE), "rb") as file:
            expected = set(marshal.load(file))  # noqa: S302 - written by this user's Blast on this machine
        directory = os.path.join(generation, site_packages)
        actual = set(os.listdir(directory))
    except (OSError, ValueError, EOFError, TypeError):
        return Drift((), (site_packages,), ())
    broken = {name for name in expected & actual if not os.path.exists(os.path.join(directory, name))}
    return Drift(
        foreign=tuple(sorted(actual - expected - _NO_DRIFT)),
        missing=tuple(sorted((expected - actual - _NO_DRIFT) | broken)),
        replaced=tuple(
            sorted(name for name in expected & actual if name.endswith(_INFO) and not _is_ours(directory, name))
        ),
    )


def _is_ours(directory: str, name: str) -> bool:
    try:
        with open(os.path.join(directory, name, "INSTALLER"), "rb") as file:
            return file.read(16).strip() == b"blast"
    except OSError:
        return False
