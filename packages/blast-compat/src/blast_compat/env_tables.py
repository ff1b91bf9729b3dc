"""Named environments, ``[tool.blast.envs]``: what each holds, checked where it stands.

    [tool.blast.envs.docs]
    only-groups = ["docs"]
    python = "3.13"

    [tool.blast.envs.test]
    extras = ["all"]
    matrix = { python = ["3.11", "3.12"], extras = [["sql"], ["redis"]] }

A matrix makes an environment of each combination: ``test-py3.11-sql`` and so on.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from blast_compat.manifest_tables import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["EnvironmentTable", "check_environments", "read_environments"]

_LISTS = ("groups", "no-groups", "only-groups", "extras", "packages", "platforms")
_SWITCHES = ("no-dev", "no-default-groups", "all-groups", "all-extras")
_KEYS = (*_LISTS, *_SWITCHES, "python", "matrix")
_AXES = ("python", "groups", "extras", "packages")
_PLATFORMS = ("linux", "macos", "windows")
_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789-_."


class EnvironmentTable(NamedTuple):
    """One environment, a matrix taken apart.

    Attributes:
        name: as it is asked for.
        family: the name of its table: of several that a matrix made the same.
        python: the interpreter; "" for the project's own.
        groups: further dependency groups.
        no_groups: groups that are left out.
        only_groups: groups that stand alone, without the project's requirements.
        extras: of the project.
        packages: of the workspace.
        platforms: on which it is made, of linux, macos and windows; none for all.
        no_dev: without the group ``dev``.
        all_groups: with every group.
        all_extras: with every extra.
        no_default_groups: without the groups that are installed unasked.
    """

    name: str
    family: str
    python: str = ""
    groups: tuple[str, ...] = ()
    no_groups: tuple[str, ...] = ()
    only_groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    no_dev: bool = False
    all_groups: bool = False
    all_extras: bool = False
    no_default_groups: bool = False


def check_environments(table: object, keys: tuple[str, ...]) -> None:
    """Check the table of all environments; ``keys`` is the way to it.

    Raises:
        Fault: something in it is not what it has to be.
    """
    place = ".".join(keys)
    if not isinstance(table, dict) or not all(isinstance(row, dict) for row in table.values()):
        raise Fault(keys, f"{place} must hold a table for each environment", hint=f"write [{place}.NAME]")
    for name, row in table.items():
        here = (*keys, name)
        if not name or name[0] in ".-" or not set(name.lower()) <= set(_SIGNS):
            raise Fault(here, f"{place}: '{name}' can't be the name of an environment", hint="use letters and digits")
        _check_keys(row, _KEYS, here)
        for key, value in row.items():
            _check_value(key, value, (*here, key))
    # As a file system sees them that knows no cases.
    names = [row.name.lower() for row in read_environments(table)]
    double = next((name for name in names if names.count(name) > 1), "")
    if double:
        raise Fault(keys, f"{place}: two environments are called {double}", hint="a matrix makes names of its own")


def read_environments(table: Mapping[str, Any]) -> tuple[EnvironmentTable, ...]:
    """Return the environments of a table that `check_environments` had nothing against."""
    return tuple(environment for name, row in table.items() for environment in _expanded(name, row))


def _check_keys(row: Mapping[str, Any], known: tuple[str, ...], here: tuple[str, ...]) -> None:
    unknown = [key for key in row if key not in known]
    if unknown:
        place = ".".join(here)
        raise Fault((*here, unknown[0]), f"{place} has no '{unknown[0]}'", reason=f"there are {', '.join(known)}")


def _check_value(key: str, value: object, here: tuple[str, ...]) -> None:
    place = ".".join(here)
    if key in _LISTS and not _is_texts(value):
        raise Fault(here, f"{place} must be an array of texts", reason=f"found {value!r}")
    if key in _SWITCHES and not isinstance(value, bool):
        raise Fault(here, f"{place} must be true or false", reason=f"found {value!r}")
    if key == "python" and not (isinstance(value, str) and value):
        raise Fault(here, f"{place} must be a version or a path", reason=f"found {value!r}")
    if key == "platforms" and isinstance(value, list) and not set(value) <= set(_PLATFORMS):
        raise Fault(here, f"{place} names an unknown platform", reason=f"there are {', '.join(_PLATFORMS)}")
    if key != "matrix":
        return
    if not isinstance(value, dict) or not value:
        raise Fault(here, f"{place} must be a table", hint='such as { python = ["3.11", "3.12"] }')
    _check_keys(value, _AXES, here)
    for axis, choices in value.items():
        is_right = _is_texts(choices) if axis == "python" else isinstance(choices, list)
        if not is_right or not choices or not all(isinstance(each, str) or _is_texts(each) for each in choices):
            reason = f"found {choices!r}"
            raise Fault((*here, axis), f"{place}.{axis} must be an array of what to combine", reason=reason)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _expanded(name: str, row: Mapping[str, Any]) -> Iterator[EnvironmentTable]:
    values: dict[str, Any] = {key.replace("-", "_"): tuple(row.get(key, ())) for key in _LISTS}
    values.update((key.replace("-", "_"), bool(row.get(key))) for key in _SWITCHES)
    plain = EnvironmentTable(name, name, str(row.get("python", "")))._replace(**values)
    matrix = row.get("matrix", {})
    if not matrix:
        yield plain
        return
    for chosen in product(*matrix.values()):
        yield _combined(plain, dict(zip(matrix, chosen, strict=True)))


def _combined(plain: EnvironmentTable, chosen: Mapping[str, str | list[str]]) -> EnvironmentTable:
    """Return the environment of one combination of a matrix, named after it."""
    words = [plain.family]
    changes: dict[str, Any] = {}
    for axis, choice in chosen.items():
        texts = (choice,) if isinstance(choice, str) else tuple(choice)
        words.append(f"py{texts[0]}" if axis == "python" else "-".join(texts))
        changes[axis] = texts[0] if axis == "python" else (*getattr(plain, axis), *texts)
    name = "-".join(filter(None, words))
    # A name is one directory, also where an interpreter is called by its path.
    plain_name = "".join(sign if sign.lower() in _SIGNS else "-" for sign in name)
    return plain._replace(name=plain_name, **changes)
