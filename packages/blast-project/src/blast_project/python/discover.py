"""Which interpreter answers to a request.

A request is one of ``blast_project.python.request``, or a path. Places are looked at in this order: the request itself
when it is a path, ``PATH``, the installations of Blast, pyenv and uv, and last the interpreter that runs Blast.
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import InterpreterNotFound, ProbeFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from blast_core.interpreter import Interpreter
    from blast_project.python.probe import InterpreterCache
    from blast_project.python.request import InterpreterRequest

__all__ = ["find_interpreter", "iter_interpreters", "read_python_version_file"]

_NAMES = ("python3", "python", *(f"python3.{minor}" for minor in range(30, 8, -1)))


def find_interpreter(
    request: str, requires_python: str, environ: Mapping[str, str], home: str, cache: InterpreterCache
) -> Interpreter:
    """Return the first interpreter that answers to ``request`` and satisfies ``requires_python``.

    Args:
        request: as in the module's docstring; empty for any.
        requires_python: a specifier set; empty for any.
        environ: where PATH, PYENV_ROOT and the like are looked up.
        home: the store, whose ``pythons`` are looked at too.
        cache: what is known of interpreters already.

    Raises:
        InterpreterNotFound: none does; the reason lists those that were seen.
        ProbeFailed: the request names a path that is no interpreter.
    """
    if os.sep in request or (os.altsep and os.altsep in request):
        return _checked(cache.get(_executable_below(request)), requires_python)
    from blast_project.python.request import parse_request

    wanted = parse_request(request)
    seen: list[str] = []
    for executable in iter_interpreters(environ, home, wanted.name):
        try:
            interpreter = cache.get(executable)
        except ProbeFailed:
            continue
        if _answers(interpreter, wanted) and _satisfies(interpreter, requires_python):
            return interpreter
        if interpreter.version not in seen:
            seen.append(interpreter.version)
    asked = " and ".join(
        filter(None, (request and f"'{request}'", requires_python and f"requires-python '{requires_python}'"))
    )
    raise InterpreterNotFound(
        f"no Python interpreter found for {asked or 'this machine'}",
        reason=f"found only {', '.join(seen)}" if seen else "none was found on PATH or in the usual places",
        hint="install one, or name one with --python PATH",
        request=request,
        requires_python=requires_python,
    )


def read_python_version_file(directory: str) -> str:
    """Return the request in ``.python-version`` of ``directory``; empty if there is none.

    The first line that is neither empty nor a comment counts.
    """
    try:
        with open(os.path.join(directory, ".python-version"), encoding="utf-8-sig", errors="replace") as file:
            lines = [line.strip() for line in file]
    except OSError:
        return ""
    return next((line for line in lines if line and not line.startswith("#")), "")


def iter_interpreters(environ: Mapping[str, str], home: str, name: str = "") -> Iterator[str]:
    """Yield paths of executables that may be interpreters, best first, each real file once."""
    seen: set[str] = set()
    for path in _places(environ, home, name):
        try:
            real = os.path.realpath(path)
        except OSError:
            continue
        if real not in seen and os.access(real, os.X_OK) and os.path.isfile(real):
            seen.add(real)
            yield path


def _places(environ: Mapping[str, str], home: str, name: str) -> Iterator[str]:
    suffix = ".exe" if os.name == "nt" else ""
    names = (name,) if name else _NAMES
    user = environ.get("HOME") or os.path.expanduser("~")
    pyenv = environ.get("PYENV_ROOT") or os.path.join(user, ".pyenv")
    for directory in environ.get("PATH", "").split(os.pathsep):
        if not directory:
            continue
        if os.path.basename(directory) == "shims":
            # A shim is a shell script that picks another interpreter by directory: look behind it.
            for executable in _pyenv_selected(pyenv):
                yield os.path.join(os.path.dirname(executable), name + suffix) if name else executable
            continue
        for candidate in names:
            path = os.path.join(directory, candidate + suffix)
            if os.path.exists(path):
                yield path
    if name:
        return
    uv_pythons = environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(user, ".local", "share", "uv", "python")
    for root in (os.path.join(home, "pythons"), os.path.join(pyenv, "versions"), uv_pythons):
        yield from _installations(root)
    yield getattr(sys, "_base_executable", sys.executable)


def _pyenv_selected(root: str) -> Iterator[str]:
    """The versions that ``pyenv global`` chose, then none: the rest come after PATH."""
    try:
        with open(os.path.join(root, "version"), encoding="utf-8") as file:
            chosen = file.read().split()
    except OSError:
        return
    for version in chosen:
        yield _executable_below(os.path.join(root, "versions", version))


def _installations(root: str) -> Iterator[str]:
    try:
        names = os.listdir(root)
    except OSError:
        return
    for name in sorted(names, key=_version_order, reverse=True):
        yield _executable_below(os.path.join(root, name))


def _version_order(name: str) -> tuple[int, ...]:
    digits = "".join(char if char.isdigit() else " " for char in name)
    return tuple(int(part) for part in digits.split()[:3])


def _executable_below(path: str) -> str:
    """Return the interpreter of an installation or environment directory; a file is returned as it is."""
    if not os.path.isdir(path):
        return path
    for relative in ("bin/python3", "bin/python", "python.exe", "Scripts/python.exe", "install/bin/python3"):
        candidate = os.path.join(path, *relative.split("/"))
        if os.path.exists(candidate):
            return candidate
    return os.path.join(path, "bin", "python3")


def _answers(interpreter: Interpreter, wanted: InterpreterRequest) -> bool:
    if wanted.implementation and interpreter.implementation != wanted.implementation:
        return False
    return _satisfies(interpreter, wanted.specifier)


def _satisfies(interpreter: Interpreter, specifier: str) -> bool:
    if not specifier:
        return True
    from blast_core.version.specifiers import SpecifierSet

    return SpecifierSet(specifier).contains(interpreter.version, prereleases=True)


def _checked(interpreter: Interpreter, requires_python: str) -> Interpreter:
    if not _satisfies(interpreter, requires_python):
        raise InterpreterNotFound(
            f"{interpreter.executable} is Python {interpreter.version}",
            reason=f"the project requires Python {requires_python}",
            hint="name another interpreter with --python, or change requires-python",
        )
    return interpreter
