"""Which interpreter answers to a request.

A request is one of ``blast_project.python.request``, or a path. Places are looked at in this order: the request itself
when it is a path, the installations of Blast, ``PATH``, those of pyenv, uv and mise, what the registry of Windows and
further tools know, and last the interpreter that runs Blast. Another preference puts Blast's own after ``PATH``, or
leaves out either.
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

__all__ = [
    "PREFERENCES",
    "SHIM",
    "answers",
    "find_interpreter",
    "install_directory",
    "is_path",
    "iter_interpreters",
    "minor_key",
    "settle",
    "watched_places",
]

#: What is asked first, Blast's own installations or the machine's, and whether the other is asked at all.
PREFERENCES = ("managed", "system", "only-managed", "only-system")
#: The file behind the programs ``python`` that choose an interpreter by the project (`blast_project.no_env.shims`).
SHIM = "blast-python"
_NAMES = ("python3", "python", *(f"python3.{minor}" for minor in range(30, 7, -1)), "pypy3")
_ENDINGS = ("t", "d", "td")
_OTHERS = ("pypy", "graalpy")


def install_directory(environ: Mapping[str, str], home: str) -> str:
    """Return where Blast installs interpreters: ``BLAST_PYTHON_INSTALL_DIR``, or ``pythons`` of its home."""
    named = environ.get("BLAST_PYTHON_INSTALL_DIR", "")
    return os.path.abspath(os.path.expanduser(named)) if named else os.path.join(home, "pythons")


def is_path(request: str) -> bool:
    """Tell whether a request is a path rather than words."""
    return os.sep in request or bool(os.altsep and os.altsep in request)


def find_interpreter(
    request: str,
    requires_python: str,
    environ: Mapping[str, str],
    home: str,
    cache: InterpreterCache,
    preference: str = "",
) -> Interpreter:
    """Return the first interpreter that answers to ``request`` and satisfies ``requires_python``.

    Args:
        request: as in the module's docstring; empty for any.
        requires_python: a specifier set; empty for any.
        environ: where PATH, PYENV_ROOT and the like are looked up.
        home: the store, whose ``pythons`` are looked at too.
        cache: what is known of interpreters already.
        preference: one of `PREFERENCES`; empty for the first.

    Raises:
        InterpreterNotFound: none does; the reason lists those that were seen.
        ProbeFailed: the request names a path that is no interpreter.
    """
    root = install_directory(environ, home)
    if is_path(request):
        path = os.path.abspath(_executable_below(os.path.expanduser(request)))
        found = _checked(cache.get(path), requires_python)
        is_ours = path.startswith(root + os.sep) and os.path.realpath(path) == found.executable
        return found._replace(executable=path) if is_ours else found
    from blast_project.python.request import parse_request

    wanted = parse_request(request)
    seen: list[str] = []
    other: Interpreter | None = None
    for executable in iter_interpreters(environ, home, wanted.name, preference):
        try:
            interpreter = cache.get(executable, searching=True)
        except ProbeFailed:
            continue
        if answers(interpreter, wanted) and _satisfies(interpreter, requires_python):
            if wanted.implementation or wanted.name or not os.path.basename(executable).startswith(_OTHERS):
                return settle(interpreter, root, wanted)
            # Who says 3.9 means CPython, as long as there is one.
            other = other or settle(interpreter, root, wanted)
        if (version := interpreter.version + interpreter.variant) not in seen:
            seen.append(version)
    if other is not None:
        return other
    asked = " and ".join(
        filter(None, (request and f"'{request}'", requires_python and f"requires-python '{requires_python}'"))
    )
    raise InterpreterNotFound(
        f"no Python interpreter found for {asked or 'this machine'}",
        reason=f"found only {', '.join(seen)}" if seen else "none was found on PATH or in the usual places",
        hint="'blast python install' gets one; or name one with --python PATH",
        request=request,
        requires_python=requires_python,
    )


def settle(interpreter: Interpreter, root: str, wanted: InterpreterRequest | None = None) -> Interpreter:
    """Return an interpreter of Blast's own by way of the link that leads to the newest patch level.

    One that is not Blast's own, is not the newest, or was asked for by its patch level stays as it is.
    """
    if not interpreter.executable.startswith(root + os.sep) or (wanted is not None and wanted.is_exact):
        return interpreter
    key, _, rest = interpreter.executable[len(root) + 1 :].partition(os.sep)
    link = os.path.join(root, minor_key(key))
    try:
        leads_there = os.path.basename(os.readlink(link)) == key
    except OSError:
        leads_there = False
    return interpreter._replace(executable=os.path.join(link, rest)) if leads_there else interpreter


def minor_key(key: str) -> str:
    """Return the name of an installation without its patch level: ``cpython-3.12-linux-x86_64-gnu``."""
    implementation, _, rest = key.partition("-")
    version, dash, platform = rest.partition("-")
    version, plus, variant = version.partition("+")
    return f"{implementation}-{'.'.join(version.split('.')[:2])}{plus}{variant}{dash}{platform}"


def iter_interpreters(environ: Mapping[str, str], home: str, name: str = "", preference: str = "") -> Iterator[str]:
    """Yield paths of executables that may be interpreters, best first, each real file once."""
    seen: set[str] = set()
    for path in _places(environ, home, name, preference or PREFERENCES[0]):
        try:
            real = os.path.realpath(path)
        except OSError:
            continue
        if os.path.basename(real) == SHIM:
            # It would look for an interpreter itself.
            continue
        if real not in seen and os.access(real, os.X_OK) and os.path.isfile(real):
            seen.add(real)
            yield path


def watched_places(environ: Mapping[str, str], home: str) -> Iterator[str]:
    """Yield files and directories that change when another interpreter may be the first that answers."""
    from blast_project.python.version_files import global_version_file

    user = environ.get("HOME") or os.path.expanduser("~")
    pyenv = environ.get("PYENV_ROOT") or os.path.join(user, ".pyenv")
    yield install_directory(environ, home)
    yield global_version_file(environ)
    yield from (directory for directory in environ.get("PATH", "").split(os.pathsep) if directory)
    yield os.path.join(pyenv, "version")
    yield from _roots(environ, user, pyenv)


def _roots(environ: Mapping[str, str], user: str, pyenv: str) -> Iterator[str]:
    data = environ.get("XDG_DATA_HOME") or os.path.join(user, ".local", "share")
    yield os.path.join(pyenv, "versions")
    yield environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python")
    yield os.path.join(environ.get("MISE_DATA_DIR") or os.path.join(data, "mise"), "installs", "python")


def _places(environ: Mapping[str, str], home: str, name: str, preference: str) -> Iterator[str]:
    own = install_directory(environ, home)
    if not name and preference in {"managed", "only-managed"}:
        yield from _installations(own)
    if preference == "only-managed":
        return
    for path in _system_places(environ, name):
        # An activated environment may lead to an interpreter of ours, which is no link on PATH.
        if preference != "only-system" or not os.path.realpath(path).startswith(own + os.sep):
            yield path
    if name:
        return
    if preference == "system":
        yield from _installations(own)
    yield getattr(sys, "_base_executable", sys.executable)


def _system_places(environ: Mapping[str, str], name: str) -> Iterator[str]:
    user = environ.get("HOME") or os.path.expanduser("~")
    pyenv = environ.get("PYENV_ROOT") or os.path.join(user, ".pyenv")
    yield from _on_path(environ, name, pyenv)
    if name:
        return
    for root in _roots(environ, user, pyenv):
        yield from _installations(root)
    yield from _known_to_others(environ, user)


def _on_path(environ: Mapping[str, str], name: str, pyenv: str) -> Iterator[str]:
    suffix = ".exe" if os.name == "nt" else ""
    names = (name,) if name else _NAMES
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
            if not os.path.exists(path):
                continue
            yield path
            if not name and candidate[-1].isdigit():
                yield from (path + ending for ending in _ENDINGS if os.path.exists(path + ending))


def _known_to_others(environ: Mapping[str, str], user: str) -> Iterator[str]:
    """What findpython knows further: Windows' registry (PEP 514), python.org's installer on macOS, asdf and rye."""
    asdf = environ.get("ASDF_DATA_DIR") or os.path.join(user, ".asdf")
    rye = environ.get("RYE_PY_ROOT") or os.path.join(user, ".rye", "py")
    has_installer = sys.platform == "darwin" and os.path.isdir("/Library/Frameworks/Python.framework")
    if not (os.name == "nt" or has_installer or os.path.isdir(asdf) or os.path.isdir(rye)):
        return
    # 45 ms to import: only where one of them is there, and nothing before has answered.
    from pathlib import Path

    from findpython.providers.asdf import AsdfProvider
    from findpython.providers.macos import MacOSProvider
    from findpython.providers.rye import RyeProvider
    from findpython.providers.winreg import WinregProvider

    providers = (WinregProvider.create(), MacOSProvider.create(), AsdfProvider(Path(asdf)), RyeProvider(Path(rye)))
    for provider in filter(None, providers):
        for found in provider.find_pythons():
            yield str(found.executable)


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
        if not name.startswith("."):
            yield _executable_below(os.path.join(root, name))


def _version_order(name: str) -> tuple[bool, tuple[int, ...]]:
    # What a plain request does not ask for is looked at last.
    is_ordinary = not name.startswith(("pypy", "graalpy")) and "+" not in name
    digits = "".join(char if char.isdigit() else " " for char in name)
    return is_ordinary, tuple(int(part) for part in digits.split()[:3])


def _executable_below(path: str) -> str:
    """Return the interpreter of an installation or environment directory; a file is returned as it is."""
    if not os.path.isdir(path):
        return path
    for relative in ("bin/python3", "bin/python", "python.exe", "Scripts/python.exe", "install/bin/python3"):
        candidate = os.path.join(path, *relative.split("/"))
        if os.path.exists(candidate):
            return candidate
    return os.path.join(path, "bin", "python3")


def answers(interpreter: Interpreter, wanted: InterpreterRequest) -> bool:
    """Tell whether an interpreter is what a request asks for."""
    if wanted.implementation and interpreter.implementation != wanted.implementation:
        return False
    if wanted.variant not in {interpreter.variant, "*"}:
        return False
    if wanted.system and (wanted.system, wanted.machine, wanted.library) != _masked(interpreter, wanted):
        return False
    return _satisfies(interpreter, wanted.specifier)


def _masked(interpreter: Interpreter, wanted: InterpreterRequest) -> tuple[str, str, str]:
    """Return the platform of an interpreter, as far as it is asked for."""
    from blast_project.python.platform_of import platform_of

    system, machine, library = platform_of(interpreter)
    return system, machine if wanted.machine else "", library if wanted.library else ""


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
