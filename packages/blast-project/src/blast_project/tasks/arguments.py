"""The words after a task's name, given to the arguments that it declares."""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_project.tasks.words import join_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_compat.task_tables import Task, TaskArgument

__all__ = ["bind_arguments", "usage_of"]

_SWITCHES = {"true": "true", "1": "true", "yes": "true", "on": "true"}
_OFF = {"false": "false", "0": "false", "no": "false", "off": "false"}


def bind_arguments(task: Task, words: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the value of each declared argument, and the words that are left.

    An argument is given by its place, or as ``--name VALUE``; a boolean as ``--name`` or ``--no-name``. After ``--``
    all words stand for themselves. An option that is not declared is a word that is left, with all that follows it.

    Raises:
        UsageError: one is missing, or isn't of its type or one of its choices.
    """
    if not task.arguments:
        return {}, tuple(words[1:]) if words[:1] == ["--"] else tuple(words)
    values, plain, left = _take_options(task, words)
    rest = (*_place(task, plain, values), *left)
    for argument in task.arguments:
        if argument.name not in values:
            if argument.default is None:
                raise UsageError(f"{task.name} needs '{argument.name}'", hint=usage_of(task))
            values[argument.name] = argument.default
    return values, rest


def usage_of(task: Task) -> str:
    """Return how a task is called."""
    parts = [f"blast task {task.name}"]
    for argument in task.arguments:
        name = argument.name.replace("_", "-")
        shown = f"--{name}" if argument.type == "boolean" else f"--{name} {argument.name.upper()}"
        if not argument.option:
            shown = "|".join(argument.choices) if argument.choices else argument.name.upper()
            shown += "…" if argument.many else ""
        parts.append(shown if argument.default is None else f"[{shown}]")
    return " ".join(parts)


def _take_options(task: Task, words: Sequence[str]) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the arguments that are given by name, words to be placed, and those from an unknown option on."""
    named = {argument.name.replace("_", "-"): argument for argument in task.arguments}
    negated = {f"no-{name}": argument for name, argument in named.items() if argument.type == "boolean"}
    values: dict[str, str] = {}
    plain: list[str] = []
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word == "--":
            return values, plain + pending, []
        name, equals, value = word[2:].partition("=") if word.startswith("--") else ("", "", "")
        if name in named:
            argument = named[name]
            if not equals:
                value = "true" if argument.type == "boolean" else _next(task, argument, pending)
            values[argument.name] = _checked(task, argument, value)
        elif name in negated and not equals:
            values[negated[name].name] = "false"
        elif word.startswith("-") and word != "-":
            return values, plain, [word, *pending]
        else:
            plain.append(word)
    return values, plain, []


def _place(task: Task, plain: list[str], values: dict[str, str]) -> tuple[str, ...]:
    rest = list(plain)
    for argument in task.arguments:
        if argument.option or argument.name in values or not rest:
            continue
        if argument.many:
            values[argument.name] = join_words([_checked(task, argument, word) for word in rest])
            return ()
        values[argument.name] = _checked(task, argument, rest.pop(0))
    return tuple(rest)


def _next(task: Task, argument: TaskArgument, pending: list[str]) -> str:
    if not pending:
        raise UsageError(f"--{argument.name} of {task.name} needs a value", hint=usage_of(task))
    return pending.pop(0)


def _checked(task: Task, argument: TaskArgument, word: str) -> str:
    """Return the value that a word stands for."""
    place = f"'{argument.name}' of {task.name} is '{word}'"
    if argument.choices and word not in argument.choices:
        raise UsageError(place, reason=f"it may be {', '.join(argument.choices)}", hint=usage_of(task))
    if argument.type == "boolean":
        value = {**_SWITCHES, **_OFF}.get(word.lower())
        if value is None:
            raise UsageError(place, reason="it may be true or false", hint=usage_of(task))
        return value
    if argument.type in {"integer", "number"}:
        try:
            (int if argument.type == "integer" else float)(word)
        except ValueError as error:
            kind = "a whole number" if argument.type == "integer" else "a number"
            raise UsageError(place, reason=f"it must be {kind}", hint=usage_of(task)) from error
    return word
