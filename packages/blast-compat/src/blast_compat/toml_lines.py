"""Finding the line of a TOML document that a value stands on, for error messages.

TOML parsers give values without places. This reads the document's lines once more, by eye as it were: table headers and
keys are found, strings over several lines and keys inside inline tables are not. The answer may be the line of the
table round the value, never of another one.
"""

from __future__ import annotations

__all__ = ["find_line"]

_QUOTES = ('"', "'")


def find_line(text: str, keys: tuple[str, ...], value: str = "") -> int:
    """Return the line, counted from 1, of the value at ``keys``; 0 where nothing of it is found.

    Args:
        text: a TOML document.
        keys: the way to the value, such as ``("project", "dependencies")``.
        value: text that the line must hold: the element of an array that is meant, searched from the key on.
    """
    lines = text.splitlines()
    best, best_depth = 0, 0
    table: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = _header(stripped)
            here = table
        else:
            key, equals, _ = stripped.partition("=")
            if not equals or stripped.startswith("#"):
                continue
            here = (*table, *_split_key(key))
        if len(here) > best_depth and here == keys[: len(here)]:
            best, best_depth = number, len(here)
    if not value or best_depth < len(keys):
        return best
    return next((number for number in range(best, len(lines) + 1) if value in lines[number - 1]), best)


def _header(line: str) -> tuple[str, ...]:
    return _split_key(line.partition("#")[0].strip().strip("[]"))


def _split_key(text: str) -> tuple[str, ...]:
    """Cut a dotted key; dots inside quotes belong to the key."""
    keys, current, quote = [], "", ""
    for sign in text.strip():
        if quote:
            quote = "" if sign == quote else quote
            current += "" if not quote else sign
        elif sign in _QUOTES:
            quote = sign
        elif sign == ".":
            keys.append(current.strip())
            current = ""
        else:
            current += sign
    return (*keys, current.strip())
