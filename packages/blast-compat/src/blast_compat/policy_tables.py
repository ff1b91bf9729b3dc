"""The settings that decide which versions and files a lock may hold, checked where they stand.

They are those of uv by the same names, and `[tool.uv]` counts where `[tool.blast]` doesn't have one: a project that
moves to Blast keeps its rules.
"""

from __future__ import annotations

from blast_compat.manifest_tables import Fault, read_mapping, read_text, read_texts
from blast_core.errors import InvalidRequirement, UsageError
from blast_core.names import is_valid_name
from blast_core.requirements import parse_requirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["CHOICES", "read_policy_tables"]

#: What the settings that have a choice may be.
CHOICES = {
    "prerelease": ("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit"),
    "resolution": ("highest", "lowest", "lowest-direct"),
    "resolver": ("pubgrub", "resolvelib"),
}
_REQUIREMENTS = ("constraint-dependencies", "override-dependencies", "build-constraint-dependencies")
_SWITCHES = ("no-build", "no-binary")
_NAMES = ("no-build-package", "no-binary-package")
_OF_UV = (
    "exclude-newer",
    "exclude-newer-package",
    "prerelease",
    "prerelease-package",
    "resolution",
    *_REQUIREMENTS,
    *_SWITCHES,
    *_NAMES,
)


def read_policy_tables(blast: Mapping[str, Any], uv: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``[tool.blast]`` with what it leaves to ``[tool.uv]`` added; dates have become texts.

    Raises:
        Fault: a setting has a value that it can't have.
    """
    inherited = {key: uv[key] for key in _OF_UV if key in uv and key not in blast}
    _check(inherited, ("tool", "uv"))
    _check(blast, ("tool", "blast"))
    merged = {**inherited, **blast}
    for key in ("exclude-newer", "exclude-newer-package"):
        if key in merged:
            merged[key] = _dates_as_text(merged[key])
    return merged


def _check(table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    _check_modes(table, keys)
    _check_moments(table, keys)
    _check_kinds(table, keys)
    for key in _REQUIREMENTS:
        for line in read_texts(table, key, keys):
            _check_requirement(line, (*keys, key))


def _check_modes(table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key, allowed in CHOICES.items():
        if key in table:
            _check_choice(read_text(table, key, keys), allowed, (*keys, key))
    for name, mode in _by_project(table, "prerelease-package", keys):
        if not isinstance(mode, str):
            raise Fault((*keys, "prerelease-package", name), f"the pre-release mode of {name} must be a text")
        _check_choice(mode, CHOICES["prerelease"], (*keys, "prerelease-package", name))


def _check_moments(table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    if "exclude-newer" in table:
        _check_moment(table["exclude-newer"], (*keys, "exclude-newer"))
    for name, moment in _by_project(table, "exclude-newer-package", keys):
        _check_moment(moment, (*keys, "exclude-newer-package", name))


def _check_kinds(table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in _SWITCHES:
        if not isinstance(table.get(key, False), bool):
            hint = f"name projects in {key}-package"
            raise Fault((*keys, key), f"{'.'.join((*keys, key))} must be true or false", hint=hint)
    if not isinstance(table.get("only-binary", False), bool):
        _check_names(read_texts(table, "only-binary", keys), (*keys, "only-binary"))
    for key in _NAMES:
        _check_names(read_texts(table, key, keys), (*keys, key))


def _by_project(table: Mapping[str, Any], key: str, keys: tuple[str, ...]) -> list[tuple[str, object]]:
    values = read_mapping(table, key, keys)
    for name in values:
        if not is_valid_name(name):
            raise Fault((*keys, key, name), f"{name!r} is no legal name of a project")
    return list(values.items())


def _check_choice(value: str, allowed: tuple[str, ...], keys: tuple[str, ...]) -> None:
    if value not in allowed:
        message = f"{'.'.join(keys)} is {value!r}"
        raise Fault(keys, message, reason=f"it may be {', '.join(allowed)}", hint="write one of them")


def _check_moment(value: object, keys: tuple[str, ...]) -> None:
    from blast_core.moments import parse_moment

    if value is False:
        return
    text = _date_as_text(value)
    if not isinstance(text, str):
        raise Fault(keys, f"{'.'.join(keys)} must be a date, a text or false", reason=f"found {value!r}")
    try:
        parse_moment(text)
    except UsageError as error:
        raise Fault(keys, f"{'.'.join(keys)}: {error.message}", reason=error.reason, hint=error.hint) from error


def _check_requirement(line: str, keys: tuple[str, ...]) -> None:
    try:
        parse_requirement(line)
    except InvalidRequirement as error:
        message = f"{'.'.join(keys)}: {error.message}"
        raise Fault(keys, message, line, reason=error.reason, hint=error.hint) from error


def _check_names(names: tuple[str, ...], keys: tuple[str, ...]) -> None:
    for name in names:
        if not is_valid_name(name) and name != ":all:":
            raise Fault(keys, f"{'.'.join(keys)}: {name!r} is no legal name of a project", name)


def _dates_as_text(value: object) -> object:
    if isinstance(value, dict):
        return {name: _date_as_text(one) for name, one in value.items()}
    return _date_as_text(value)


def _date_as_text(value: object) -> object:
    """Return a TOML date or time as text; anything else as it is."""
    from datetime import date

    # A datetime is a date, too; a time alone is neither.
    return value.isoformat() if isinstance(value, date) else value
