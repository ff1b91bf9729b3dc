"""The words of a command as a file may repeat them, which others read."""

from __future__ import annotations

import sys

__all__ = ["said_words"]

# Options that say how the command runs, not what it writes: a file tells the same whoever made it where.
_UNSAID = ("--project", "--color", "-p", "--python", "--config-file")
_UNSAID_SWITCHES = (
    "-q",
    "--quiet",
    "-v",
    "-vv",
    "--verbose",
    "--json",
    "--no-progress",
    "--offline",
    "--refresh",
    "--no-config",
)
_SECRET = ("-i", "--index-url", "--default-index", "--extra-index-url", "--index")


def said_words(command: str) -> tuple[str, ...]:
    """Return what stands behind a command's name on the command line.

    Left out are options that say how it runs, and those that name indexes; other addresses are without credentials.
    """
    words = sys.argv[1:]
    while words and words[0] != command:
        words = words[1:]
    said: list[str] = []
    waiting = iter(words[1:])
    for word in waiting:
        name, equals, _ = word.partition("=")
        if name in (*_UNSAID, *_SECRET):
            if not equals:
                next(waiting, "")
        elif name not in _UNSAID_SWITCHES:
            said.append(_without_secrets(word))
    return tuple(said)


def _without_secrets(word: str) -> str:
    """Return a word whose addresses name no user: an option may be shortened, or one word with its value."""
    if "://" not in word:
        return word
    import re

    return re.sub(r"://[^/?#]*@", "://", word)
