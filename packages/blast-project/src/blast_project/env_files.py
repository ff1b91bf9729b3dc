r"""Files of variables, as ``--env-file`` and ``env-file`` name them, and the variables that settings add.

    # a comment
    export NAME=value           # with or without export; a comment needs a space before it
    QUOTED="two words\\n$NAME ${OTHER:-default}"
    LITERAL='as it is, $NAME too'

The words are those of python-dotenv, whose import costs 20 ms: what it reads is read the same here, which a test holds,
but that single quotes keep ``${NAME}`` as it is, as in a shell. A value in quotes may have several lines. ``${NAME}``
stands for a variable of the file above, of an earlier file or of the environment; ``$NAME`` is left alone, as
python-dotenv leaves it. What is no assignment is an error with its line, where python-dotenv only warns.
"""

from __future__ import annotations

import os

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["add_variables", "expand_variables", "parse_env_file", "program_variables", "read_env_files"]

_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SPACES = " \t\f\v"


def parse_env_file(text: str, path: str, known: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a file, in its order.

    Args:
        text: of the file.
        path: for error messages.
        known: variables that it may refer to; they go before those of the file.

    Raises:
        UsageError: a line is no assignment.
    """
    found: dict[str, str] = {}
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        at, name, value, is_literal = _assignment(text, at, path)
        if name:
            found[name] = value if is_literal else expand_variables(value, {**found, **known})
    return found


def read_env_files(paths: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of several files, a later file before an earlier one.

    Raises:
        UsageError: a file can't be read, or holds something else.
    """
    found: dict[str, str] = {}
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UsageError(
                f"{path}: the variables can't be read", reason=str(reason), hint="--env-file or env-file names it"
            ) from error
        found.update(parse_env_file(text, path, {**found, **known}))
    return found


def expand_variables(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with ``${NAME}`` and ``${NAME:-default}`` replaced; a name that is not there is empty."""
    parts: list[str] = []
    at = 0
    while True:
        start = text.find("${", at)
        end = text.find("}", start) if start >= 0 else -1
        if end < 0:
            return "".join([*parts, text[at:]])
        name, colon, default = text[start + 2 : end].partition(":-")
        value = variables.get(name, "")
        parts += [text[at:start], value if value or not colon else default]
        at = end + 1


def add_variables(variables: dict[str, str], table: Iterable[tuple[str, object]], *, force: bool) -> None:
    """Add a table of variables, which may refer to those that are there and to each other's.

    Args:
        variables: to which they are added.
        table: values, or tables with ``value`` and ``force``.
        force: a variable that is there already is replaced, unless its table says otherwise.
    """
    for name, said in table:
        value, replaces = (said["value"], said.get("force", force)) if isinstance(said, dict) else (said, force)
        if replaces or name not in variables:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            variables[name] = expand_variables(text, variables)


def program_variables(
    environ: Mapping[str, str],
    root: str,
    tool: Mapping[str, object],
    env_files: Sequence[str],
    *,
    use_files: bool = True,
) -> dict[str, str]:
    """Return the variables of a program that is run: the environment's own go before files, files before settings.

    Args:
        environ: the environment's own.
        root: directory to which ``env-file`` of the settings is relative.
        tool: the table ``[tool.blast]``.
        env_files: absolute paths that options name.
        use_files: read those that settings name, too.

    Raises:
        UsageError: a file can't be read, or holds something else.
    """
    said = tool.get("env-file", ()) if use_files else ()
    names = [said] if isinstance(said, str) else list(said) if isinstance(said, list) else []
    paths = [*(os.path.join(root, name) for name in names), *env_files]
    variables = {**read_env_files(paths, environ), **environ}
    table = tool.get("env", {})
    add_variables(variables, table.items() if isinstance(table, dict) else (), force=False)
    return variables


def _assignment(text: str, at: int, path: str) -> tuple[int, str, str, bool]:
    """Read one line, or several where quotes hold them: where it ends, name, value, and whether it is literal."""
    end = _line_end(text, at)
    line = text[at:end].strip()
    if not line or line.startswith("#"):
        return end + 1, "", "", False
    start = at
    while text[start] in _SPACES:
        start += 1
    if text.startswith("export", start) and text[start + 6 : start + 7] in tuple(_SPACES):
        start += 6
        while text[start : start + 1] in tuple(_SPACES):
            start += 1
    name, start = _name(text, start, end, path)
    if text[start : start + 1] != "=":
        if text[start:end].strip() and not text[start:end].strip().startswith("#"):
            raise _fault(text, at, path)
        # A name alone is no variable.
        return end + 1, "", "", False
    start += 1
    while text[start : start + 1] in tuple(_SPACES):
        start += 1
    quote = text[start : start + 1]
    if quote in ("'", '"'):
        return _quoted(text, start, name, path)
    value = text[start:end]
    comment = next((at for at in range(1, len(value)) if value[at] == "#" and value[at - 1].isspace()), len(value))
    return end + 1, name, value[:comment].rstrip(), False


def _name(text: str, start: int, end: int, path: str) -> tuple[str, int]:
    if text[start] == "'":
        close = text.find("'", start + 1, end)
        if close < 0:
            raise _fault(text, start, path)
        name, at = text[start + 1 : close], close + 1
    else:
        at = start
        while at < end and text[at] not in "=#" and not text[at].isspace():
            at += 1
        name = text[start:at]
    while at < end and text[at] in _SPACES:
        at += 1
    if not name:
        raise _fault(text, start, path)
    return name, at


def _quoted(text: str, start: int, name: str, path: str) -> tuple[int, str, str, bool]:
    quote = text[start]
    at = start + 1
    signs: list[str] = []
    while at < len(text) and text[at] != quote:
        if text[at] == "\\" and at + 1 < len(text):
            escaped = text[at + 1]
            known = _ESCAPES if quote == '"' else {"\\": "\\", "'": "'"}
            signs.append(known.get(escaped, "\\" + escaped))
            at += 2
        else:
            signs.append(text[at])
            at += 1
    if at >= len(text):
        raise _fault(text, start, path)
    end = _line_end(text, at)
    rest = text[at + 1 : end].strip()
    if rest and not rest.startswith("#"):
        raise _fault(text, start, path)
    return end + 1, name, "".join(signs), quote == "'"


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _fault(text: str, at: int, path: str) -> UsageError:
    line = text.count("\n", 0, at) + 1
    return UsageError(
        f"{path}:{line}: this is no variable",
        reason=f"found {text[at : _line_end(text, at)].strip()[:60]!r}",
        hint="write NAME=value",
    )
