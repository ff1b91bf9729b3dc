"""Variables of what is run: ``env`` and ``env-file``, of ``[tool.blast]`` and of its tasks, checked where they stand.

env = {MODE = "test", PATH = {value = "${PATH}:tools", force = true}}
env-file = ".env"        # or [".env", ".env.local"]
"""

from __future__ import annotations

from blast_compat.manifest_tables import Fault

__all__ = ["check_env_files", "check_variables"]

_FORBIDDEN = ("=", "\0")


def check_variables(table: object, keys: tuple[str, ...]) -> None:
    """Check a table of variables: each a text, a number, a switch, or a table with ``value`` and ``force``.

    Raises:
        Fault: it is none.
    """
    place = ".".join(keys)
    if not isinstance(table, dict):
        raise Fault(keys, f"{place} must be a table of variables", reason=f"found {table!r}")
    for name, value in table.items():
        here = (*keys, name)
        if not name or any(sign in name for sign in _FORBIDDEN):
            raise Fault(here, f"{place}: {name!r} can't be the name of a variable")
        said = value
        if isinstance(value, dict):
            unknown = [key for key in value if key not in {"value", "force"}]
            if unknown or "value" not in value or not isinstance(value.get("force", False), bool):
                reason = f"there is no '{unknown[0]}'" if unknown else "its table has value, and may have force"
                raise Fault(here, f"{place}.{name} is no variable", reason=reason)
            said = value["value"]
        if not isinstance(said, str | int | float) or "\0" in str(said):
            raise Fault(here, f"{place}.{name} must be a text", reason=f"found {said!r}")


def check_env_files(value: object, keys: tuple[str, ...]) -> None:
    """Check names of files of variables: a text, or an array of texts.

    Raises:
        Fault: it is neither.
    """
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise Fault(keys, f"{'.'.join(keys)} must be a path or an array of paths", reason=f"found {value!r}")
