"""Two distributions with one path: when that is no harm. Only asked when it happens."""

from __future__ import annotations

import os

from blast_pm.install.fold import is_namespace_init

__all__ = ["is_harmless", "is_same", "is_shared_namespace"]

# Directories at the top of site-packages that wheels bring by mistake, and that nothing imports on purpose.
_DIRECTORIES = frozenset(
    ["benchmark", "benchmarks", "doc", "docs", "example", "examples", "sample", "samples", "script", "scripts", "test",
     "testing", "tests", "tools", "share/doc", "share/man"]
)  # fmt: skip
# Files at the top, likewise.
_FILES = ("authors", "changelog", "changes", "contributing", "contributors", "copying", "history", "license", "licence",
          "notice", "readme", "third_party")  # fmt: skip
_NAMES = frozenset(
    ["__init__.py", ".gitignore", ".gitkeep", "conftest.py", "makefile", "pyproject.toml", "py.typed", "pytest.ini",
     "requirements.txt", "setup.cfg", "setup.py", "tests.py", "test.py", "tox.ini"]
)  # fmt: skip


def is_harmless(path: str) -> bool:
    """Tell whether it does no harm that one of two different files is left out.

    Args:
        path: below site-packages, or below the environment for data files.
    """
    first, slash, rest = path.partition("/")
    if not slash:
        lower = path.lower()
        return lower in _NAMES or lower.startswith(_FILES)
    return first in _DIRECTORIES or f"{first}/{rest.partition('/')[0]}" in _DIRECTORIES


def is_same(one: str, other: str) -> bool:
    """Tell whether two files have the same content."""
    if os.stat(one).st_size != os.stat(other).st_size:
        return False
    return _read(one) == _read(other)


def is_shared_namespace(one: str, other: str) -> bool:
    """Tell whether two files both declare an old-style namespace package; either of them does."""
    return is_namespace_init(_read(one)) and is_namespace_init(_read(other))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
