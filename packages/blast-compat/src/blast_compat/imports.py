"""What a program imports, read from its text; nothing is executed.

Of imports that stand in for each other (``try`` with a handler for ImportError) the first that works is enough.
"""

from __future__ import annotations

import ast

from blast_core.errors import InvalidManifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["find_imports"]

_FAILURES = frozenset(("ImportError", "ModuleNotFoundError", "Exception", "BaseException"))


def find_imports(text: str, path: str) -> tuple[tuple[str, ...], ...]:
    """Return what is imported, in the order of first mention, wherever it stands.

    Each row names modules of which one is needed, the one that is tried first in front. ``from a import b`` is ``a.b``:
    whether ``b`` is a module only its distribution tells. Imports for type checkers alone are left out, and so are
    relative ones.

    Raises:
        InvalidManifest: the text is no Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        raise InvalidManifest(
            f"{path}:{line}: what it imports can't be read", reason=str(error), file=path, line=line
        ) from error
    rows: dict[tuple[str, ...], None] = {}
    for row in _rows(tree.body):
        rows[row] = None
    return tuple(rows)


def _rows(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ...]]:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((name,) for name in _names(node))
        elif isinstance(node, ast.Try) and any(_catches(handler) for handler in node.handlers):
            yield from _alternatives(node)
        elif isinstance(node, ast.If) and _is_for_checkers(node.test):
            yield from _rows(node.orelse)
        else:
            for inner in _bodies(node):
                yield from _rows(inner)


def _names(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif not node.level and node.module:
        yield from (node.module if alias.name == "*" else f"{node.module}.{alias.name}" for alias in node.names)


def _alternatives(node: ast.Try) -> Iterator[tuple[str, ...]]:
    """Yield what a ``try`` imports: each of its imports, or in its place what the handlers import.

    Where nothing takes the place of an import and the program goes on, it gets by without: then none is needed.
    """
    others = [name for handler in node.handlers for row in _rows(handler.body) for name in row]
    gives_up = any(_ends(handler.body) for handler in node.handlers)
    rows = list(_rows(node.body))
    if gives_up:
        yield from rows
    elif others:
        yield from ((*row, *others) for row in rows)
    yield from _rows([*node.orelse, *node.finalbody])


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in _FAILURES for kind in kinds)


def _ends(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a handler ends the program: by ``raise``, ``exit()``, ``sys.exit()`` or the like."""
    last = body[-1]
    if isinstance(last, ast.Raise):
        return True
    call = last.value.func if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) else None
    word = call.id if isinstance(call, ast.Name) else call.attr if isinstance(call, ast.Attribute) else ""
    return word in ("exit", "quit", "_exit", "SystemExit")


def _is_for_checkers(test: ast.expr) -> bool:
    word = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
    return word == "TYPE_CHECKING"


def _bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        inner = getattr(node, name, None)
        if isinstance(inner, list):
            yield inner
    for holder in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield holder.body
