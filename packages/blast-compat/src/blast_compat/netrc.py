r"""Read ``.netrc``: names and passwords per host.

The format is tokens separated by white space: ``machine HOST login NAME password SECRET``, ``default`` for every other
host, ``macdef`` up to an empty line (ignored), ``account`` (ignored), ``#`` comments, and double quotes with ``\``.
Unlike the standard library's module a broken file is an error that names the line, never the secret.
"""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.pip_configuration import NetrcEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["find_netrc", "parse_netrc", "read_netrc"]

_DEFAULT = ""
_WORDS = ("login", "user", "password", "account")


def find_netrc(environ: Mapping[str, str]) -> str:
    """Return the path of the user's netrc: ``$NETRC``, ``~/.netrc`` or ``~/_netrc``; "" when there is none."""
    named = environ.get("NETRC", "")
    if named:
        return named if os.path.isfile(named) else ""
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    if not home:
        return ""
    for name in (".netrc", "_netrc"):
        path = os.path.join(home, name)
        if os.path.isfile(path):
            return path
    return ""


def read_netrc(path: str) -> tuple[NetrcEntry, ...]:
    """Read the entries of a netrc file, in file order; () when it doesn't exist or may not be read.

    Raises:
        UsageError: the file is malformed; the message names the line.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except OSError:
        return ()
    return parse_netrc(text, path)


def parse_netrc(text: str, path: str = ".netrc") -> tuple[NetrcEntry, ...]:
    """Parse netrc text; the ``default`` entry has the machine "".

    Raises:
        UsageError: an unknown word, or a word without its value.
    """
    entries: list[NetrcEntry] = []
    tokens = _tokens(text, path)
    for word, line in tokens:
        if word == "machine":
            entries.append(NetrcEntry(_value(tokens, word, line, path).lower(), "", ""))
        elif word == "default":
            entries.append(NetrcEntry(_DEFAULT, "", ""))
        elif word in _WORDS and entries:
            entries[-1] = _with(entries[-1], word, _value(tokens, word, line, path))
        else:
            raise UsageError(
                f"{path}, line {line}: not a netrc entry",
                reason="expected machine, default, login, password, account or macdef",
                hint="correct the file, or point NETRC at another one",
            )
    return tuple(entries)


def _with(entry: NetrcEntry, word: str, value: str) -> NetrcEntry:
    if word == "password":
        return entry._replace(password=value)
    return entry._replace(login=value) if word in ("login", "user") else entry


def _value(tokens: Iterator[tuple[str, int]], word: str, line: int, path: str) -> str:
    for value, _ in tokens:
        return value
    raise UsageError(f"{path}, line {line}: {word} has no value")


def _tokens(text: str, path: str) -> Iterator[tuple[str, int]]:
    """Yield tokens with their line numbers, without comments and macros."""
    in_macro = False
    expects_value = False
    for number, line in enumerate(text.splitlines(), 1):
        if in_macro:
            in_macro = bool(line.strip())
            continue
        for word in _split_line(line, number, path):
            if word.startswith("#") and not expects_value:
                break
            if word == "macdef" and not expects_value:
                in_macro = True
                break
            expects_value = not expects_value and (word == "machine" or word in _WORDS)
            yield word, number


def _split_line(line: str, number: int, path: str) -> Iterator[str]:
    at, end = 0, len(line)
    while at < end:
        if line[at].isspace():
            at += 1
        elif line[at] == '"':
            token, at = _quoted(line, at + 1, number, path)
            yield token
        else:
            start = at
            while at < end and not line[at].isspace():
                at += 1
            yield line[start:at]


def _quoted(line: str, at: int, number: int, path: str) -> tuple[str, int]:
    pieces: list[str] = []
    while at < len(line):
        if line[at] == '"':
            return "".join(pieces), at + 1
        if line[at] == "\\" and at + 1 < len(line):
            at += 1
        pieces.append(line[at])
        at += 1
    raise UsageError(f"{path}, line {number}: a quote is not closed")
