"""``blast +3.12 …`` and calls as ``python``: other ways to say ``blast run --no-env``.

- ``blast +3.12 script.py`` is ``blast run --no-env -p 3.12 script.py``.
- ``python3.12 -m http.server``, by a program that `blast python shims` made, is ``blast run --no-env -p 3.12 python -m
  http.server``; so is ``python +3.12 -m http.server``. Of a script, its own directory says which project counts.
"""

import os

__all__ = ["AS_PYTHON", "is_short", "spell_out"]

#: The word in front of a call as ``python``; behind it the path of the program, then the arguments.
AS_PYTHON = "__python"
# Options of Python that have a value of their own.
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


def is_short(words: list[str]) -> bool:
    """Tell whether these words are one of the other ways."""
    return bool(words) and (words[0] == AS_PYTHON or (words[0][:1] == "+" and len(words[0]) > 1))


def spell_out(words: list[str]) -> list[str]:
    """Return the arguments of ``blast`` that other words stand for.

    Raises:
        UsageError: they name more than one version of Python.
    """
    named: list[str] = []
    is_python = words[0] == AS_PYTHON
    if is_python:
        named += _version_in(words[1])
        words = words[2:]
    while words and words[0][:1] == "+" and len(words[0]) > 1:
        named.append(words[0][1:])
        words = words[1:]
    if not is_python:
        named += _versions_among(words)
    if len(named) > 1:
        from blast_core.errors import UsageError

        raise UsageError(f"more than one version of Python: {' and '.join(named)}", hint="name one of them")
    own = ["run", "--no-env", *(["-p", named[0]] if named and named[0] not in _versions_among(words) else [])]
    if is_python and words and _has_metadata(words[0]):
        return [*own, "-s", *words]
    if is_python:
        return [*own, *_project_of(words), "python", *words]
    return [*own, *(words or ["python"])]


def _version_in(path: str) -> list[str]:
    version = os.path.basename(path).removesuffix(".exe").removeprefix("python")
    return [version] if "." in version else []


def _versions_among(words: list[str]) -> list[str]:
    """Return what options in front of the command name."""
    found = []
    for number, word in enumerate(words):
        if not word.startswith("-"):
            break
        option, equals, value = word.partition("=")
        if option in {"-p", "--python"}:
            found.append(value if equals else next(iter(words[number + 1 : number + 2]), ""))
            break
    return found


def _has_metadata(path: str) -> bool:
    """Tell whether a file says what it needs (PEP 723); behind options of Python it is not asked."""
    if path.startswith("-"):
        return False
    try:
        with open(path, "rb", 0) as file:
            return b"# /// script" in file.readall()
    except OSError:
        return False


def _project_of(words: list[str]) -> list[str]:
    """Return the option that lets the project around a script count, where there is one."""
    script = _script_among(words)
    if not script:
        return []
    directory = start = os.path.dirname(os.path.abspath(script))
    while not os.path.isfile(os.path.join(directory, "pyproject.toml")):
        if directory == os.path.dirname(directory):
            return []
        directory = os.path.dirname(directory)
    return [] if start == os.getcwd() else ["--project", start]


def _script_among(words: list[str]) -> str:
    """Return the file that Python would run; "" for a module, a command, standard input or none."""
    rest = iter(words)
    for word in rest:
        if word == "-" or not word.startswith("-"):
            return word if word != "-" else ""
        if word in _WITH_VALUE:
            next(rest, "")
        elif not word.startswith(("--", *_WITH_VALUE)) and ("c" in word or "m" in word):
            return ""
    return ""
