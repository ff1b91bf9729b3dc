"""Notebooks (``.ipynb``) as programs: their cells of code, run one after the other as one script.

    python notebook.py NOTEBOOK ARGUMENTS...

It is a program of its own, so that any interpreter can run it; who wants to know what a notebook needs reads its cells
with `read_cells`. What belongs to IPython is left out, and said: lines that begin with ``%``, ``!`` or ``?``, lines
that end with ``?``, assignments from them, and cells in other languages. The number of every line stays.

Spec: nbformat 4, and 3 with its worksheets.
"""

import ast
import json
import os
import sys
import tokenize

__all__ = ["Cell", "main", "read_cells"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

# Of cells that begin with these words the rest is Python.
_PYTHON_CELLS = frozenset(("%%time", "%%timeit", "%%capture", "%%prun", "%%python", "%%python3", "%%px", "%%memit"))


class Cell:
    """A cell of code.

    Attributes:
        number: among all cells of the notebook, from 1.
        source: what Python runs, line by line where it stands in the cell.
        magics: number of the line in the cell, from 1, and text, of what was left out.
    """

    __slots__ = ("magics", "number", "source")

    def __init__(self, number: int, source: str, magics: "list[tuple[int, str]]") -> None:
        self.number = number
        self.source = source
        self.magics = magics


def read_cells(document: "Any") -> "list[Cell]":
    """Return the cells of code of a notebook that was read as JSON.

    Raises:
        ValueError: it is no notebook.
    """
    sheets = document.get("worksheets") if isinstance(document, dict) else None
    rows = [row for sheet in sheets for row in sheet["cells"]] if sheets else None
    if rows is None:
        rows = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise ValueError("it has no cells")  # noqa: TRY004 - of a document, not of a call
    cells = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or row.get("cell_type") != "code":
            continue
        # Of nbformat 3 it is the input.
        source = row.get("source", row.get("input", ""))
        text = "".join(source) if isinstance(source, list) else source
        if not isinstance(text, str):
            raise ValueError(f"cell {number} has no text")  # noqa: TRY004 - of a document, not of a call
        cells.append(Cell(number, *_without_magics(text)))
    return cells


def _without_magics(text: str) -> "tuple[str, list[tuple[int, str]]]":
    """Return a cell without what is IPython's, and what that was."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and first.split()[0] not in _PYTHON_CELLS:
        return "", [(1 + lines.index(first), first)]
    if _is_python(text):
        return text, []
    kept = []  # type: list[str]
    magics = []
    for number, line in enumerate(lines, 1):
        if _is_magic(line.strip()) and not _goes_on(kept):
            magics.append((number, line.strip()))
            # In its place, so that a block which it was alone in stays one.
            kept.append(line[: len(line) - len(line.lstrip())] + "pass")
        else:
            kept.append(line)
    return "\n".join(kept) + "\n", magics


def _is_magic(line: str) -> bool:
    if line.startswith(("%", "!", "?", "pip install ", "uv pip install ")) or (line.endswith("?") and "#" not in line):
        return True
    name, equals, value = line.partition("=")
    return bool(equals) and value.strip().startswith(("!", "%")) and name.strip().replace(",", "").isidentifier()


def _is_python(text: str) -> bool:
    try:
        compile(text, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return False
    return True


def _goes_on(lines: "list[str]") -> bool:
    """Tell whether a text or a bracket is open at the end of lines: what follows is no line of its own."""
    feed = iter([line + "\n" for line in lines])
    try:
        for _ in tokenize.generate_tokens(lambda: next(feed, "")):
            pass
    except tokenize.TokenError:
        return True
    except SyntaxError:
        return False
    return bool(lines) and lines[-1].endswith("\\")


def main(path: str, arguments: "list[str]") -> None:
    """Run a notebook as the program of this process.

    Its directory is the first on ``sys.path``, its cells share the names of ``__main__``, and tracebacks show their
    lines.
    """
    import builtins
    import linecache
    import types

    document, loop = _read(path), _Loop()
    # Without __file__, as in a notebook: a process that multiprocessing spawns would try to run it as a script.
    module = types.ModuleType("__main__")
    module.__dict__.update(__builtins__=builtins, display=_display)
    sys.modules["__main__"] = module
    sys.argv = [path, *arguments]
    sys.excepthook = _show
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    for cell in _cells_of(document, path):
        for number, magic in cell.magics:
            sys.stderr.write(f"{path}, cell {cell.number}, line {number}: left out {magic}\n")
        name = f"{path}, cell {cell.number}"
        lines = cell.source.splitlines(keepends=True)
        # Without a time: nobody looks for a file of that name.
        linecache.cache[name] = (len(cell.source), None, lines, name)
        code = compile(cell.source, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        _execute(code, module.__dict__, loop)


class _Loop:
    """The event loop that all cells share which wait at their top level, as they may in a notebook."""

    def __init__(self) -> None:
        self._loop = None  # type: Any

    def wait(self, awaitable: "Any") -> None:
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(awaitable)


def _execute(code: "Any", names: "dict[str, Any]", loop: _Loop) -> None:
    import inspect

    if code.co_flags & inspect.CO_COROUTINE:
        loop.wait(eval(code, names))  # noqa: S307 - the user's own program
    else:
        exec(code, names)  # noqa: S102 - as above


def _show(kind: "type[BaseException]", error: BaseException, trace: "Any") -> None:
    """Print a traceback from the first line of a cell on; older Pythons' own knows no lines but those of files."""
    import traceback

    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    traceback.print_exception(kind, error, trace)


def _display(*things: "Any", **options: "Any") -> None:
    """Show things as notebooks' ``display`` does, or print them where IPython is not there."""
    try:
        from IPython.display import display  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        print(*things)  # noqa: T201 - the user's own program
    else:
        display(*things, **options)


def _read(path: str) -> "Any":
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        _refuse(path, error)


def _cells_of(document: "Any", path: str) -> "Iterator[Cell]":
    try:
        return iter(read_cells(document))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _refuse(path, error)


def _refuse(path: str, error: Exception) -> "NoReturn":
    sys.stderr.write(f"error: {path} can't be read as a notebook: {error}\n")
    sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
