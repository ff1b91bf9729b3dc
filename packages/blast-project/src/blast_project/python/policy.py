"""What user and project say of interpreters: whether they may be downloaded, from where, and which come first."""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_project.python.discover import PREFERENCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from blast_project.settings import Settings

__all__ = ["DOWNLOADS", "read_downloads", "read_mirror", "read_preference"]

#: ``automatic``: whenever one is missing; ``manual``: by ``blast python install`` alone; ``never``: not even then.
DOWNLOADS = ("automatic", "manual", "never")


def read_downloads(settings: Settings, tool: Mapping[str, Any]) -> str:
    """Return when interpreters may be downloaded.

    Raises:
        UsageError: the setting has a value that it can't have.
    """
    return _choice(settings.python_downloads or tool.get("python-downloads", DOWNLOADS[0]), "downloads", DOWNLOADS)


def read_preference(settings: Settings, tool: Mapping[str, Any]) -> str:
    """Return which interpreters are looked at, and in which order.

    Raises:
        UsageError: the setting has a value that it can't have.
    """
    return _choice(
        settings.python_preference or tool.get("python-preference", PREFERENCES[0]), "preference", PREFERENCES
    )


def read_mirror(settings: Settings, tool: Mapping[str, Any]) -> str:
    """Return the address or the directory that builds come from; "" for the catalogue's own addresses.

    Raises:
        UsageError: the setting is no text.
    """
    said = settings.python_mirror or tool.get("python-mirror", "")
    if not isinstance(said, str):
        raise UsageError("python-mirror must be an address or a directory", reason="it stands in [tool.blast]")
    return said


def _choice(said: object, name: str, allowed: tuple[str, ...]) -> str:
    if said not in allowed:
        raise UsageError(
            f"python-{name} is {said!r}",
            reason=f"it may be {', '.join(allowed)}",
            hint=f"it stands in [tool.blast] or in BLAST_PYTHON_{name.upper()}",
        )
    return str(said)
