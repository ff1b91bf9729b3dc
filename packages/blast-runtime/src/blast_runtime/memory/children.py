"""Processes that a program starts: they inherit the descriptors, and Pythons among them find what lies in memory.

`subprocess` and `multiprocessing` start processes through one function of the interpreter, which closes descriptors
that are not named. Its place is taken by one that names ours, and that starts programs which lie in memory: console
scripts and executables of distributions. What starts processes otherwise (``os.exec…``, ``os.posix_spawn``,
``os.system``) leaves the descriptors open by itself.
"""

from __future__ import annotations

import os
import sys

from blast_runtime.memory.container import FILE, LINK, PREFIX, descriptor_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from blast_runtime.memory.container import Container

__all__ = ["BIN", "change_subprocess", "install", "read_flags", "script_line"]

#: Where console scripts seem to be.
BIN = PREFIX + "/bin"
_PREFIX_BYTES = PREFIX.encode() + b"/"
# Flags of the interpreter by which it would not see PYTHONPATH; and those that take the rest of the line.
_BLIND = frozenset("IE")
_ENDING = frozenset("cm")
_WITH_VALUE = frozenset("WX")
# How a wheel's script begins that any Python may run.
_SCRIPT = b"#!python"


def install(container: Container) -> None:
    """Take the place of the function that starts processes; once for a process."""
    import _posixsubprocess

    original = _posixsubprocess.fork_exec

    def fork_exec(args: Any, executables: Any, close_fds: Any, keep: Any, cwd: Any, env: Any, *rest: Any) -> Any:
        line, executables = _translate(container, list(args), [os.fsencode(one) for one in executables])
        if close_fds:
            keep = tuple(sorted({*keep, *container.descriptors()}))
        return original(line, tuple(executables), close_fds, keep, cwd, _with_path(env), *rest)

    _posixsubprocess.fork_exec = fork_exec
    if "subprocess" in sys.modules:
        change_subprocess(sys.modules["subprocess"])


def change_subprocess(module: Any) -> None:
    """Let ``subprocess`` start everything through the one function, even if it was imported before."""
    import _posixsubprocess

    if hasattr(module, "_fork_exec"):
        setattr(module, "_fork_exec", _posixsubprocess.fork_exec)  # noqa: B010 - nobody else's business, but ours
    # By which, from Python 3.13 on, descriptors are closed otherwise.
    setattr(module, "_USE_POSIX_SPAWN", False)  # noqa: B010 - as above


def script_line(reference: str) -> str:
    """Return the program of a console script, for ``python -c``; its name is the first argument."""
    module, _, attribute = reference.partition(":")
    first = attribute.partition(".")[0]
    return (
        "import sys; sys.argv = sys.argv[1:]; sys.path[:1] = [p for p in sys.path[:1] if p]\n"
        f"from {module} import {first}\nsys.exit({attribute}())"
    )


def _translate(container: Container, line: list[Any], executables: list[bytes]) -> tuple[list[Any], list[bytes]]:
    """Return what to start for a line: as it is, or the interpreter for a script in memory."""
    for at, executable in enumerate(executables):
        if executable.startswith(_PREFIX_BYTES):
            found = _program(container, os.fsdecode(executable), line)
            if found is not None:
                return found
        elif os.path.isfile(executable):
            # This is what the system will start.
            if _is_python(executable):
                return _python_line(container, line), executables[at:]
            break
    return line, executables


def _program(container: Container, path: str, line: list[Any]) -> tuple[list[Any], list[bytes]] | None:
    path, entry = container.find(path)
    python = os.fsencode(sys.executable)
    reference = container.facts["scripts"].get(path[len(BIN) + 1 :]) if path.startswith(BIN + "/") else None
    if reference is not None:
        return [python, b"-c", script_line(reference).encode(), os.fsencode(path), *line[1:]], [python]
    if not entry:
        return None
    if entry[0] == LINK:
        linked = os.fsencode(entry[1])
        if _is_python(linked):
            # By its first word an interpreter finds out where it is.
            line = _python_line(container, [linked, *line[1:]])
        return line, [linked]
    if entry[0] == FILE and bytes(container.view(entry)[: len(_SCRIPT)]) == _SCRIPT:
        return [python, b"-c", _RUN_PATH, os.fsencode(path), *line[1:]], [python]
    # The system reads a first line that names another interpreter by itself.
    return line, [descriptor_path(container.materialise(path, entry)).encode()]


def _is_python(executable: bytes) -> bool:
    return os.path.realpath(os.fsdecode(executable)) == os.path.realpath(sys.executable)


def _python_line(container: Container, line: list[Any]) -> list[Any]:
    """Return the line of an interpreter, changed where it would not see what lies in memory.

    Those are lines whose script lies in memory, and those with flags that turn PYTHONPATH off.
    """
    words = [os.fsdecode(word) for word in line]
    at, blind, ending = read_flags(words)
    if not ending and at < len(words) and words[at].startswith(PREFIX + "/"):
        reference = container.facts["scripts"].get(words[at].rpartition("/")[2]) if words[at].startswith(BIN) else None
        code = script_line(reference) if reference is not None else _RUN_PATH
        return [*line[:at], b"-c", (_BEGIN.format(container.facts["begin"]) if blind else "") + code, *line[at:]]
    if not blind or at >= len(words):
        return line
    begin = _BEGIN.format(container.facts["begin"])
    if ending == "c":
        return [*line[:at], begin + f"exec(compile({words[at]!r}, '<string>', 'exec'))", *line[at + 1 :]]
    if ending == "m":
        code = f"import runpy\nrunpy._run_module_as_main({words[at]!r})"
        return [*line[: at - 1], *_without_m(words[at - 1]), "-c", begin + code, *line[at + 1 :]]
    if words[at].startswith("-"):
        return line
    return [*line[:at], b"-c", begin + _RUN_PATH, *line[at:]]


def read_flags(words: Sequence[str]) -> tuple[int, bool, str]:
    """Return where the first word behind the flags is, whether a flag turns PYTHONPATH off, and what ends the flags."""
    blind = False
    at = 1
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "--"):
        word = words[at]
        if word.startswith("--"):
            at += 2 if word == "--check-hash-based-pycs" else 1
            continue
        for place, flag in enumerate(word[1:], 2):
            blind |= flag in _BLIND
            if flag in _ENDING:
                if word[place:]:
                    # Written together with what it names; nobody does that.
                    return len(words), blind, ""
                return at + 1, blind, flag
            if flag in _WITH_VALUE:
                at += 0 if word[place:] else 1
                break
        at += 1
    return at, blind, ""


def _without_m(word: str) -> list[str]:
    return [word[:-1]] if len(word) > 2 else []


# For children that don't see PYTHONPATH: what they do before anything else.
_BEGIN = "import sys\nsys.path.insert(0, {0!r})\nimport blast_in_memory\n"
_RUN_PATH = "import sys, runpy\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"


def _with_path(env: Any) -> Any:
    """Return variables that name what lies in memory, where a child is given variables of its own choice."""
    if env is None:
        return None
    own = os.fsencode(os.environ.get("PYTHONPATH", ""))
    first = own.partition(b":")[0]
    if not first:
        return env
    rows = [row for row in env if not row.startswith(b"PYTHONPATH=")]
    given = next((row[len(b"PYTHONPATH=") :] for row in env if row.startswith(b"PYTHONPATH=")), b"")
    if first not in given.split(b":"):
        given = first + b":" + given if given else first
    return [*rows, b"PYTHONPATH=" + given]
