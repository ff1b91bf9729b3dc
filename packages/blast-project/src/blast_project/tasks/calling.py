"""Tasks that are calls of Python functions: ``package.module:function(1, name, verbose=True)``.

The function runs in the environment's Python, in the task's directory. Names among its arguments are arguments of the
task, with their types; ``args`` is the list of words that are left. Without parentheses it is called with none, as an
entry point is, and finds the words in ``sys.argv``. What it returns becomes the exit status as for ``sys.exit``.
"""

from __future__ import annotations

import ast

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_compat.task_tables import Task, TaskArgument
    from blast_project.tasks.words import Values

__all__ = ["call_program"]


def call_program(task: Task, values: Values) -> str:
    """Return the program, for ``python -c``, that calls the function of a task.

    Raises:
        UsageError: it is no call of a function with names and literals.
    """
    text = task.command if isinstance(task.command, str) else ""
    module, _, rest = text.strip().partition(":")
    call = _parse(rest if "(" in rest else f"{rest}()", text)
    parts = _dotted(call.func, text)
    if not module or not all(part.isidentifier() for part in module.split(".")):
        raise _fault(text, f"'{module}' is no module")
    known = {argument.name.replace("-", "_"): argument for argument in task.arguments}
    named = {**{name: _typed(argument, values) for name, argument in known.items()}, "args": list(values.rest)}
    arguments = [ast.unparse(_Names(named, text).visit(node)) for node in call.args]
    for keyword in call.keywords:
        if keyword.arg is None:
            raise _fault(text, "'**' is more than a name or a literal")
        arguments.append(f"{keyword.arg}={ast.unparse(_Names(named, text).visit(keyword.value))}")
    return "\n".join(
        [
            "import sys, importlib",
            f"sys.argv[0] = {task.name!r}",
            f"f = importlib.import_module({module!r})",
            *(f"f = f.{part}" for part in parts),
            f"sys.exit(f({', '.join(arguments)}))",
        ]
    )


def _parse(expression: str, text: str) -> ast.Call:
    try:
        node = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise _fault(text, str(error)) from error
    if not isinstance(node, ast.Call):
        raise _fault(text, "it is no call")
    return node


def _dotted(node: ast.expr, text: str) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*_dotted(node.value, text), node.attr]
    raise _fault(text, "what is called is no name")


class _Names(ast.NodeTransformer):
    """Puts literals in the place of names, and lets nothing else in."""

    def __init__(self, named: dict[str, object], text: str) -> None:
        self._named, self._text = named, text

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Name):
            if node.id not in self._named:
                raise _fault(self._text, f"there is no argument '{node.id}'")
            return ast.parse(repr(self._named[node.id]), mode="eval").body
        allowed = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp, ast.unaryop, ast.expr_context)
        if not isinstance(node, allowed):
            raise _fault(self._text, f"'{ast.unparse(node)}' is more than a name or a literal")
        return self.generic_visit(node)


def _typed(argument: TaskArgument, values: Values) -> object:
    value = values.named[argument.name]
    if argument.many:
        from shlex import split

        return split(value)
    if argument.type == "boolean":
        return value == "true"
    if argument.type == "integer":
        return int(value)
    return float(value) if argument.type == "number" else value


def _fault(text: str, reason: str) -> UsageError:
    return UsageError(
        f"call = '{text}' can't be called",
        reason=reason,
        hint="such as 'package.module:function(1, name, verbose=True)'",
    )
