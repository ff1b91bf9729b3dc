"""Which indexes, versions and files an installed tool was asked for with, so that an upgrade asks the same.

Otherwise an upgrade would take from another index what was once asked of one's own. Credentials are not remembered:
netrc, the keyring and variables have them at any time.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blast_project.settings import Settings

__all__ = ["recorded_options", "with_recorded"]

# Of the settings themselves, each with the variable that stands for it; those of the policy are all recorded but one.
_OWN = {
    "index_url": "BLAST_INDEX_URL",
    "index_strategy": "BLAST_INDEX_STRATEGY",
    "keyring_provider": "BLAST_KEYRING_PROVIDER",
}
_UNRECORDED = "moves"
_PLACES = ("index_url", "indexes", "find_links")


def recorded_options(settings: Settings) -> tuple[str, ...]:
    """Return what was asked for by options, as ``name=value``; a variable counts for whoever sets it then."""
    found = [f"{name}={_kept(settings, name, value)}" for name, value in _asked(settings).items()]
    for name, value in settings.policy._asdict().items():
        if name != _UNRECORDED:
            values = value if isinstance(value, tuple) else (("1" if value is True else value),) if value else ()
            found += [f"{name}={_kept(settings, name, each)}" for each in values]
    return tuple(found)


def with_recorded(settings: Settings, options: tuple[str, ...]) -> Settings:
    """Return settings with recorded options, as far as the command itself asks for nothing else."""
    rows: dict[str, list[str]] = {}
    for option in options:
        name, _, value = option.partition("=")
        rows.setdefault(name, []).append(value)
    said = _asked(settings)
    own: dict[str, Any] = {name: rows[name][0] for name in _OWN if name in rows and name not in said}
    policy: dict[str, Any] = {}
    for name, value in settings.policy._asdict().items():
        if name in rows and name != _UNRECORDED and not value:
            several = rows[name]
            policy[name] = tuple(several) if isinstance(value, tuple) else True if value is False else several[0]
    return settings._replace(**own, policy=settings.policy._replace(**policy))


def _asked(settings: Settings) -> dict[str, str]:
    """Return those of `_OWN` that options said."""
    values = {name: str(getattr(settings, name)) for name in _OWN}
    return {name: value for name, value in values.items() if value and value != settings.environ.get(_OWN[name], "")}


def _kept(settings: Settings, name: str, value: str) -> str:
    """Return a value that holds anywhere, and no secret."""
    if name not in _PLACES:
        return value
    from blast_pm.index.credentials import without_credentials

    label, sign, place = value.partition("=") if name == "indexes" else ("", "", value)
    if not sign or "/" in label:
        label, sign, place = "", "", value
    if "://" in place:
        return f"{label}{sign}{without_credentials(place)}"
    if place.startswith("file:"):
        return value
    return f"{label}{sign}{os.path.normpath(os.path.join(settings.directory, os.path.expanduser(place)))}"
