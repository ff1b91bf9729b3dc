"""From a task to steps: what it depends on, what runs before and after it, its parts, each once, in a lawful order."""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_project.env_files import add_variables, program_variables, read_env_files
from blast_project.tasks.arguments import bind_arguments
from blast_project.tasks.words import (
    Command,
    Values,
    has_words_left,
    join_words,
    replace_names,
    split_commands,
    split_words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_compat.task_tables import Reference, Task
    from blast_project.tasks.finding import TaskBook, TaskPlace

__all__ = ["Plan", "Step", "make_plan"]

_WIDEST_TITLE = 40
# What a task with clean-env still sees: without these, programs don't start or don't find their user.
_KEPT = (
    "COLORTERM",
    "COMSPEC",
    "HOME",
    "HOMEDRIVE",
    "HOMEPATH",
    "INIT_CWD",
    "LANG",
    "LOGNAME",
    "PATH",
    "PATHEXT",
    "SHELL",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "USERNAME",
    "USERPROFILE",
    "VIRTUAL_ENV",
    "WINDIR",
)


class Step(NamedTuple):
    """One thing to run, or a knot that only holds others together.

    Attributes:
        label: name of its task, with its member's and its arguments.
        commands: what runs, one after the other; the first word may be looked up still. () for a knot.
        shown: the same for people.
        directory: in which it runs.
        variables: all that it sees.
        own: those that settings say, which count for its freshness.
        needs: steps that must have succeeded before.
        after: steps that must be over before.
        keep_going: its failure stops nothing but what needs it.
        root: directory to which inputs and outputs are relative.
        inputs: globs.
        outputs: globs.
    """

    label: str
    commands: tuple[Command, ...]
    shown: str
    directory: str
    variables: Mapping[str, str]
    own: Mapping[str, str]
    needs: frozenset[int]
    after: frozenset[int]
    keep_going: bool = False
    root: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def is_remembered(self) -> bool:
        """Whether what it read and wrote tells if it has to run."""
        return bool(self.inputs or self.outputs)


class Plan(NamedTuple):
    """Steps in a lawful order, and whether some of them may run at once."""

    steps: tuple[Step, ...]
    is_parallel: bool


class _Context(NamedTuple):
    """What a task inherits from who asks for it."""

    env: tuple[tuple[str, object], ...] = ()
    keep_going: bool = False
    path: tuple[str, ...] = ()


def make_plan(
    book: TaskBook,
    asked: Sequence[tuple[TaskPlace, Task]],
    words: Sequence[str],
    environ: Mapping[str, str],
    python: str,
    *,
    env_files: Sequence[str] | None = (),
    keep_going: bool = False,
    parallel: bool = False,
) -> Plan:
    """Return the steps of tasks and of all that they depend on.

    Args:
        book: all tasks.
        asked: which, in order.
        words: after their name.
        environ: the variables of a program in the environment.
        python: the environment's interpreter.
        env_files: absolute paths that options name; None reads no files, those of settings neither.
        keep_going: a task that fails does not keep the others from running.
        parallel: the tasks asked for may run at once.

    Raises:
        UsageError: arguments are wrong, a task that is asked for is not there, or tasks depend on each other.
    """
    planner = _Planner(book, environ, python, env_files)
    after: frozenset[int] = frozenset()
    for place, task in asked:
        end = planner.add(place, task, words, after, _Context(keep_going=keep_going))
        if not parallel:
            after |= {end}
    return Plan(tuple(planner.steps), planner.is_parallel or (parallel and len(asked) > 1))


class _Planner:
    def __init__(
        self, book: TaskBook, environ: Mapping[str, str], python: str, env_files: Sequence[str] | None
    ) -> None:
        self._book, self._environ, self._python, self._env_files = book, environ, python, env_files
        self._ends: dict[object, int] = {}
        self._base: dict[str, dict[str, str]] = {}
        self.steps: list[Step] = []
        self.is_parallel = False

    def add(self, place: TaskPlace, task: Task, words: Sequence[str], after: frozenset[int], context: _Context) -> int:
        """Add a task with all that it depends on, each once, and return its last step."""
        label = f"{place.package}:{task.name}" if place.package else task.name
        if label in context.path:
            circle = " -> ".join([*context.path[context.path.index(label) :], label])
            raise UsageError("tasks depend on each other in a circle", reason=circle, hint="take one of them out")
        key = (label, tuple(words), repr(context.env))
        if key not in self._ends:
            _check_kind(task)
            named, rest = bind_arguments(task, words)
            many = tuple(argument.name for argument in task.arguments if argument.many)
            values = Values({**named, "root": place.directory}, rest, many)
            inner = context._replace(path=(*context.path, label), keep_going=context.keep_going or task.keep_going)
            title = " ".join([label, *words]) if words else label
            self._ends[key] = self._add(place, task, values, title[:_WIDEST_TITLE], after, inner)
        return self._ends[key]

    def _add(
        self, place: TaskPlace, task: Task, values: Values, label: str, after: frozenset[int], context: _Context
    ) -> int:
        variables, own = self._variables(place, task, values, context)
        plain = context._replace(env=())
        needs = self._references(place, task, task.depends, values, variables, after, plain)
        after |= needs
        needs |= self._references(place, task, task.pre, values, variables, after, plain)
        if task.kind == "composite":
            within = context._replace(env=(*context.env, *task.env))
            needs |= self._references(place, task, task.parts, values, variables, after | needs, within)
        made = self._commands(task, values, variables)
        step = Step(
            label,
            made[0],
            made[1],
            os.path.normpath(os.path.join(place.directory, replace_names(task.cwd, values))),
            variables,
            own,
            needs,
            after,
            context.keep_going,
            place.directory,
            tuple(replace_names(glob, values) for glob in task.inputs),
            tuple(replace_names(glob, values) for glob in task.outputs),
        )
        end = self._append(step)
        if not task.post:
            return end
        last = self._references(place, task, task.post, values, variables, frozenset((end,)), plain)
        knot = step._replace(commands=(), shown="", needs=last | {end}, after=frozenset(), inputs=(), outputs=())
        return self._append(knot)

    def _append(self, step: Step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def _references(
        self,
        place: TaskPlace,
        task: Task,
        references: Sequence[Reference],
        values: Values,
        variables: Mapping[str, str],
        after: frozenset[int],
        context: _Context,
    ) -> frozenset[int]:
        """Add what a task refers to; one after the other, unless they may run at once."""
        ends: frozenset[int] = frozenset()
        is_composite = references is task.parts
        if task.parallel and len(references) > 1:
            self.is_parallel = True
        for reference in references:
            if reference.words:
                words = [replace_names(word, values) for word in reference.words]
            else:
                words = self._words_of(reference.line, values, variables)
            inner = context._replace(env=(*context.env, *reference.env)) if reference.env else context
            if is_composite and not reference.words and self._book.find(words[0], place) is None:
                end = self._add_command(place, task, reference.line, values, after, inner)
            else:
                end = self.add(*self._book.get(words[0], place), words[1:], after, inner)
            ends |= {end}
            if not task.parallel:
                after |= {end}
        return ends

    def _words_of(self, line: str, values: Values, variables: Mapping[str, str]) -> list[str]:
        commands = split_commands(line, values, variables)
        # A line of several commands, or with variables of its own, names no task.
        return [line] if len(commands) > 1 or commands[0].variables else list(commands[0].words)

    def _add_command(
        self, place: TaskPlace, task: Task, line: str, values: Values, after: frozenset[int], context: _Context
    ) -> int:
        """Add a part of a composite that is a command and no task."""
        part = task._replace(kind="cmd", command=line, parts=(), depends=(), pre=(), post=())
        variables, own = self._variables(place, part, values, context)
        commands = tuple(split_commands(line, values, variables))
        directory = os.path.normpath(os.path.join(place.directory, replace_names(task.cwd, values)))
        label, shown = context.path[-1], replace_names(line, values)
        nothing: frozenset[int] = frozenset()
        return self._append(Step(label, commands, shown, directory, variables, own, nothing, after, context.keep_going))

    def _commands(self, task: Task, values: Values, variables: Mapping[str, str]) -> tuple[tuple[Command, ...], str]:
        """Return what a task runs itself, and the same for people."""
        takes_rest = not task.arguments
        if task.kind in {"", "composite"}:
            mentions = any(has_words_left(part.line) for part in (*task.parts, *task.depends))
            mentions |= any(has_words_left(word) for part in (*task.parts, *task.depends) for word in part.words)
            _check_rest(task, values, takes_rest=mentions)
            return (), ""
        text = task.command if isinstance(task.command, str) else " ".join(task.command)
        mentions = has_words_left(text)
        _check_rest(task, values, takes_rest=takes_rest or mentions or task.kind == "call")
        more = () if mentions else values.rest
        tail = f" {join_words(more)}" if more else ""
        if task.kind == "call":
            from blast_project.tasks.calling import call_program

            program = call_program(task, values)
            shown = text + "".join(f" {word}" for word in values.rest)
            return (Command((), (self._python, "-c", program, *values.rest)),), shown
        if task.kind == "shell":
            line = replace_names(text, values, quote=True) + tail
            return (Command((), _shell(line)),), line
        if isinstance(task.command, tuple):
            words = [word for one in task.command for word in _listed(one, values)]
            return (Command((), (*words, *more)),), join_words([*words, *more])
        commands = split_commands(text, values, variables)
        commands[-1] = commands[-1]._replace(words=(*commands[-1].words, *more))
        # Not what variables hold: it may be secret.
        return tuple(commands), replace_names(text, values, quote=True) + tail

    def _variables(
        self, place: TaskPlace, task: Task, values: Values, context: _Context
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return all variables that a task sees, and those that settings say."""
        if place.directory not in self._base:
            root = self._book.members[0]
            files, uses = self._env_files or (), self._env_files is not None
            base = program_variables(self._environ, root.directory, root.tool, files, use_files=uses)
            if place.directory != root.directory:
                base = program_variables(base, place.directory, place.tool, (), use_files=uses)
            self._base[place.directory] = base
        variables = dict(self._base[place.directory])
        if task.clean_env:
            variables = {name: value for name, value in variables.items() if name in _KEPT or name.startswith("LC_")}
        names = task.env_files if self._env_files is not None else ()
        paths = [os.path.join(place.directory, replace_names(name, values)) for name in names]
        for name, value in read_env_files(paths, variables).items():
            variables.setdefault(name, value)
        rows = [(name, _replaced(value, values)) for name, value in task.env]
        add_variables(variables, rows, force=True)
        add_variables(variables, context.env, force=True)
        own = {name: value for name, value in variables.items() if self._environ.get(name) != value}
        own.update({name: variables[name] for name, _ in (*task.env, *context.env)})
        return variables, own


def _check_kind(task: Task) -> None:
    if not (task.kind or task.depends or task.pre or task.post):
        from blast_project.tasks.finding import this_platform

        raise UsageError(f"{task.name} does nothing on {this_platform()}", reason="only other platforms have a command")


def _check_rest(task: Task, values: Values, *, takes_rest: bool) -> None:
    if values.rest and not takes_rest:
        from blast_project.tasks.arguments import usage_of

        raise UsageError(
            f"{task.name} takes no '{values.rest[0]}'",
            reason="its command says nowhere where further words go",
            hint=f"{usage_of(task)}; {{args}} in its command takes further words",
        )


def _listed(word: str, values: Values) -> list[str]:
    """Return the words that one word of a list stands for: several for ``{args}`` alone."""
    if word.startswith("{") and word.endswith("}"):
        name, _, default = word[1:-1].partition(":")
        if name == "args":
            return list(values.rest) or (split_words(default, Values({}), {}) if default.strip() else [])
        if name in values.many:
            from shlex import split

            return split(values.named[name])
    return [replace_names(word, values)]


def _replaced(value: object, values: Values) -> object:
    if isinstance(value, dict):
        return {**value, "value": _replaced(value["value"], values)}
    return replace_names(value, values) if isinstance(value, str) else value


def _shell(line: str) -> tuple[str, ...]:
    if os.name == "nt":
        return (os.environ.get("COMSPEC", "cmd.exe"), "/d", "/s", "/c", line)
    return ("/bin/sh", "-c", line)
