"""The user's .pypirc: where distributions are uploaded to, and who uploads them.

Spec: packaging.python.org, "The .pypirc file".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PypircEntry", "find_pypirc", "read_pypirc"]


class PypircEntry(NamedTuple):
    """One section: the upload address ("" for the public index), user name and password, "" where it has none."""

    name: str
    repository: str = ""
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"PypircEntry({self.name!r}, {self.repository!r})"


def find_pypirc(environ: Mapping[str, str]) -> str:
    """Return the path where the file is looked for."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")
    return os.path.join(home, ".pypirc")


def read_pypirc(path: str) -> tuple[PypircEntry, ...]:
    """Return the sections of a .pypirc, none where there is no file.

    Raises:
        UsageError: it can't be read.
    """
    import configparser

    parser = configparser.RawConfigParser()
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        return ()
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        # Not the error's own text: it may quote the line with the password.
        raise UsageError(
            f"{path} can't be read", reason=type(error).__name__, hint="correct it or move it away"
        ) from None
    known = parser.get("distutils", "index-servers", fallback="").split()
    names = [name for name in parser.sections() if name != "distutils" and (not known or name in known)]
    return tuple(
        PypircEntry(name, *(parser.get(name, key, fallback="") for key in ("repository", "username", "password")))
        for name in names
    )
