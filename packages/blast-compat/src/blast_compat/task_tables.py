"""Tasks, as ``[tool.blast.tasks]`` says them, checked where they stand.

    test = "pytest -x {args}"                       # words of one command, without a shell
    clean = ["python", "-c", "print('words')"]      # the words themselves
    [tool.blast.tasks.serve]
    cmd = "flask run --port {port}"                 # or shell = "…", call = "module:function(port)", composite = […]
    args = [{name = "port", type = "integer", default = 8000}]
    depends = ["build"]

A task reads as a value here; what it comes to on a machine is the business of whoever runs it.
"""

from __future__ import annotations

from blast_compat.manifest_tables import Fault, read_mapping, read_text, read_texts
from blast_compat.variable_tables import check_env_files, check_variables
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["ARGUMENT_TYPES", "PLATFORMS", "Reference", "Task", "TaskArgument", "check_tasks", "read_tasks"]

_KINDS = ("cmd", "shell", "call", "composite")
#: What an argument's ``type`` may be.
ARGUMENT_TYPES = ("text", "integer", "number", "boolean", "path")
#: Of which platforms a task may have a variant.
PLATFORMS = ("linux", "macos", "windows", "unix")
_SWITCHES = ("parallel", "keep-going", "hidden", "clean-env")
_LISTS = ("inputs", "outputs")
_REFERENCES = ("depends", "pre", "post")
_TEXTS = ("help", "cwd")
_KNOWN = (*_KINDS, *_TEXTS, *_SWITCHES, *_LISTS, *_REFERENCES, "args", "env", "env-file", "aliases", "platform")
_ARGUMENT_KEYS = ("name", "type", "default", "choices", "help", "option", "many")
_NAME_SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/"
#: Names that stand for something else in a command.
_RESERVED = ("args", "root")


class TaskArgument(NamedTuple):
    """An argument that a task declares.

    Attributes:
        name: as it stands in ``{name}``.
        type: one of `ARGUMENT_TYPES`.
        default: as text; None where it has to be given.
        choices: what it may be; () for anything.
        help: one line.
        option: it is given as ``--name VALUE`` alone, a boolean as ``--name``.
        many: it takes all words that are left.
    """

    name: str
    type: str = "text"
    default: str | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    option: bool = False
    many: bool = False


class Reference(NamedTuple):
    """A task or a command that a task asks for: a line, or words of which the first is a task; with variables."""

    line: str
    words: tuple[str, ...] = ()
    env: tuple[tuple[str, object], ...] = ()


class Task(NamedTuple):
    """One task.

    Attributes:
        name: under which it stands.
        kind: ``cmd``, ``shell``, ``call``, ``composite``, or "" for one that only depends on others.
        command: its text; words where they are given as such.
        parts: of a composite.
        help: one line.
        arguments: that it declares.
        env: its variables.
        env_files: files of variables.
        cwd: relative to the directory of its manifest.
        depends: what has to be done before.
        pre: what runs right before it.
        post: what runs right after it.
        parallel: what it depends on, and its parts, may run at once.
        keep_going: a part that fails does not keep the next ones from running.
        inputs: globs of files that it reads.
        outputs: globs of files that it writes.
        aliases: other names.
        hidden: it is not listed.
        clean_env: it sees no variables but its own and the few that every program needs.
    """

    name: str
    kind: str = ""
    command: str | tuple[str, ...] = ""
    parts: tuple[Reference, ...] = ()
    help: str = ""
    arguments: tuple[TaskArgument, ...] = ()
    env: tuple[tuple[str, object], ...] = ()
    env_files: tuple[str, ...] = ()
    cwd: str = ""
    depends: tuple[Reference, ...] = ()
    pre: tuple[Reference, ...] = ()
    post: tuple[Reference, ...] = ()
    parallel: bool = False
    keep_going: bool = False
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    clean_env: bool = False


def check_tasks(table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """Check every task, on every platform.

    Raises:
        Fault: one is wrong, or two have one name.
    """
    for platform in ("", *PLATFORMS):
        read_tasks(table, platform, keys)


def read_tasks(
    table: Mapping[str, Any], platform: str = "", keys: tuple[str, ...] = ("tool", "blast", "tasks")
) -> dict[str, Task]:
    """Return the tasks by name, in the order of the manifest.

    Args:
        table: ``[tool.blast.tasks]``.
        platform: one of `PLATFORMS` whose variants count; "" for none. ``unix`` counts for linux and macos too.
        keys: the way to the table.

    Raises:
        Fault: a task is wrong.
    """
    tasks = {name: _read_task(name, value, platform, (*keys, name)) for name, value in table.items()}
    names = dict.fromkeys(tasks, "")
    for task in tasks.values():
        for alias in task.aliases:
            _check_name(alias, (*keys, task.name, "aliases"))
            if alias in names:
                message = f"two tasks are called '{alias}'"
                raise Fault((*keys, task.name, "aliases"), message, reason=f"{task.name} has it as an alias")
            names[alias] = task.name
    return tasks


def _read_task(name: str, value: object, platform: str, keys: tuple[str, ...]) -> Task:
    _check_name(name, keys)
    if isinstance(value, str | list):
        value = {"cmd": value}
    if not isinstance(value, dict):
        raise _wrong(keys, "a command or a table", value)
    table = _on_platform(value, platform, keys)
    _check_known(table, _KNOWN, keys)
    kinds = [kind for kind in _KINDS if kind in table]
    if len(kinds) > 1:
        raise Fault(keys, f"the task '{name}' has {' and '.join(kinds)}", hint="one task has one of them")
    if not kinds and not any(table.get(key) for key in _REFERENCES):
        if value.get("platform"):
            # What it does, other platforms have.
            return Task(name, help=read_text(table, "help", keys))
        raise Fault(keys, f"the task '{name}' does nothing", hint="give it a cmd, or depends")
    kind = kinds[0] if kinds else ""
    check_variables(table.get("env", {}), (*keys, "env"))
    check_env_files(table.get("env-file", []), (*keys, "env-file"))
    for key in _SWITCHES:
        if not isinstance(table.get(key, False), bool):
            raise _wrong((*keys, key), "true or false", table[key])
    files = table.get("env-file", [])
    return Task(
        name,
        kind,
        "" if kind == "composite" else _read_command(table, kind, keys),
        _read_references(table, "composite", keys) if kind == "composite" else (),
        read_text(table, "help", keys),
        arguments=_read_arguments(table, keys),
        env=tuple(table.get("env", {}).items()),
        env_files=(files,) if isinstance(files, str) else tuple(files),
        cwd=read_text(table, "cwd", keys),
        depends=_read_references(table, "depends", keys),
        pre=_read_references(table, "pre", keys),
        post=_read_references(table, "post", keys),
        parallel=table.get("parallel", False),
        keep_going=table.get("keep-going", False),
        inputs=read_texts(table, "inputs", keys),
        outputs=read_texts(table, "outputs", keys),
        aliases=read_texts(table, "aliases", keys),
        hidden=table.get("hidden", name.startswith("_")),
        clean_env=table.get("clean-env", False),
    )


def _on_platform(value: dict[str, Any], platform: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the table with what a platform says of it; another command replaces the task's own."""
    variants = read_mapping(value, "platform", keys)
    _check_known(variants, PLATFORMS, (*keys, "platform"))
    table = {key: one for key, one in value.items() if key != "platform"}
    for name in ("unix", platform) if platform in {"linux", "macos"} else (platform,):
        if name and name in variants:
            variant = variants[name]
            variant = {"cmd": variant} if isinstance(variant, str | list) else variant
            if not isinstance(variant, dict):
                raise _wrong((*keys, "platform", name), "a command or a table", variant)
            if any(kind in variant for kind in _KINDS):
                table = {key: one for key, one in table.items() if key not in _KINDS}
            table.update(variant)
    return table


def _read_command(table: Mapping[str, Any], kind: str, keys: tuple[str, ...]) -> str | tuple[str, ...]:
    if not kind:
        return ""
    if kind == "cmd" and isinstance(table[kind], list):
        words = read_texts(table, kind, keys)
        if not words:
            raise Fault((*keys, kind), "a command needs at least one word")
        return words
    text = read_text(table, kind, keys)
    if not text.strip():
        raise Fault((*keys, kind), f"{kind} is empty")
    if kind == "call" and ":" not in text.partition("(")[0]:
        hint = "such as 'package.module:function' or 'package.module:function(1, name)'"
        raise Fault((*keys, kind), f"call = {text!r} names no function", hint=hint)
    return text


def _read_references(table: Mapping[str, Any], key: str, keys: tuple[str, ...]) -> tuple[Reference, ...]:
    value = table.get(key, [])
    rows = [value] if isinstance(value, str | dict) else value
    if not isinstance(rows, list):
        raise _wrong((*keys, key), "an array of tasks", value)
    return tuple(_read_reference(row, (*keys, key)) for row in rows)


def _read_reference(row: object, keys: tuple[str, ...]) -> Reference:
    if isinstance(row, str) and row.strip():
        return Reference(row)
    if not isinstance(row, dict):
        raise _wrong(keys, "an array of texts and tables", row)
    _check_known(row, ("task", "args", "env"), keys)
    task = read_text(row, "task", keys)
    if not task:
        raise Fault(keys, f"{'.'.join(keys)} has a table without task")
    check_variables(row.get("env", {}), (*keys, "env"))
    words = row.get("args", [])
    if not isinstance(words, list):
        raise _wrong((*keys, "args"), "an array", words)
    return Reference("", (task, *(_text(word) for word in words)), tuple(row.get("env", {}).items()))


def _read_arguments(table: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[TaskArgument, ...]:
    rows = table.get("args", [])
    if not isinstance(rows, list):
        raise _wrong((*keys, "args"), "an array of arguments", rows)
    found = tuple(_read_argument(row, (*keys, "args")) for row in rows)
    names = [argument.name for argument in found]
    for name in names:
        if names.count(name) > 1:
            raise Fault((*keys, "args"), f"two arguments are called '{name}'", name)
    positional = [argument for argument in found if not argument.option]
    for at, after in enumerate(positional[1:]):
        before = positional[at]
        if before.many:
            raise Fault((*keys, "args"), f"'{before.name}' takes all words, and '{after.name}' comes after it")
        if before.default is not None and after.default is None:
            message = f"'{after.name}' has to be given, and '{before.name}' before it has not"
            raise Fault((*keys, "args"), message, after.name)
    return found


def _read_argument(row: object, keys: tuple[str, ...]) -> TaskArgument:
    row = {"name": row} if isinstance(row, str) else row
    if not isinstance(row, dict):
        raise _wrong(keys, "an array of names and tables", row)
    _check_known(row, _ARGUMENT_KEYS, keys)
    name = read_text(row, "name", keys)
    if not name.replace("-", "_").isidentifier() or name in _RESERVED:
        raise Fault(keys, f"{name!r} can't be the name of an argument", name)
    kind = read_text(row, "type", keys) or "text"
    if kind not in ARGUMENT_TYPES:
        reason = f"it may be {', '.join(ARGUMENT_TYPES)}"
        raise Fault(keys, f"the argument '{name}' is of the type '{kind}'", kind, reason=reason)
    choices = row.get("choices", [])
    if not isinstance(choices, list):
        raise _wrong((*keys, "choices"), "an array", choices)
    for key in ("option", "many"):
        if not isinstance(row.get(key, False), bool):
            raise _wrong((*keys, key), "true or false", row[key])
    default = _text(row["default"]) if "default" in row else None
    if kind == "boolean" and default is None:
        default = "false"
    argument = TaskArgument(
        name,
        kind,
        default,
        tuple(map(_text, choices)),
        read_text(row, "help", keys),
        row.get("option", kind == "boolean"),
        row.get("many", False),
    )
    if default is not None and argument.choices and default not in argument.choices:
        raise Fault(keys, f"the default of '{name}' is {default!r}", name, reason=f"it may be {', '.join(choices)}")
    return argument


def _check_name(name: str, keys: tuple[str, ...]) -> None:
    if not name or name.startswith("-") or name.strip(_NAME_SIGNS):
        hint = "letters, digits and -_.:/ make a name, and it doesn't begin with '-'"
        raise Fault(keys, f"{name!r} can't be the name of a task", hint=hint)


def _check_known(table: Mapping[str, Any], known: tuple[str, ...], keys: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            from blast_compat.settings_table import close_name

            close = close_name(key, known)
            hint = f"did you mean '{close}'?" if close else f"it may have {', '.join(known)}"
            raise Fault((*keys, key), f"{'.'.join(keys)} has an unknown '{key}'", hint=hint)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrong(keys: tuple[str, ...], expected: str, value: object) -> Fault:
    return Fault(keys, f"{'.'.join(keys)} must be {expected}", reason=f"found {value!r}")
