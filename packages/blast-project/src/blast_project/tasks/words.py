"""The words of a command: split as a POSIX shell does, on every platform, and without a shell.

Understood are quotes, backslashes, ``$NAME`` and ``${NAME:-default}``, ``NAME=value`` before a command, and ``&&``
between commands. Whatever else a shell does something with (pipes, redirections, globs of files are left to programs)
is refused rather than passed on by accident.

``{name}`` stands for an argument of the task and never falls into several words; ``{args}``, where it stands alone, for
all words that are left, and ``{args:default words}`` for others where none is left. What else stands in braces stays.
"""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Command", "Values", "has_words_left", "join_words", "replace_names", "split_commands", "split_words"]

_OPERATORS = "|&;<>`\n"
_NAME_START = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
_NAME = _NAME_START + "0123456789"
# What shlex.quote leaves as it is.
_SAFE = _NAME + "@%+=:,./-"
_HINT = "write it as shell = '…' if a shell shall do it, or in quotes if it shall stay as it is"


class Command(NamedTuple):
    """One command: variables for it alone, and its words."""

    variables: tuple[tuple[str, str], ...]
    words: tuple[str, ...]


class Values(NamedTuple):
    """What stands for names in braces.

    Attributes:
        named: arguments of the task by name, and ``root``.
        rest: the words that are left.
        many: which names stand for several words, joined as a shell quotes them.
    """

    named: Mapping[str, str]
    rest: tuple[str, ...] = ()
    many: tuple[str, ...] = ()


def split_commands(text: str, values: Values, variables: Mapping[str, str]) -> list[Command]:
    """Return the commands of a line.

    Args:
        text: as a task has it.
        values: for names in braces.
        variables: for ``$NAME``.

    Raises:
        UsageError: a quote is not closed, or only a shell would understand it.
    """
    commands: list[Command] = []
    words: list[str] = []
    for word in _Lexer(text, values, variables).words():
        if word is None:
            commands.append(_command(words, text))
            words = []
        else:
            words.append(word)
    commands.append(_command(words, text))
    return commands


def split_words(text: str, values: Values, variables: Mapping[str, str]) -> list[str]:
    """Return the words of a line that is one command.

    Raises:
        UsageError: as `split_commands`, or there are several.
    """
    commands = split_commands(text, values, variables)
    if len(commands) > 1 or commands[0].variables:
        raise UsageError(f"'{text}' is more than a command with arguments", hint="make a task of it")
    return list(commands[0].words)


def replace_names(text: str, values: Values, *, quote: bool = False) -> str:
    """Return a text with ``{name}`` and ``{args}`` replaced, each quoted for a POSIX shell if asked."""
    parts: list[str] = []
    at = 0
    while True:
        found = _find_name(text, at, values)
        if found is None:
            return "".join([*parts, text[at:]])
        start, end, name, default = found
        if name == "args":
            value = join_words(values.rest) if values.rest else default
        else:
            value = _quoted(values.named[name]) if quote else values.named[name]
        parts += [text[at:start], value]
        at = end


def join_words(words: Sequence[str]) -> str:
    """Return words as a line that a POSIX shell splits into them again, as ``shlex.join``, which imports ``re``."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word and not word.strip(_SAFE):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def has_words_left(text: str) -> bool:
    """Tell whether a command says where the words that are left go."""
    return _find_name(text, 0, Values({})) is not None


def _command(words: Sequence[str], text: str) -> Command:
    count = 0
    while count < len(words) and _is_assignment(words[count]):
        count += 1
    if count == len(words):
        raise UsageError(f"'{text}' names no command", reason="there is nothing where a program should stand")
    pairs = (word.partition("=") for word in words[:count])
    return Command(tuple((name, value) for name, _, value in pairs), tuple(words[count:]))


def _is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals and name and name[0] in _NAME_START and not name.strip(_NAME))


def _find_name(text: str, at: int, values: Values) -> tuple[int, int, str, str] | None:
    """Return where the next name in braces begins and ends, the name and its default; None if there is none."""
    while True:
        start = text.find("{", at)
        end = text.find("}", start) if start >= 0 else -1
        if end < 0:
            return None
        name, colon, default = text[start + 1 : end].partition(":")
        is_variable = start > 0 and text[start - 1] == "$"
        if not is_variable and ((name == "args") or (name in values.named and not colon)):
            return start, end + 1, name, default
        at = start + 1


class _Lexer:
    """Cuts a line into words; None stands for ``&&``."""

    def __init__(self, text: str, values: Values, variables: Mapping[str, str]) -> None:
        self._text, self._values, self._variables = text, values, variables
        self._at = 0

    def words(self) -> list[str | None]:
        found: list[str | None] = []
        text = self._text
        while self._at < len(text):
            if text[self._at] in " \t\n":
                self._at += 1
            elif text.startswith("&&", self._at):
                found.append(None)
                self._at += 2
            else:
                found += self._word()
        return found

    def _word(self) -> list[str]:
        """Read one word, which ``{args}`` alone may make several of, or none."""
        text, start = self._text, self._at
        whole = self._braces()
        if whole is not None and whole[1] in self._values.many and self._ends():
            from shlex import split

            return split(whole[0])
        if whole is not None and whole[1] == "args" and self._ends():
            return list(self._values.rest) or (split_words(whole[2], Values({}), {}) if whole[2].strip() else [])
        self._at = start
        parts: list[str] = []
        while self._at < len(text) and text[self._at] not in " \t\n":
            sign = text[self._at]
            braces = self._braces()
            if braces is not None:
                parts.append(braces[0])
            elif sign in "'\"":
                parts.append(self._quoted(sign))
            elif sign == "\\" and self._at + 1 < len(text):
                parts.append(text[self._at + 1])
                self._at += 2
            elif sign == "$":
                parts.append(self._variable())
            elif text.startswith("&&", self._at):
                break
            elif sign in _OPERATORS:
                raise UsageError(f"'{text}' needs a shell", reason=f"found {sign!r}", hint=_HINT)
            else:
                parts.append(sign)
                self._at += 1
        return ["".join(parts)]

    def _ends(self) -> bool:
        return self._at == len(self._text) or self._text[self._at] in " \t\n"

    def _braces(self) -> tuple[str, str, str] | None:
        """Read a name in braces here: what stands for it as one word, the name and its default."""
        found = _find_name(self._text, self._at, self._values) if self._text[self._at] == "{" else None
        if found is None or found[0] != self._at:
            return None
        _, self._at, name, default = found
        value = (join_words(self._values.rest) or default) if name == "args" else self._values.named[name]
        return value, name, default

    def _quoted(self, quote: str) -> str:
        text = self._text
        parts: list[str] = []
        self._at += 1
        while self._at < len(text) and text[self._at] != quote:
            sign = text[self._at]
            braces = self._braces()
            if braces is not None:
                parts.append(braces[0])
            elif quote == '"' and sign == "\\" and text[self._at + 1 : self._at + 2] in ('"', "\\", "$", "`"):
                parts.append(text[self._at + 1])
                self._at += 2
            elif quote == '"' and sign == "$":
                parts.append(self._variable())
            else:
                parts.append(sign)
                self._at += 1
        if self._at >= len(text):
            raise UsageError(f"'{text}' has a quote that is not closed")
        self._at += 1
        return "".join(parts)

    def _variable(self) -> str:
        """Read ``$NAME`` or ``${NAME:-default}``; a dollar that begins neither stands for itself."""
        text, start = self._text, self._at + 1
        if text.startswith("(", start):
            raise UsageError(f"'{text}' needs a shell", reason="found '$('", hint=_HINT)
        if text.startswith("{", start):
            from blast_project.env_files import expand_variables

            end = text.find("}", start)
            if end >= 0:
                self._at = end + 1
                return expand_variables(text[start - 1 : end + 1], self._variables)
        end = start
        while end < len(text) and text[end] in _NAME and not (end == start and text[end].isdigit()):
            end += 1
        self._at = end
        return self._variables.get(text[start:end], "") if end > start else "$"
