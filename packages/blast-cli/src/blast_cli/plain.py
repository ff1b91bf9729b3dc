"""The arguments of a command whose words are plain, without argparse: switches, options with a value, names in a row.

Importing argparse and making a parser cost 10 ms of processor time, as much as a bare interpreter; ``blast sync`` and
``blast add flask --group web`` need nothing of it. Commands declare their options through `Defaults` as through a
parser, and it answers what the parser would.
"""

from __future__ import annotations

from blast_cli.options import BYTECODE_VARIABLE, add_common_options, bytecode_word
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    Configure = Callable[[argparse.ArgumentParser], None]

    class _Action(Protocol):
        option_strings: Any
        choices: Any
        nargs: Any
        const: Any
        default: Any


__all__ = ["Defaults", "from_environment", "plain_arguments", "variable_of"]

_OFF = frozenset(("", "0", "false", "no", "off"))


class _Arguments:
    """Stands for an ``argparse.Namespace``."""


class _Option:
    __slots__ = ("appends", "choices", "const", "default", "dest", "excludes", "is_typed", "nargs", "option_strings")

    def __init__(
        self,
        names: tuple[str, ...],
        dest: str,
        default: object,
        const: object,
        nargs: object,
        given: Mapping[str, Any],
        *,
        excludes: bool,
    ) -> None:
        self.option_strings = names
        self.dest = dest
        self.default = default
        self.const = const
        self.nargs = nargs
        self.choices = given.get("choices")
        self.is_typed = "type" in given
        self.appends = given.get("action") == "append"
        self.excludes = excludes


class Defaults:
    """Takes declarations as an ``argparse.ArgumentParser`` does, and keeps the defaults alone.

    Attributes:
        options: what begins with ``-``.
        positionals: value of each other argument when no word is given.
        rest: names of those that take any number of words, whatever these are.
        needs_words: one of those is not without a word.
        is_sufficient: no other word is required, and nothing was declared that only argparse understands.
    """

    def __init__(self) -> None:
        self.options: list[_Option] = []
        self.positionals: dict[str, object] = {}
        self.rest: list[str] = []
        self.needs_words = False
        self.is_sufficient = True
        #: The only argument, where it takes one word, which may be missing or not; else "".
        self.takes_one = ""
        #: The only argument, where it takes all words from the first that is no option on; else "".
        self.takes_rest = ""

    def add_argument_group(self, *_: str) -> Defaults:
        """Groups are for help alone."""
        return self

    def add_mutually_exclusive_group(self, *, required: bool = False) -> _Exclusive:
        """Return what takes the declarations of options that exclude each other."""
        self.is_sufficient &= not required
        return _Exclusive(self)

    def add_argument(self, *names: str, **given: Any) -> None:
        """Take a declaration."""
        self.declare(names, given)

    def declare(self, names: tuple[str, ...], given: Mapping[str, Any], *, excludes: bool = False) -> None:
        """Take a declaration; ``excludes`` tells that the option may not stand beside others."""
        default, nargs, action = given.get("default"), given.get("nargs"), given.get("action", "store")
        if not names[0].startswith("-"):
            is_free = not {"type", "choices", "action"} & given.keys()
            self.is_sufficient &= nargs in {"?", "*", "+", "..."} or (nargs is None and is_free)
            self.needs_words |= nargs in {"+", None}
            self.takes_one = names[0] if nargs in {"?", None} and is_free and not self.positionals else ""
            self.takes_rest = names[0] if nargs == "..." and not self.positionals else ""
            name = given.get("dest", names[0])
            self.positionals[name] = [] if default is None and nargs != "?" else default
            if nargs in {"*", "+"} and not {"type", "choices"} & given.keys():
                self.rest.append(name)
            return
        long = next((name for name in names if name.startswith("--")), names[0])
        dest = given.get("dest") or long.lstrip("-").replace("-", "_")
        const = given.get("const")
        if action == "store_true":
            default, const = bool(default), True
        if action in {"store_true", "store_const", "count"}:
            nargs = 0
        elif action not in {"store", "append"}:
            self.is_sufficient = False
        self.is_sufficient &= not given.get("required", False)
        self.options.append(_Option(names, dest, default, const, nargs, given, excludes=excludes))


class _Exclusive:
    """A group of options that exclude each other."""

    def __init__(self, declared: Defaults) -> None:
        self._declared = declared

    def add_argument(self, *names: str, **given: Any) -> None:
        self._declared.declare(names, given, excludes=True)


def plain_arguments(
    configure: Configure, environ: Mapping[str, str], words: Sequence[str] = ()
) -> argparse.Namespace | None:
    """Return the arguments of a command; None when only argparse can tell, or has to complain.

    Args:
        configure: declares the command's arguments.
        environ: a variable ``BLAST_NAME`` is the default of the option ``--name``.
        words: what follows the command. Options are understood when they are written in full, other words when there is
            one argument that takes them all and they stand together; whatever else is left to argparse.
    """
    declared: Any = Defaults()
    add_common_options(declared)
    configure(declared)
    if not declared.is_sufficient or (declared.needs_words and not words):
        return None
    arguments: Any = _Arguments()
    for dest, value in declared.positionals.items():
        setattr(arguments, dest, value)
    for option in declared.options:
        # Of options that write to one place, the first one's default holds.
        if not hasattr(arguments, option.dest):
            setattr(arguments, option.dest, option.default)
    for option in declared.options:
        variable = variable_of(option)
        if variable in environ:
            if option.is_typed:
                return None
            setattr(arguments, option.dest, from_environment(option, environ[variable]))
    return _with_words(declared, arguments, words) if words else arguments


def _with_words(declared: Defaults, arguments: Any, words: Sequence[str]) -> argparse.Namespace | None:
    """Return the arguments with what words say of them; None when only argparse can tell."""
    names: list[int] = []
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if not word.startswith("-"):
            if declared.takes_rest and word:
                # Whatever follows belongs to what is run.
                setattr(arguments, declared.takes_rest, list(words[place - 1 :]))
                break
            names.append(place)
            continue
        option = next((option for option in declared.options if word in option.option_strings), None)
        if option is None or option.excludes:
            return None
        if option.nargs == 0:
            # A switch that counts has no value of its own.
            count = getattr(arguments, option.dest) + 1 if option.const is None else 0
            setattr(arguments, option.dest, count or option.const)
            continue
        if option.nargs is not None or option.is_typed or place == len(words) or words[place].startswith("-"):
            return None
        value = words[place]
        place += 1
        if option.choices is not None and value not in option.choices:
            return None
        setattr(arguments, option.dest, [*getattr(arguments, option.dest), value] if option.appends else value)
    if (names or declared.needs_words) and not _take_names(declared, arguments, names, words):
        return None
    result: argparse.Namespace = arguments
    return result


def _take_names(declared: Defaults, arguments: Any, names: list[int], words: Sequence[str]) -> bool:
    """Set the argument that takes the words at ``names``, counted from 1; False where only argparse can tell."""
    together = bool(names) and names[-1] - names[0] == len(names) - 1
    if len(declared.positionals) != 1 or not together:
        return False
    if declared.takes_one and len(names) == 1:
        setattr(arguments, declared.takes_one, words[names[0] - 1])
        return True
    if not declared.rest:
        return False
    setattr(arguments, declared.rest[0], [words[at - 1] for at in names])
    return True


def _typed(action: _Action, word: str) -> object:
    """Return one of the values of an option that may be repeated; argparse converts only those that it reads itself."""
    kind = getattr(action, "type", None)
    if kind is None:
        return word
    try:
        value: object = kind(word)
    except ValueError as error:
        raise UsageError(f"{variable_of(action)} holds '{word}'", reason=str(error), hint="unset it") from error
    return value


def variable_of(action: _Action) -> str:
    """Return the variable that is the default of an option: ``BLAST_`` and its long name; empty if it has none."""
    long = next((name for name in action.option_strings if name.startswith("--")), "")
    return f"BLAST_{long[2:].replace('-', '_').upper()}" if long and long != "--help" else ""


def from_environment(action: _Action, value: str) -> object:
    """Return the default of an option whose variable holds ``value``.

    Raises:
        UsageError: it is none of the option's choices.
    """
    if action.nargs == 0:
        if variable_of(action) == BYTECODE_VARIABLE:
            return bytecode_word(value)
        if isinstance(action.const, bool):
            return action.const if value.lower() not in _OFF else not action.const
        if action.const is not None:
            return action.const if value.lower() not in _OFF else action.default
        return int(value) if value.isdecimal() else action.default
    if isinstance(action.default, list):
        return [_typed(action, word) for word in value.split()]
    if action.choices is not None and value not in action.choices:
        if not value:
            return action.default
        raise UsageError(
            f"{variable_of(action)} is '{value}'", reason=f"it may be {', '.join(action.choices)}", hint="unset it"
        )
    return value
